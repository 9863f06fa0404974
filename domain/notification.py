"""A notification: something a user should see once.

It holds facts and no sentences: `kind` says what it is about, and each frontend says the kinds that it knows in its own
language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, assert_never

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound

Level = Literal["success", "error", "warning", "info"]
KIND = re.compile(r"[a-z][a-z_]{0,59}")
MAX_FACT = 200


class NotificationRaised(Event):
    """There is something for a user to see, about `entity_id`, which is an `entity` (message, group, contact, ...)."""

    notification: str
    user: str
    kind: str
    level: str
    entity: str | None
    entity_id: str | None
    facts: Mapping[str, str | int]
    at: datetime


class NotificationRead(Event):
    """The user has seen it."""

    notification: str
    user: str
    at: datetime


class NotificationDeleted(Event):
    """The user does not want to see it again."""

    notification: str
    user: str
    at: datetime


class RaiseNotification(Command):
    """Let a user know."""

    notification: str
    user: str
    kind: str
    level: Level
    entity: str | None = None
    entity_id: str | None = None
    facts: Mapping[str, str | int] = {}
    now: datetime


class ReadNotification(Command):
    """Note that it was seen."""

    notification: str
    now: datetime


class DeleteNotification(Command):
    """Do not show it again."""

    notification: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    user: str | None = None
    raised_at: datetime | None = None
    read: bool = False
    deleted: bool = False


def evolve(state: State, event: NotificationRaised | NotificationRead | NotificationDeleted) -> State:
    match event:
        case NotificationRaised():
            return State(user=event.user, raised_at=event.at)
        case NotificationRead():
            return replace(state, read=True)
        case NotificationDeleted():
            return replace(state, deleted=True)
        case _:
            assert_never(event)


def decide(state: State, command: RaiseNotification | ReadNotification | DeleteNotification) -> list[Event]:
    """Refuses with KIND_INVALID (Invalid), NOTIFICATION_NOT_FOUND (NotFound) and NOTIFICATION_EXISTS (Conflict)."""
    if isinstance(command, RaiseNotification):
        return raised(state, command)
    if state.user is None or (state.deleted and not isinstance(command, DeleteNotification)):
        raise NotFound("NOTIFICATION_NOT_FOUND", notification=command.notification)
    match command:
        case ReadNotification():
            if state.read:
                return []
            return [NotificationRead(notification=command.notification, user=state.user, at=command.now)]
        case DeleteNotification():
            if state.deleted:
                return []
            return [NotificationDeleted(notification=command.notification, user=state.user, at=command.now)]
        case _:
            assert_never(command)


def raised(state: State, command: RaiseNotification) -> list[Event]:
    if state.user is not None:
        if state.user == command.user and state.raised_at == command.now:
            return []
        raise Conflict("NOTIFICATION_EXISTS", notification=command.notification)
    if not KIND.fullmatch(command.kind):
        raise Invalid("KIND_INVALID", field="kind")
    return [
        NotificationRaised(
            notification=command.notification,
            user=values.text(command.user, "user"),
            kind=command.kind,
            level=command.level,
            entity=command.entity,
            entity_id=command.entity_id,
            facts={name: _short(value) for name, value in command.facts.items()},
            at=command.now,
        )
    ]


def _short(value: str | int) -> str | int:
    return value[:MAX_FACT] if isinstance(value, str) else value


def stream(organization: str, notification: str) -> str:
    return values.stream_name("notification", organization, notification)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
