"""Whom a message goes to: each contact once, in parts that an event can hold."""

from __future__ import annotations

from collections.abc import Iterable

from domain import values
from domain.model import Invalid

MAX_RECIPIENTS = 100_000
MAX_GROUPS = 200
LISTED_AT_ONCE = 5_000
"""How many recipients one event lists: an event must stay small enough to be stored."""


def parts(recipients: Iterable[str]) -> list[tuple[str, ...]]:
    """The recipients, each once, in the order given."""
    once = tuple(dict.fromkeys(recipients))
    return [once[first : first + LISTED_AT_ONCE] for first in range(0, len(once), LISTED_AT_ONCE)]


def refuse_too_many(recipients: int) -> None:
    """Refuse what would go to more than one message may with TOO_MANY_RECIPIENTS."""
    if recipients > MAX_RECIPIENTS:
        raise Invalid("TOO_MANY_RECIPIENTS", field="groups", maximum=MAX_RECIPIENTS, recipients=recipients)


def groups(ids: Iterable[str]) -> tuple[str, ...]:
    """The groups that a message is for, each once, in the order given."""
    kept = tuple(dict.fromkeys(values.text(group, "groups") for group in ids))
    if len(kept) > MAX_GROUPS:
        raise Invalid("TOO_MANY", field="groups", maximum=MAX_GROUPS)
    return kept
