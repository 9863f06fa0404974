"""A draft: a complaint or a message to support that a shopper has begun to write and not sent yet.

There is one of each kind for each shopper. It is kept letter by letter as it was typed, and what a save does not
mention stays as it was. Sending it or throwing it away discards it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never, get_args

import msgspec
from msgspec import UNSET, UnsetType

from domain import values
from domain.model import Command, Decider, Event, Invalid, Personal

Kind = Literal["complaint", "support"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_TITLE = 500
MAX_TEXT = 20_000


class DraftSaved(Event):
    """What was written so far. A field that is absent stayed as it was."""

    shopper: str
    kind: str
    title: Personal[str] | UnsetType = UNSET
    text: Personal[str] | UnsetType = UNSET
    at: datetime


class DraftDiscarded(Event):
    """The draft is gone: it was sent, or thrown away."""

    shopper: str
    kind: str
    at: datetime


class SaveDraft(Command):
    """Keep what was written so far: a field left `UNSET` stays as it is."""

    shopper: str
    kind: Kind
    title: str | UnsetType = UNSET
    text: str | UnsetType = UNSET
    now: datetime


class DiscardDraft(Command):
    """Throw the draft away."""

    shopper: str
    kind: Kind
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    begun: bool = False
    title: str = ""
    text: str = ""


def evolve(state: State, event: DraftSaved | DraftDiscarded) -> State:
    match event:
        case DraftSaved():
            return State(
                begun=True,
                title=state.title if event.title is UNSET else event.title,
                text=state.text if event.text is UNSET else event.text,
            )
        case DraftDiscarded():
            return State()
        case _:
            assert_never(event)


def decide(state: State, command: SaveDraft | DiscardDraft) -> list[Event]:
    """Refuses with VALUE_NOT_ALLOWED, TEXT_TOO_LONG and TEXT_UNPRINTABLE (Invalid)."""
    kind = values.one_of(command.kind, KINDS, "kind")
    match command:
        case SaveDraft():
            title = state.title if command.title is UNSET else _typed(command.title, "title", MAX_TITLE)
            text = state.text if command.text is UNSET else _typed(command.text, "text", MAX_TEXT)
            saved = DraftSaved(
                shopper=command.shopper,
                kind=kind,
                title=UNSET if title == state.title else title,
                text=UNSET if text == state.text else text,
                at=command.now,
            )
            return [] if evolve(state, saved) == state else [saved]
        case DiscardDraft():
            return [DraftDiscarded(shopper=command.shopper, kind=kind, at=command.now)] if state.begun else []
        case _:
            assert_never(command)


def _typed(written: str, field: str, maximum: int) -> str:
    """Words as they were typed, blanks at the end included."""
    if len(written) > maximum:
        raise Invalid("TEXT_TOO_LONG", field=field, maximum=maximum)
    if "\0" in written or any("\ud800" <= character <= "\udfff" for character in written):
        raise Invalid("TEXT_UNPRINTABLE", field=field)
    return written


def stream(organization: str, shopper: str, kind: str) -> str:
    return values.stream_name("draft", organization, shopper, kind)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
