"""An organization: the tenant that every stream, row and token belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, NotFound


class OrganizationFounded(Event):
    """An organization began to keep its log here."""

    organization: str
    name: str
    at: datetime


class OrganizationRenamed(Event):
    """An organization goes by another name."""

    organization: str
    name: str
    at: datetime


class FoundOrganization(Command):
    """Begin an organization."""

    organization: str
    name: str
    now: datetime


class RenameOrganization(Command):
    """Call an organization by another name."""

    organization: str
    name: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    founded: bool = False
    first_name: str = ""
    name: str = ""


def evolve(state: State, event: OrganizationFounded | OrganizationRenamed) -> State:
    match event:
        case OrganizationFounded():
            return State(founded=True, first_name=event.name, name=event.name)
        case OrganizationRenamed():
            return replace(state, name=event.name)
        case _:
            assert_never(event)


def decide(state: State, command: FoundOrganization | RenameOrganization) -> list[Event]:
    """Refuses with TEXT_* (Invalid), ORGANIZATION_NOT_FOUND (NotFound) and ORGANIZATION_ALREADY_EXISTS (Conflict)."""
    name = values.text(command.name, "name")
    match command:
        case FoundOrganization():
            if not state.founded:
                return [OrganizationFounded(organization=command.organization, name=name, at=command.now)]
            if name == state.first_name:
                return []
            raise Conflict("ORGANIZATION_ALREADY_EXISTS", organization=command.organization)
        case RenameOrganization():
            if not state.founded:
                raise NotFound("ORGANIZATION_NOT_FOUND", organization=command.organization)
            if name == state.name:
                return []
            return [OrganizationRenamed(organization=command.organization, name=name, at=command.now)]
        case _:
            assert_never(command)


def stream(organization: str) -> str:
    return values.stream_name("organization", organization)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
