"""A group: a named audience of contacts. Who is in it is known by the contacts (see `contact`).

A name stands once among an owner's groups, whatever its case; the claim on it goes into the same append.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, NotFound

MAX_NAME = 100
MAX_DESCRIPTION = 500


class GroupCreated(Event):
    """Somebody made a group."""

    group: str
    owner: str
    name: str
    description: str
    at: datetime


class GroupChanged(Event):
    """A group is called or described otherwise. A field that is absent stayed as it was."""

    group: str
    owner: str
    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    at: datetime


class GroupDeleted(Event):
    """A group is no more. Its contacts stay in the phone book."""

    group: str
    owner: str
    at: datetime


class CreateGroup(Command):
    """Make a group."""

    group: str
    owner: str
    name: str
    description: str = ""
    now: datetime


class ChangeGroup(Command):
    """Call or describe it otherwise. Its name must still be `name_was`: the claims of this append depend on it."""

    group: str
    name: str | UnsetType = UNSET
    name_was: str | None = None
    description: str | UnsetType = UNSET
    now: datetime


class DeleteGroup(Command):
    """Do away with it. Its name must still be `name_was`."""

    group: str
    name_was: str | None = None
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    owner: str | None = None
    name: str = ""
    description: str = ""
    deleted: bool = False


def evolve(state: State, event: GroupCreated | GroupChanged | GroupDeleted) -> State:
    match event:
        case GroupCreated():
            return State(owner=event.owner, name=event.name, description=event.description)
        case GroupChanged():
            return replace(
                state,
                name=state.name if event.name is UNSET else event.name,
                description=state.description if event.description is UNSET else event.description,
            )
        case GroupDeleted():
            return State(owner=event.owner, deleted=True)
        case _:
            assert_never(event)


def decide(state: State, command: CreateGroup | ChangeGroup | DeleteGroup) -> list[Event]:
    """Refuses with TEXT_* (Invalid), GROUP_NOT_FOUND (NotFound), GROUP_EXISTS and CHANGED_MEANWHILE (Conflict)."""
    if isinstance(command, CreateGroup):
        return create(state, command)
    if state.deleted and isinstance(command, DeleteGroup):
        return []
    if state.owner is None or state.deleted:
        raise NotFound("GROUP_NOT_FOUND", group=command.group)
    match command:
        case ChangeGroup():
            name = state.name if command.name is UNSET else values.text(command.name, "name", MAX_NAME)
            description = state.description if command.description is UNSET else _description(command.description)
            changed = GroupChanged(
                group=command.group,
                owner=state.owner,
                name=UNSET if name == state.name else name,
                description=UNSET if description == state.description else description,
                at=command.now,
            )
            if changed.name is not UNSET:
                _still(state, command.name_was)
            return [] if evolve(state, changed) == state else [changed]
        case DeleteGroup():
            _still(state, command.name_was)
            return [GroupDeleted(group=command.group, owner=state.owner, at=command.now)]
        case _:
            assert_never(command)


def create(state: State, command: CreateGroup) -> list[Event]:
    created = GroupCreated(
        group=command.group,
        owner=command.owner,
        name=values.text(command.name, "name", MAX_NAME),
        description=_description(command.description),
        at=command.now,
    )
    if state.owner is None:
        return [created]
    if evolve(state, created) == state:
        return []
    raise Conflict("GROUP_EXISTS", group=command.group)


def folded(name: str) -> str:
    """The same for names that a reader would call the same."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


def _description(written: str) -> str:
    return values.optional_text(written, "description", MAX_DESCRIPTION, lines=True) or ""


def _still(state: State, name_was: str | None) -> None:
    if name_was is not None and name_was != state.name:
        raise Conflict("CHANGED_MEANWHILE")


def unique(organization: str, owner: str, name: str) -> str:
    """What stands once among an owner's groups; its digest is claimed."""
    return f"group/{organization}/{owner}/{folded(name)}"


def stream(organization: str, group: str) -> str:
    return values.stream_name("group", organization, group)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
