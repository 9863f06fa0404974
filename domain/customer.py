"""A customer: a person or company being won or served.

What is known of the person stands only here, sealed with the customer's key; deals and commissions name the customer
by id. Once erased, a customer takes no more changes.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, NotFound, Personal


class CustomerAdded(Event):
    """Somebody became known as a customer; `assigned_to` is the user who looks after them."""

    customer: str
    name: Personal[str]
    email: Personal[str | None] = None
    phone: Personal[str | None] = None
    assigned_to: str | None = None
    at: datetime


class CustomerChanged(Event):
    """What is known of a customer was corrected. A field that is absent stayed as it was; null means it was cleared."""

    customer: str
    name: Personal[str] | UnsetType = UNSET
    email: Personal[str | None] | UnsetType = UNSET
    phone: Personal[str | None] | UnsetType = UNSET
    at: datetime


class CustomerAssigned(Event):
    """Another user looks after the customer, or nobody does."""

    customer: str
    assigned_to: str | None
    previous: str | None
    at: datetime


class CustomerErased(Event):
    """The customer asked to be forgotten: what was personal can no longer be read anywhere."""

    customer: str
    at: datetime


class AddCustomer(Command):
    """Get to know a customer."""

    customer: str
    name: str
    email: str | None = None
    phone: str | None = None
    assigned_to: str | None = None
    now: datetime


class ChangeCustomer(Command):
    """Correct what is known: a field left `UNSET` stays as it is, None clears it."""

    customer: str
    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    now: datetime


class AssignCustomer(Command):
    """Have another user look after the customer, or nobody."""

    customer: str
    assigned_to: str | None
    now: datetime


class EraseCustomer(Command):
    """Forget the person. The key that seals what is known of them goes in the same step."""

    customer: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    added: bool = False
    erased: bool = False
    name: str = ""
    email: str | None = None
    phone: str | None = None
    assigned_to: str | None = None


def evolve(state: State, event: CustomerAdded | CustomerChanged | CustomerAssigned | CustomerErased) -> State:
    match event:
        case CustomerAdded():
            return replace(
                state,
                added=True,
                name=event.name,
                email=event.email,
                phone=event.phone,
                assigned_to=event.assigned_to,
            )
        case CustomerChanged():
            return replace(
                state,
                name=state.name if event.name is UNSET else event.name,
                email=state.email if event.email is UNSET else event.email,
                phone=state.phone if event.phone is UNSET else event.phone,
            )
        case CustomerAssigned():
            return replace(state, assigned_to=event.assigned_to)
        case CustomerErased():
            return State(added=True, erased=True)
        case _:
            assert_never(event)


def decide(state: State, command: AddCustomer | ChangeCustomer | AssignCustomer | EraseCustomer) -> list[Event]:
    """Refuses with TEXT_*, EMAIL_INVALID, PHONE_INVALID (Invalid), CUSTOMER_NOT_FOUND (NotFound),
    CUSTOMER_ALREADY_EXISTS and CUSTOMER_ERASED (Conflict)."""
    if state.erased:
        if isinstance(command, EraseCustomer):
            return []
        raise Conflict("CUSTOMER_ERASED", customer=command.customer)
    if isinstance(command, AddCustomer):
        return add(state, command)
    if not state.added:
        raise NotFound("CUSTOMER_NOT_FOUND", customer=command.customer)
    match command:
        case ChangeCustomer():
            return change(state, command)
        case AssignCustomer():
            if command.assigned_to == state.assigned_to:
                return []
            return [
                CustomerAssigned(
                    customer=command.customer,
                    assigned_to=command.assigned_to,
                    previous=state.assigned_to,
                    at=command.now,
                )
            ]
        case EraseCustomer():
            return [CustomerErased(customer=command.customer, at=command.now)]
        case _:
            assert_never(command)


def add(state: State, command: AddCustomer) -> list[Event]:
    added = CustomerAdded(
        customer=command.customer,
        name=values.text(command.name, "name"),
        email=_email(command.email),
        phone=_phone(command.phone),
        assigned_to=command.assigned_to,
        at=command.now,
    )
    if not state.added:
        return [added]
    if evolve(state, added) == state:
        return []
    raise Conflict("CUSTOMER_ALREADY_EXISTS", customer=command.customer)


def change(state: State, command: ChangeCustomer) -> list[Event]:
    name = state.name if command.name is UNSET else values.text(command.name, "name")
    email = state.email if command.email is UNSET else _email(command.email)
    phone = state.phone if command.phone is UNSET else _phone(command.phone)
    changed = CustomerChanged(
        customer=command.customer,
        name=UNSET if name == state.name else name,
        email=UNSET if email == state.email else email,
        phone=UNSET if phone == state.phone else phone,
        at=command.now,
    )
    return [] if evolve(state, changed) == state else [changed]


def _email(written: str | None) -> str | None:
    return values.email(written) if written and written.strip() else None


def _phone(written: str | None) -> str | None:
    return values.phone(written) if written and written.strip() else None


def stream(organization: str, customer: str) -> str:
    return values.stream_name("customer", organization, customer)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
