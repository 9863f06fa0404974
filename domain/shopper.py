"""A shopper: somebody with an account in the shop's client area.

A shopper signs in with a username. Username, identity card and e-mail address are each unique in the shop, by a claim
in the same append. Passwords, sessions and recovery codes are not here: they are secrets, not history. Once erased, an
account takes no more changes.
"""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Any, assert_never

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound, Personal

MIN_USERNAME = 3
MAX_USERNAME = 60
MAX_CARD = 40
MAX_ADDRESS = 500
MAX_PHONE = 40

UNIQUE = ("username", "card", "email")
"""What a claim holds for the account."""


class ShopperRegistered(Event):
    """Somebody opened an account."""

    shopper: str
    username: Personal[str]
    name: Personal[str]
    card: Personal[str]
    address: Personal[str | None] = None
    phone: Personal[str | None] = None
    email: Personal[str | None] = None
    at: datetime


class ShopperChanged(Event):
    """A profile was corrected. A field that is absent stayed as it was; null means it was cleared."""

    shopper: str
    username: Personal[str] | UnsetType = UNSET
    name: Personal[str] | UnsetType = UNSET
    card: Personal[str] | UnsetType = UNSET
    address: Personal[str | None] | UnsetType = UNSET
    phone: Personal[str | None] | UnsetType = UNSET
    email: Personal[str | None] | UnsetType = UNSET
    at: datetime


class ShopperDeactivated(Event):
    """An account may not be used until it is reactivated."""

    shopper: str
    at: datetime


class ShopperReactivated(Event):
    """An account may be used again."""

    shopper: str
    at: datetime


class ShopperErased(Event):
    """The person asked to be forgotten: what was personal can no longer be read anywhere."""

    shopper: str
    at: datetime


class RecoveryRequested(Event):
    """Somebody who says that the account is theirs forgot its password."""

    shopper: str
    at: datetime


class AccountRecovered(Event):
    """A new password was set with a recovery code. What it is stands nowhere in the log."""

    shopper: str
    at: datetime


class RegisterShopper(Command):
    """Open an account."""

    shopper: str
    username: str
    name: str
    card: str
    address: str | None = None
    phone: str | None = None
    email: str | None = None
    now: datetime


class Known(msgspec.Struct, frozen=True):
    """The unique values of an account, as whoever moves their claims knows them."""

    username: str
    card: str
    email: str | None


class ChangeShopper(Command):
    """Correct a profile: a field left `UNSET` stays as it is, None clears it. `known` says whose claims are released
    for new ones."""

    shopper: str
    known: Known
    username: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    card: str | UnsetType = UNSET
    address: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    now: datetime


class DeactivateShopper(Command):
    """Lock an account."""

    shopper: str
    now: datetime


class ReactivateShopper(Command):
    """Unlock it."""

    shopper: str
    now: datetime


class EraseShopper(Command):
    """Forget the person. The keys that seal what is known of them go in the same step."""

    shopper: str
    now: datetime


class RequestRecovery(Command):
    """Ask for a way to set another password. For an account that may not be used, nothing happens."""

    shopper: str
    now: datetime


class RecoverAccount(Command):
    """Note that another password was set."""

    shopper: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    registered: bool = False
    active: bool = False
    erased: bool = False
    username: str = ""
    name: str = ""
    card: str = ""
    address: str | None = None
    phone: str | None = None
    email: str | None = None
    recovery_requested: datetime | None = None
    recovered: datetime | None = None


FIELDS = ("username", "name", "card", "address", "phone", "email")


def evolve(
    state: State,
    event: ShopperRegistered
    | ShopperChanged
    | ShopperDeactivated
    | ShopperReactivated
    | ShopperErased
    | RecoveryRequested
    | AccountRecovered,
) -> State:
    match event:
        case ShopperRegistered():
            return State(registered=True, active=True, **{field: getattr(event, field) for field in FIELDS})
        case ShopperChanged():
            given = {field: getattr(event, field) for field in FIELDS}
            return replace(state, **{field: value for field, value in given.items() if value is not UNSET})
        case ShopperDeactivated():
            return replace(state, active=False)
        case ShopperReactivated():
            return replace(state, active=True)
        case ShopperErased():
            return State(registered=True, erased=True)
        case RecoveryRequested():
            return replace(state, recovery_requested=event.at)
        case AccountRecovered():
            return replace(state, recovered=event.at)
        case _:
            assert_never(event)


def decide(
    state: State,
    command: RegisterShopper
    | ChangeShopper
    | DeactivateShopper
    | ReactivateShopper
    | EraseShopper
    | RequestRecovery
    | RecoverAccount,
) -> list[Event]:
    """Refuses with TEXT_*, USERNAME_LENGTH, EMAIL_INVALID (Invalid), SHOPPER_NOT_FOUND (NotFound),
    SHOPPER_ALREADY_EXISTS, SHOPPER_CHANGED and SHOPPER_ERASED (Conflict)."""
    if state.erased:
        if isinstance(command, EraseShopper):
            return []
        raise Conflict("SHOPPER_ERASED", shopper=command.shopper)
    if isinstance(command, RegisterShopper):
        return register(state, command)
    if not state.registered:
        raise NotFound("SHOPPER_NOT_FOUND", shopper=command.shopper)
    match command:
        case ChangeShopper():
            return change(state, command)
        case DeactivateShopper():
            return [ShopperDeactivated(shopper=command.shopper, at=command.now)] if state.active else []
        case ReactivateShopper():
            return [] if state.active else [ShopperReactivated(shopper=command.shopper, at=command.now)]
        case EraseShopper():
            return [ShopperErased(shopper=command.shopper, at=command.now)]
        case RequestRecovery():
            if not state.active or command.now == state.recovery_requested:
                return []
            return [RecoveryRequested(shopper=command.shopper, at=command.now)]
        case RecoverAccount():
            if command.now == state.recovered:
                return []
            return [AccountRecovered(shopper=command.shopper, at=command.now)]
        case _:
            assert_never(command)


def register(state: State, command: RegisterShopper) -> list[Event]:
    registered = ShopperRegistered(shopper=command.shopper, at=command.now, **_checked(command))
    if not state.registered:
        return [registered]
    if evolve(state, registered) == state:
        return []
    raise Conflict("SHOPPER_ALREADY_EXISTS", shopper=command.shopper)


def change(state: State, command: ChangeShopper) -> list[Event]:
    new = {field: value for field, value in _checked(command).items() if value != getattr(state, field)}
    if not new:
        return []
    if any(field in new and getattr(command.known, field) != getattr(state, field) for field in UNIQUE):
        raise Conflict("SHOPPER_CHANGED", shopper=command.shopper)
    return [ShopperChanged(shopper=command.shopper, at=command.now, **new)]


def _checked(command: RegisterShopper | ChangeShopper) -> dict[str, Any]:
    """The fields that the command speaks of, in the form in which they are stored."""
    rules = {
        "username": username,
        "name": lambda written: values.text(written, "name"),
        "card": lambda written: values.text(written, "card", MAX_CARD),
        "address": lambda written: values.optional_text(written, "address", MAX_ADDRESS, lines=True),
        "phone": lambda written: values.optional_text(written, "phone", MAX_PHONE),
        "email": lambda written: values.email(written) if written and written.strip() else None,
    }
    given = {field: getattr(command, field) for field in FIELDS}
    return {field: rules[field](value) for field, value in given.items() if value is not UNSET}


def username(written: str) -> str:
    """The name that a shopper signs in with, as they write it."""
    name = values.text(written, "username", MAX_USERNAME)
    if len(name) < MIN_USERNAME:
        raise Invalid("USERNAME_LENGTH", field="username", minimum=MIN_USERNAME, maximum=MAX_USERNAME)
    return name


def compared(field: str, value: str) -> str:
    """The form in which a unique value is compared: usernames without regard to letter case, identity cards also
    without punctuation."""
    folded = unicodedata.normalize("NFC", value).strip().casefold()
    return "".join(character for character in folded if character.isalnum()) or folded if field == "card" else folded


def stream(organization: str, shopper: str) -> str:
    return values.stream_name("shopper", organization, shopper)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
