"""A shopper's cart: what it holds, what it held after every change, and how to put it back."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.office import contract
from api.office.shoppers import found as found_shopper
from api.runtime import Runtime
from domain import cart
from domain.cart import Line, RestoreCart
from domain.model import NotFound
from projections import cart_history, carts

LAST = 2**31 - 1


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one product, and what the shopper's client knew of it."""

    item: str
    quantity: int
    snapshot: dict[str, Any]


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """What a cart holds after a version of its history."""

    shopper: str
    version: int
    items: list[Item]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One change: `what` is saved, restored (to the version `restored`) or cleared; `quantities` by product."""

    version: int
    at: datetime
    by: str | None
    what: str
    restored: int | None
    quantities: dict[str, int]


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Changes, newest first; `next` is the `before` of the following page, null on the last."""

    items: list[Change]
    next: int | None


class Restoration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version to go back to."""

    version: Annotated[int, msgspec.Meta(ge=1, le=LAST)]


def shown(version: cart_history.Version) -> Change:
    """A change as the office shows it."""
    return Change(**msgspec.structs.asdict(version))


async def as_of(runtime: Runtime, organization: str, shopper_id: str, version: int) -> tuple[Line, ...]:
    """What the cart held after a version. Raises `NotFound`."""
    stream = cart.stream(organization, shopper_id)
    async with runtime.connection() as connection:
        lines = await cart_history.as_of(runtime.log, connection, stream, version)
    if lines is None:
        raise NotFound("CART_VERSION_NOT_FOUND", shopper=shopper_id, version=version)
    return lines


async def latest(runtime: Runtime, organization: str, shopper_id: str) -> int:
    """The version that the cart is at; 0 for one that never held anything. Raises `NotFound` for nobody's cart."""
    await found_shopper(runtime, organization, shopper_id)
    async with runtime.connection() as connection:
        row = await carts.of_shopper(connection, organization, shopper_id)
    return row.version if row else 0


def _cart(shopper_id: str, version: int, lines: tuple[Line, ...]) -> Cart:
    items = [Item(item=line.item, quantity=line.quantity, snapshot=line.snapshot or {}) for line in lines]
    return Cart(shopper=shopper_id, version=version, items=items)


@get("/", summary="A cart", opt={"roles": contract.STAFF})
async def show(shopper_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Cart:
    """What the cart holds now, also what is no longer in the inventory."""
    version = await latest(runtime, caller.organization, shopper_id)
    lines = await as_of(runtime, caller.organization, shopper_id, version) if version else ()
    return _cart(shopper_id, version, lines)


@get("/history", summary="How a cart changed", opt={"roles": contract.STAFF})
async def show_history(
    shopper_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    before: FromQuery[Annotated[int, QueryParameter(ge=1, le=LAST)]] = LAST,
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> History:
    """Every save, restoration and clearing, newest first."""
    before = min(before, await latest(runtime, caller.organization, shopper_id) + 1)
    stream = cart.stream(caller.organization, shopper_id)
    async with runtime.connection() as connection:
        page = await cart_history.page(runtime.log, connection, stream, before, limit)
    items = [shown(version) for version in page]
    return History(items=items, next=items[-1].version if items and items[-1].version > 1 else None)


@get("/versions/{version:int}", summary="A cart as it was", opt={"roles": contract.STAFF})
async def show_version(
    shopper_id: FromPath[str],
    version: FromPath[int],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Cart:
    """What the cart held after a version, with every snapshot."""
    await found_shopper(runtime, caller.organization, shopper_id)
    lines = await as_of(runtime, caller.organization, shopper_id, min(version, LAST))
    return _cart(shopper_id, version, lines)


@post("/restoration", summary="Put a cart back", opt={"body": Restoration}, status_code=200)
async def restore(
    request: Request[Any, Any, Any],
    shopper_id: FromPath[str],
    data: JSONBody[Restoration],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Cart:
    """Put the cart back to what it held after a version. That is one more change: what it held before can be restored
    too."""
    await found_shopper(runtime, caller.organization, shopper_id)
    lines = await as_of(runtime, caller.organization, shopper_id, data.version)
    asked = RestoreCart(shopper=shopper_id, version=data.version, lines=lines, now=runtime.clock())
    await commands.run(runtime, request, cart.DECIDER, cart.stream(caller.organization, shopper_id), asked)
    return _cart(shopper_id, await latest(runtime, caller.organization, shopper_id), lines)


router = Router(
    "/shoppers/{shopper_id:str}/cart", route_handlers=[show, show_history, show_version, restore], tags=["carts"]
)
