"""The words every aggregate is written in: Event, Command, Decider, Refused, Personal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Generic, TypeVar, dataclass_transform

import msgspec

State = TypeVar("State")
T = TypeVar("T")

PERSONAL = "personal"
Personal = Annotated[T, msgspec.Meta(extra={PERSONAL: True})]
"""A field that says something about a person: `name: Personal[str]`. Stored sealed with its subject's key; after an
erasure it reads as `ERASED` (text) or None (optional text)."""

ERASED = "∅"


def known(personal: str | None) -> str | None:
    """A personal text, None when it was erased: what a view with a unique index must store."""
    return None if personal == ERASED else personal


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(msgspec.field,))
class KeywordOnly(msgspec.StructMeta):
    """Structs whose subclasses are keyword-only without saying so, and may therefore put an optional field anywhere."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> KeywordOnly:
        return super().__new__(mcls, name, bases, namespace, **{"kw_only": True, **options})


# Events and commands hold values, never each other, so no cycle can begin at one; and a process that follows the log
# makes two hundred thousand a second, which the garbage collector need not look at.


class Event(msgspec.Struct, frozen=True, gc=False, metaclass=KeywordOnly):
    """Something that happened. Its class name is its stored name and its fields are a public format: a new field needs
    a default, a type never changes, a class is never renamed. `tests/golden/events.json` holds every shape released."""


class Command(msgspec.Struct, frozen=True, gc=False, metaclass=KeywordOnly):
    """Something asked for. Carries every fact the decision needs, the time included."""


class Refused(Exception):
    """A broken rule. Carries facts, not prose: `code` names the rule, `facts` its numbers and fields; each frontend's
    contract turns them into a status and a sentence in its language."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code, facts)
        self.code = code
        self.facts = facts


class Invalid(Refused):
    """The request cannot be right in any state: a value outside its limits."""


class NotFound(Refused):
    """What the command speaks of does not exist."""


class Conflict(Refused):
    """Right in another state, not in this one."""


class Forbidden(Refused):
    """Not for this caller."""


class Decider(msgspec.Struct, Generic[State], frozen=True, kw_only=True):
    """An aggregate as the store sees it: the state before anything happened, how an event changes a state, and what a
    command leads to. `decide` on the state that its own events lead to adds nothing.

    `snapshot_every` is for streams that grow long: after so many versions the store keeps the state, and loads from
    there. Not for aggregates with personal data."""

    initial: State
    evolve: Callable[[State, Any], State]
    decide: Callable[[State, Any], list[Event]]
    snapshot_every: int = 0

    def fold(self, state: State, events: Iterable[Event]) -> State:
        """The state after these events."""
        evolve = self.evolve
        for event in events:
            state = evolve(state, event)
        return state
