"""Customers, as staff enter them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api import commands
from api.context import Caller
from api.office import contract
from api.runtime import Runtime
from domain import customer
from domain.model import Conflict, NotFound
from projections import customers, users


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer; an erased one has lost name, e-mail address and phone."""

    id: str
    name: str
    email: str | None
    phone: str | None
    assigned_to: str | None
    erased: bool
    added_at: datetime


class NewCustomer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A customer to enter; `assigned_to` is a user of the organisation."""

    name: str
    email: str | None = None
    phone: str | None = None
    assigned_to: str | None = None


class CustomerChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to correct; a field that is absent stays as it is, null clears it."""

    name: str | UnsetType = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET


class Assignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The user who looks after the customer, null for nobody."""

    assigned_to: str | None


class Customers(msgspec.Struct, frozen=True, kw_only=True):
    """A page in order of id; `next` is the `after` of the following page, null on the last."""

    items: list[Customer]
    next: str | None


def shown(row: customers.Customer) -> Customer:
    """A customer as the office shows it."""
    return Customer(
        id=row.id,
        name=row.name,
        email=row.email,
        phone=row.phone,
        assigned_to=row.assigned_to,
        erased=row.erased,
        added_at=row.added_at,
    )


async def found(runtime: Runtime, organization: str, customer_id: str) -> Customer:
    """The customer by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await customers.by_id(connection, organization, customer_id)
    if row is None:
        raise NotFound("CUSTOMER_NOT_FOUND", customer=customer_id)
    return shown(row)


async def check_user(runtime: Runtime, request: Request[Any, Any, Any], organization: str, user_id: str | None) -> None:
    """Raise `NotFound` for somebody who is not of this organisation, and `Conflict` for who cannot sign in: nobody
    would see whom they look after. A request that comes again is answered as it was."""
    if user_id is None:
        return
    async with runtime.connection() as connection:
        row = await users.by_id(connection, organization, user_id)
    if row is None:
        raise NotFound("USER_NOT_FOUND", user=user_id)
    if not row.active and not await commands.is_repeated(runtime, request):
        raise Conflict("USER_INACTIVE", user=user_id)


@post("/", summary="Enter a customer", opt={"body": NewCustomer, "fails": (404,)})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewCustomer],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Customer:
    """Enter a customer, assigned to a partner or to nobody yet."""
    await check_user(runtime, request, caller.organization, data.assigned_to)
    asked = customer.AddCustomer(
        customer=commands.new_id(runtime, request, "client"),
        name=data.name,
        email=data.email,
        phone=data.phone,
        assigned_to=data.assigned_to,
        now=runtime.clock(),
    )
    stream = customer.stream(caller.organization, asked.customer)
    await commands.run(runtime, request, customer.DECIDER, stream, asked)
    return await found(runtime, caller.organization, asked.customer)


@get("/", summary="Customers", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    assigned_to: FromQuery[Annotated[str | None, QueryParameter(max_length=100)]] = None,
    after: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> Customers:
    """The organisation's customers, or those that one user looks after."""
    async with runtime.connection() as connection:
        rows = await customers.page(connection, caller.organization, assigned_to, after, limit + 1)
    page = [shown(row) for row in rows[:limit]]
    return Customers(items=page, next=page[-1].id if len(rows) > limit else None)


@get("/{customer_id:str}", summary="One customer", opt={"roles": contract.STAFF})
async def show(
    customer_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Customer:
    """One customer of the organisation."""
    return await found(runtime, caller.organization, customer_id)


@patch("/{customer_id:str}", summary="Correct a customer", opt={"body": CustomerChanges})
async def change(
    request: Request[Any, Any, Any],
    customer_id: FromPath[str],
    data: JSONBody[CustomerChanges],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Customer:
    """Correct what is known of the customer."""
    stream = customer.stream(caller.organization, customer_id)
    asked = customer.ChangeCustomer(
        customer=customer_id, name=data.name, email=data.email, phone=data.phone, now=runtime.clock()
    )
    await commands.run(runtime, request, customer.DECIDER, stream, asked)
    return await found(runtime, caller.organization, customer_id)


@post("/{customer_id:str}/assignment", summary="Assign a customer", opt={"body": Assignment}, status_code=200)
async def assign(
    request: Request[Any, Any, Any],
    customer_id: FromPath[str],
    data: JSONBody[Assignment],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Customer:
    """Have another user look after the customer, or nobody."""
    await check_user(runtime, request, caller.organization, data.assigned_to)
    stream = customer.stream(caller.organization, customer_id)
    asked = customer.AssignCustomer(customer=customer_id, assigned_to=data.assigned_to, now=runtime.clock())
    await commands.run(runtime, request, customer.DECIDER, stream, asked)
    return await found(runtime, caller.organization, customer_id)


@post("/{customer_id:str}/erasure", summary="Erase a person", status_code=200)
async def erase(
    request: Request[Any, Any, Any],
    customer_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Customer:
    """Forget who the customer was, for good: the key of their data is destroyed, in the log as everywhere."""
    stream = customer.stream(caller.organization, customer_id)
    asked = customer.EraseCustomer(customer=customer_id, now=runtime.clock())
    await commands.run(runtime, request, customer.DECIDER, stream, asked)
    async with runtime.connection() as connection:
        await runtime.vault.erase(connection, stream)
    return await found(runtime, caller.organization, customer_id)


router = Router("/customers", route_handlers=[create, list_page, show, change, assign, erase], tags=["customers"])
