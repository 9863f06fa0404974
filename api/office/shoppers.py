"""Accounts of the shop's client area, as staff see them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api import shoppers as accounts
from api.context import Caller
from api.office import contract
from api.office.users import Standing
from api.runtime import Runtime
from domain import shopper
from domain.model import NotFound
from eventstore import sign_ins
from projections import shoppers


class Shopper(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper; an erased one has lost everything personal."""

    id: str
    username: str
    name: str
    card: str
    address: str | None
    phone: str | None
    email: str | None
    active: bool
    erased: bool
    registered_at: datetime


class Shoppers(msgspec.Struct, frozen=True, kw_only=True):
    """A page in order of id; `next` is the `after` of the following page, null on the last."""

    items: list[Shopper]
    next: str | None


def shown(row: shoppers.Shopper) -> Shopper:
    """A shopper as the office shows them."""
    return Shopper(
        id=row.id,
        username=row.username,
        name=row.name,
        card=row.card,
        address=row.address,
        phone=row.phone,
        email=row.email,
        active=row.active,
        erased=row.erased,
        registered_at=row.registered_at,
    )


async def found(runtime: Runtime, organization: str, shopper_id: str) -> shoppers.Shopper:
    """The account by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await shoppers.by_id(connection, organization, shopper_id)
    if row is None:
        raise NotFound("SHOPPER_NOT_FOUND", shopper=shopper_id)
    return row


@get("/", summary="Shoppers", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    after: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> Shoppers:
    """The shop's accounts."""
    async with runtime.connection() as connection:
        rows = await shoppers.page(connection, caller.organization, after, limit + 1)
    page = [shown(row) for row in rows[:limit]]
    return Shoppers(items=page, next=page[-1].id if len(rows) > limit else None)


@get("/{shopper_id:str}", summary="One shopper", opt={"roles": contract.STAFF})
async def show(
    shopper_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Shopper:
    """One account of the shop."""
    return shown(await found(runtime, caller.organization, shopper_id))


@post("/{shopper_id:str}/standing", summary="Deactivate or reactivate", opt={"body": Standing}, status_code=200)
async def set_standing(
    request: Request[Any, Any, Any],
    shopper_id: FromPath[str],
    data: JSONBody[Standing],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Shopper:
    """A deactivated account cannot be used, and its sign-ins end at once."""
    row = await found(runtime, caller.organization, shopper_id)
    kind = shopper.ReactivateShopper if data.active else shopper.DeactivateShopper
    command = kind(shopper=shopper_id, now=runtime.clock())
    await commands.run(runtime, request, shopper.DECIDER, row.account, command)
    if not data.active:
        async with runtime.connection() as connection:
            runtime.tokens.revoke(*await sign_ins.revoke_all(connection, row.account))
    return shown(await found(runtime, caller.organization, shopper_id))


@post("/{shopper_id:str}/erasure", summary="Erase a person", status_code=200)
async def erase(
    request: Request[Any, Any, Any],
    shopper_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Shopper:
    """Forget who the shopper was and what they wrote, for good: the keys of their data are destroyed, and username,
    identity card and e-mail address are free again."""
    row = await found(runtime, caller.organization, shopper_id)
    await accounts.erase(runtime, request, row, shopper.EraseShopper(shopper=shopper_id, now=runtime.clock()))
    async with runtime.connection() as connection:
        await runtime.vault.erase(connection, row.account)
        runtime.tokens.revoke(*await sign_ins.revoke_all(connection, row.account))
    return shown(await found(runtime, caller.organization, shopper_id))


router = Router("/shoppers", route_handlers=[list_page, show, set_standing, erase], tags=["shoppers"])
