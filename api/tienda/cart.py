"""The cart: what the client saves every half second, and finds again."""

from __future__ import annotations

from typing import Annotated, Any, cast

import msgspec
from litestar import Request, Router, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.tienda import contract
from domain import cart
from domain.cart import Line, SaveCart
from domain.model import NotFound
from eventstore import sign_ins
from eventstore.reading import Source
from projections import carts, products

MAX_ITEMS = 1_000
"""How many a body may list; those of the same product are merged before the limit of a cart counts."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """So many of one product, a whole number. `item` is what the client knows of it: kept as it is, at most 32 KB."""

    item_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] = msgspec.field(name="itemId")
    item: dict[str, Any]
    cantidad: Annotated[float, msgspec.Meta(ge=1, le=cart.MAX_QUANTITY, multiple_of=1)]


class NewCart(msgspec.Struct, frozen=True, kw_only=True):
    """The whole cart, in the client's order."""

    items: Annotated[list[Item], msgspec.Meta(max_length=MAX_ITEMS)]


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """A cart. What is no longer for sale is not in `items` but in `items_no_disponibles` (T10), and stays stored."""

    cliente_id: str
    items: list[Item]
    items_no_disponibles: list[Item]
    fecha_creacion: str | None
    fecha_actualizacion: str | None


class SavedCart(Cart, frozen=True, kw_only=True):
    """The cart as it was saved; the same again under `carrito`, where some clients look for it (T5)."""

    message: str = "Carrito guardado exitosamente"
    carrito: Cart


def shown(row: carts.Cart) -> Cart:
    """A cart as every answer shows it."""
    return Cart(
        cliente_id=row.shopper,
        items=[_item(line) for line in row.items if line.active],
        items_no_disponibles=[_item(line) for line in row.items if not line.active],
        fecha_creacion=contract.iso(row.created_at),
        fecha_actualizacion=contract.iso(row.saved_at),
    )


def empty(shopper: str) -> Cart:
    """What is shown where a cart has to be and none was saved."""
    return Cart(cliente_id=shopper, items=[], items_no_disponibles=[], fecha_creacion=None, fecha_actualizacion=None)


def _item(line: carts.Item) -> Item:
    # The snapshot goes out in the bytes in which it is stored.
    return Item(item_id=line.item, item=cast(dict[str, Any], line.snapshot), cantidad=line.quantity)


async def current(source: Source, organization: str, shopper: str) -> Cart | None:
    """The shopper's cart, None when there is none."""
    row = await carts.of_shopper(source, organization, shopper)
    return shown(row) if row is not None and row.saved else None


async def saving(source: Source, runtime: Runtime, caller: Caller, data: NewCart) -> tuple[SaveCart, carts.Cart | None]:
    """What a save asks for, with the fact that it is decided on: which of its products the inventory has. And the cart
    as it was shown when that was looked up."""
    row = await carts.of_shopper(source, caller.organization, caller.id)
    known = {line.item for line in row.items if line.listed} if row else set[str]()
    if others := {item.item_id for item in data.items} - known:
        known |= await products.listed(source, caller.organization, others)
    asked = SaveCart(
        shopper=caller.id,
        lines=tuple(Line(item.item_id, int(item.cantidad), item.item) for item in data.items),
        known=frozenset(known),
        now=runtime.clock(),
        spare=not data.items and await _just_signed_in(source, runtime, caller),
    )
    return asked, row


async def _just_signed_in(source: Source, runtime: Runtime, caller: Caller) -> bool:
    """Whether a client may be writing the empty cart it begins with before it has loaded the stored one (T23)."""
    seconds = runtime.settings.tienda_empty_cart_seconds
    if seconds <= 0:
        return False
    age = await sign_ins.age(source, caller.sign_in)
    return age is not None and age < seconds


async def _saved(runtime: Runtime, caller: Caller, asked: SaveCart, before: carts.Cart | None, position: int) -> Cart:
    """The cart after a save. Where nothing changed, it is the one that was looked up before."""
    if before is not None and before.saved and before.position == position:
        return shown(before)
    found = await current(runtime.views, caller.organization, caller.id)
    return found or shown(_row(asked))


def _row(asked: SaveCart) -> carts.Cart:
    """The cart as the view will show it, for an answer that must not wait any longer for that."""
    lines, _ = cart.checked(asked.lines)
    items = (
        carts.Item(line.item, line.quantity, msgspec.Raw(msgspec.json.encode(line.snapshot)), True, True)
        for line in lines
    )
    return carts.Cart(
        shopper=asked.shopper,
        version=0,
        position=0,
        saved=True,
        created_at=asked.now,
        saved_at=asked.now,
        items=tuple(items),
    )


@get("/", summary="The cart")
async def show(cliente_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Cart:
    """The cart as it was saved last; 404 when none ever was, or it was cleared (T1)."""
    found = await current(runtime.views, caller.organization, caller.id)
    if found is None:
        raise NotFound("CART_NOT_FOUND", shopper=cliente_id)
    return found


@put("/", summary="Save the cart", opt={"body": NewCart, "fails": (422,)})
async def save(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    data: JSONBody[NewCart],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> SavedCart:
    """Replace the cart; the last save wins, and every one before it stays in the history. A product that the inventory
    does not have is refused with 422 and nothing is saved (T9). What changes nothing leaves no trace."""
    asked, before = await saving(runtime.views, runtime, caller, data)
    stream = cart.stream(caller.organization, caller.id)
    outcome = await commands.run(runtime, request, cart.DECIDER, stream, asked)
    found = await _saved(runtime, caller, asked, before, outcome.position)
    return SavedCart(
        cliente_id=found.cliente_id,
        items=found.items,
        items_no_disponibles=found.items_no_disponibles,
        fecha_creacion=found.fecha_creacion,
        fecha_actualizacion=found.fecha_actualizacion,
        carrito=found,
    )


router = Router("/clientes/{cliente_id:str}/carrito", route_handlers=[show, save], tags=["carrito"])
