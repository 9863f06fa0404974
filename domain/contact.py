"""A contact: somebody's entry in their phone book, and the groups it is in.

A phone number stands once in each owner's phone book; the claim on it goes into the same append (see `claim`). What is
known of the person is sealed with the contact's key, which goes when the contact is deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound, Personal

MAX_NAME = 100
MAX_GROUPS = 200
E164 = re.compile(r"\+[1-9][0-9]{1,14}")
PUNCTUATION = str.maketrans("", "", " \t-./()\u00a0\u202f\u2010\u2011\u2012\u2013\u200b\u200e\u200f\u202a\u202c\ufeff")


class ContactAdded(Event):
    """Somebody stands in an owner's phone book. `source` is the import that brought them."""

    contact: str
    owner: str
    name: Personal[str]
    phone: Personal[str]
    email: Personal[str | None] = None
    active: bool = True
    groups: tuple[str, ...] = ()
    source: str | None = None
    at: datetime


class ContactChanged(Event):
    """An entry was corrected. A field that is absent stayed as it was; null means it was cleared."""

    contact: str
    owner: str
    name: Personal[str] | UnsetType = UNSET
    phone: Personal[str] | UnsetType = UNSET
    email: Personal[str | None] | UnsetType = UNSET
    active: bool | UnsetType = UNSET
    source: str | None = None
    at: datetime


class ContactGrouped(Event):
    """A contact came into these groups."""

    contact: str
    owner: str
    groups: tuple[str, ...]
    at: datetime


class ContactUngrouped(Event):
    """A contact left these groups."""

    contact: str
    owner: str
    groups: tuple[str, ...]
    at: datetime


class ContactDeleted(Event):
    """A contact was taken out of the phone book: what was known of the person can no longer be read anywhere."""

    contact: str
    owner: str
    at: datetime


class AddContact(Command):
    """Put somebody into the phone book."""

    contact: str
    owner: str
    name: str
    phone: str
    email: str | None = None
    active: bool = True
    groups: tuple[str, ...] = ()
    source: str | None = None
    now: datetime


class ChangeContact(Command):
    """Correct what is given; None clears the e-mail address. `groups` are all that it is in from now on, `join` are
    more of them. The number it has must still be `phone_was`, since the claims of this append depend on it."""

    contact: str
    name: str | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    phone_was: str | None = None
    email: str | UnsetType | None = UNSET
    active: bool | UnsetType = UNSET
    groups: tuple[str, ...] | UnsetType = UNSET
    join: tuple[str, ...] = ()
    source: str | None = None
    now: datetime


class LeaveGroup(Command):
    """Take the contact out of a group."""

    contact: str
    group: str
    now: datetime


class DeleteContact(Command):
    """Take the contact out of the phone book. The number it has must still be `phone_was`."""

    contact: str
    phone_was: str | None = None
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    owner: str | None = None
    name: str = ""
    phone: str = ""
    email: str | None = None
    active: bool = True
    groups: frozenset[str] = frozenset()
    deleted: bool = False


ContactEvent = ContactAdded | ContactChanged | ContactGrouped | ContactUngrouped | ContactDeleted
ContactCommand = AddContact | ChangeContact | LeaveGroup | DeleteContact


def evolve(state: State, event: ContactEvent) -> State:
    match event:
        case ContactAdded():
            return State(
                owner=event.owner,
                name=event.name,
                phone=event.phone,
                email=event.email,
                active=event.active,
                groups=frozenset(event.groups),
            )
        case ContactChanged():
            return replace(
                state,
                name=state.name if event.name is UNSET else event.name,
                phone=state.phone if event.phone is UNSET else event.phone,
                email=state.email if event.email is UNSET else event.email,
                active=state.active if event.active is UNSET else event.active,
            )
        case ContactGrouped():
            return replace(state, groups=state.groups | {*event.groups})
        case ContactUngrouped():
            return replace(state, groups=state.groups - {*event.groups})
        case ContactDeleted():
            return State(owner=event.owner, deleted=True)
        case _:
            assert_never(event)


def decide(state: State, command: ContactCommand) -> list[Event]:
    """Refuses with TEXT_*, EMAIL_INVALID, PHONE_INVALID, TOO_MANY (Invalid), CONTACT_NOT_FOUND (NotFound),
    CONTACT_EXISTS and CHANGED_MEANWHILE (Conflict)."""
    if isinstance(command, AddContact):
        return add(state, command)
    if state.deleted and isinstance(command, DeleteContact):
        return []
    if state.owner is None or state.deleted:
        raise NotFound("CONTACT_NOT_FOUND", contact=command.contact)
    match command:
        case ChangeContact():
            return change(state, state.owner, command)
        case LeaveGroup():
            if command.group not in state.groups:
                return []
            left = (command.group,)
            return [ContactUngrouped(contact=command.contact, owner=state.owner, groups=left, at=command.now)]
        case DeleteContact():
            _still(state, command.phone_was)
            return [ContactDeleted(contact=command.contact, owner=state.owner, at=command.now)]
        case _:
            assert_never(command)


def add(state: State, command: AddContact) -> list[Event]:
    added = ContactAdded(
        contact=command.contact,
        owner=command.owner,
        name=values.text(command.name, "name", MAX_NAME),
        phone=phone(command.phone),
        email=email(command.email),
        active=command.active,
        groups=_groups(command.groups),
        source=command.source,
        at=command.now,
    )
    if state.owner is None:
        return [added]
    if evolve(state, added) == state:
        return []
    raise Conflict("CONTACT_EXISTS", contact=command.contact)


def change(state: State, owner: str, command: ChangeContact) -> list[Event]:
    changed = ContactChanged(
        contact=command.contact,
        owner=owner,
        name=_other(state.name, command.name, lambda given: values.text(given, "name", MAX_NAME)),
        phone=_other(state.phone, command.phone, phone),
        email=_other(state.email, command.email, email),
        active=_other(state.active, command.active, bool),
        source=command.source,
        at=command.now,
    )
    if changed.phone is not UNSET:
        _still(state, command.phone_was)
    wanted = state.groups if command.groups is UNSET else frozenset(_groups(command.groups))
    wanted |= {*_groups(command.join)}
    if len(wanted) > MAX_GROUPS:
        raise Invalid("TOO_MANY", field="groups", maximum=MAX_GROUPS)
    events: list[Event] = [] if evolve(state, changed) == state else [changed]
    if came := tuple(sorted(wanted - state.groups)):
        events.append(ContactGrouped(contact=command.contact, owner=owner, groups=came, at=command.now))
    if left := tuple(sorted(state.groups - wanted)):
        events.append(ContactUngrouped(contact=command.contact, owner=owner, groups=left, at=command.now))
    return events


def phone(written: str, field: str = "phone") -> str:
    """A phone number as the WhatsApp Scheduler document wants it, E.164: "+5215598772310". Digits of any script and
    punctuation are taken; without + or 00 in front it says no country, and is refused."""
    kept = "".join(_digit(character) for character in written.translate(PUNCTUATION))
    kept = f"+{kept[2:]}" if kept.startswith("00") else kept
    if not E164.fullmatch(kept):
        raise Invalid("PHONE_INVALID", field=field)
    return kept


def email(written: str | None) -> str | None:
    """An e-mail address, or None where nothing was written."""
    return values.email(written) if written and written.strip() else None


def _digit(character: str) -> str:
    """Arabic and other decimal digits as those of ASCII."""
    return str(int(character)) if character.isdecimal() else character


def _other(known, given, checked):
    """What is given where it differs from what is known, else `UNSET`."""
    if given is UNSET:
        return UNSET
    value = checked(given)
    return UNSET if value == known else value


def _still(state: State, phone_was: str | None) -> None:
    if phone_was is not None and phone_was != state.phone:
        raise Conflict("CHANGED_MEANWHILE")


def _groups(groups: Iterable[str]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(values.text(group, "groups") for group in groups))
    if len(kept) > MAX_GROUPS:
        raise Invalid("TOO_MANY", field="groups", maximum=MAX_GROUPS)
    return kept


def unique(organization: str, owner: str, phone: str) -> str:
    """What stands once in an owner's phone book; its digest is claimed."""
    return f"phone/{organization}/{owner}/{phone}"


def stream(organization: str, contact: str) -> str:
    return values.stream_name("contact", organization, contact)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
