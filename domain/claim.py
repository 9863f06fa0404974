"""A claim: a value that only one owner may hold, such as the e-mail address of an account.

The value itself is not here, only a digest that the caller made with a secret and with the scope in which the value is
unique (the organization's id, or nothing for a value unique everywhere). Claiming goes into the same append as the
event that uses the value, so that of two who want it at once one is refused.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import assert_never

import msgspec

from domain.model import Command, Conflict, Decider, Event, Invalid

KIND = re.compile(r"[a-z_]{1,40}")
DIGEST = re.compile(r"[0-9a-f]{32,128}")


class ValueClaimed(Event):
    """An owner holds the value from now on."""

    kind: str
    digest: str
    owner: str
    at: datetime


class ValueReleased(Event):
    """The value is free again."""

    kind: str
    digest: str
    owner: str
    at: datetime


class ClaimValue(Command):
    """Hold a value. `digest` is 32 to 128 hexadecimal digits."""

    kind: str
    digest: str
    owner: str
    now: datetime


class ReleaseValue(Command):
    """Let go of a value."""

    kind: str
    digest: str
    owner: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    owner: str | None = None


def evolve(state: State, event: ValueClaimed | ValueReleased) -> State:
    match event:
        case ValueClaimed():
            return State(owner=event.owner)
        case ValueReleased():
            return State()
        case _:
            assert_never(event)


def decide(state: State, command: ClaimValue | ReleaseValue) -> list[Event]:
    """Refuses with VALUE_TAKEN (Conflict): somebody else holds it."""
    if state.owner is not None and state.owner != command.owner:
        raise Conflict("VALUE_TAKEN", kind=command.kind)
    match command:
        case ClaimValue():
            if state.owner == command.owner:
                return []
            return [ValueClaimed(kind=command.kind, digest=command.digest, owner=command.owner, at=command.now)]
        case ReleaseValue():
            if state.owner is None:
                return []
            return [ValueReleased(kind=command.kind, digest=command.digest, owner=command.owner, at=command.now)]
        case _:
            assert_never(command)


def stream(kind: str, digest: str) -> str:
    if not KIND.fullmatch(kind) or not DIGEST.fullmatch(digest):
        raise Invalid("CLAIM_INVALID", field="digest", kind=kind[:40])
    return f"claim-{kind}-{digest}"


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
