"""A user: a staff account, with a role that says what it may do and a region that says which offers concern it.

Passwords and sessions are not here: they are secrets, not history. Once erased, an account takes no more changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, NotFound, Personal
from domain.values import ROLES, Role

MAX_REGION = 80


class UserAdded(Event):
    """Somebody joined the staff."""

    user: str
    name: Personal[str]
    email: Personal[str]
    phone: Personal[str | None] = None
    role: str
    region: str | None = None
    at: datetime


class UserChanged(Event):
    """An account was corrected. A field that is absent stayed as it was; null means it was cleared."""

    user: str
    name: Personal[str] | UnsetType = UNSET
    phone: Personal[str | None] | UnsetType = UNSET
    region: str | UnsetType | None = UNSET
    at: datetime


class UserRoleChanged(Event):
    """An account may do other things from now on."""

    user: str
    role: str
    previous: str
    at: datetime


class UserDeactivated(Event):
    """An account may do nothing until it is reactivated."""

    user: str
    at: datetime


class UserReactivated(Event):
    """An account may do again what its role allows."""

    user: str
    at: datetime


class UserErased(Event):
    """The person asked to be forgotten: what was personal can no longer be read anywhere."""

    user: str
    at: datetime


class PasswordResetRequested(Event):
    """Somebody who says that the account is theirs forgot its password."""

    user: str
    at: datetime


class PasswordChanged(Event):
    """The account has another password. What it is stands nowhere in the log."""

    user: str
    at: datetime


class AddUser(Command):
    """Take somebody into the staff."""

    user: str
    name: str
    email: str
    phone: str | None = None
    role: Role
    region: str | None = None
    now: datetime


class ChangeUser(Command):
    """Correct an account: a field left `UNSET` stays as it is, None clears it."""

    user: str
    name: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    region: str | UnsetType | None = UNSET
    now: datetime


class ChangeUserRole(Command):
    """Give an account another role."""

    user: str
    role: Role
    now: datetime


class DeactivateUser(Command):
    """Take away what an account may do."""

    user: str
    now: datetime


class ReactivateUser(Command):
    """Give it back."""

    user: str
    now: datetime


class EraseUser(Command):
    """Forget the person. The key that seals what is known of them goes in the same step."""

    user: str
    now: datetime


class RequestPasswordReset(Command):
    """Ask for a way to set another password. For an account that may do nothing, nothing happens."""

    user: str
    now: datetime


class ChangePassword(Command):
    """Note that another password was set."""

    user: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    added: bool = False
    active: bool = False
    erased: bool = False
    name: str = ""
    email: str = ""
    phone: str | None = None
    role: str = ""
    region: str | None = None
    reset_requested: datetime | None = None
    password_changed: datetime | None = None


def evolve(
    state: State,
    event: UserAdded
    | UserChanged
    | UserRoleChanged
    | UserDeactivated
    | UserReactivated
    | UserErased
    | PasswordResetRequested
    | PasswordChanged,
) -> State:
    match event:
        case UserAdded():
            return replace(
                state,
                added=True,
                active=True,
                name=event.name,
                email=event.email,
                phone=event.phone,
                role=event.role,
                region=event.region,
            )
        case UserChanged():
            return replace(
                state,
                name=state.name if event.name is UNSET else event.name,
                phone=state.phone if event.phone is UNSET else event.phone,
                region=state.region if event.region is UNSET else event.region,
            )
        case UserRoleChanged():
            return replace(state, role=event.role)
        case UserDeactivated():
            return replace(state, active=False)
        case UserReactivated():
            return replace(state, active=True)
        case UserErased():
            return State(added=True, erased=True)
        case PasswordResetRequested():
            return replace(state, reset_requested=event.at)
        case PasswordChanged():
            return replace(state, password_changed=event.at)
        case _:
            assert_never(event)


def decide(
    state: State,
    command: AddUser
    | ChangeUser
    | ChangeUserRole
    | DeactivateUser
    | ReactivateUser
    | EraseUser
    | RequestPasswordReset
    | ChangePassword,
) -> list[Event]:
    """Refuses with TEXT_*, EMAIL_INVALID, PHONE_INVALID, VALUE_NOT_ALLOWED (Invalid), USER_NOT_FOUND (NotFound),
    USER_ALREADY_EXISTS and USER_ERASED (Conflict)."""
    if state.erased:
        if isinstance(command, EraseUser):
            return []
        raise Conflict("USER_ERASED", user=command.user)
    if isinstance(command, AddUser):
        return add(state, command)
    if not state.added:
        raise NotFound("USER_NOT_FOUND", user=command.user)
    match command:
        case ChangeUser():
            return change(state, command)
        case ChangeUserRole():
            role = values.one_of(command.role, ROLES, "role")
            if role == state.role:
                return []
            return [UserRoleChanged(user=command.user, role=role, previous=state.role, at=command.now)]
        case DeactivateUser():
            return [UserDeactivated(user=command.user, at=command.now)] if state.active else []
        case ReactivateUser():
            return [] if state.active else [UserReactivated(user=command.user, at=command.now)]
        case EraseUser():
            return [UserErased(user=command.user, at=command.now)]
        case RequestPasswordReset():
            if not state.active or command.now == state.reset_requested:
                return []
            return [PasswordResetRequested(user=command.user, at=command.now)]
        case ChangePassword():
            if command.now == state.password_changed:
                return []
            return [PasswordChanged(user=command.user, at=command.now)]
        case _:
            assert_never(command)


def add(state: State, command: AddUser) -> list[Event]:
    added = UserAdded(
        user=command.user,
        name=values.text(command.name, "name"),
        email=values.email(command.email),
        phone=_phone(command.phone),
        role=values.one_of(command.role, ROLES, "role"),
        region=values.optional_text(command.region, "region", MAX_REGION),
        at=command.now,
    )
    if not state.added:
        return [added]
    if evolve(state, added) == state:
        return []
    raise Conflict("USER_ALREADY_EXISTS", user=command.user)


def change(state: State, command: ChangeUser) -> list[Event]:
    name = state.name if command.name is UNSET else values.text(command.name, "name")
    phone = state.phone if command.phone is UNSET else _phone(command.phone)
    region = state.region if command.region is UNSET else values.optional_text(command.region, "region", MAX_REGION)
    changed = UserChanged(
        user=command.user,
        name=UNSET if name == state.name else name,
        phone=UNSET if phone == state.phone else phone,
        region=UNSET if region == state.region else region,
        at=command.now,
    )
    return [] if evolve(state, changed) == state else [changed]


def _phone(written: str | None) -> str | None:
    return values.phone(written) if written and written.strip() else None


def stream(organization: str, user: str) -> str:
    return values.stream_name("user", organization, user)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
