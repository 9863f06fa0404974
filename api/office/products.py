"""Products of the shop, as staff enter and correct them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from api import claims, commands
from api.context import Caller
from api.office import contract
from api.runtime import Runtime
from domain import product, values
from domain.model import NotFound
from domain.product import MAX_IMAGES, AddProduct, ChangeProduct, RemoveProduct, RestoreProduct
from eventstore.execute import Step
from projections import products

CODE = "product_code"


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product; `price` and `cost` in whole currency units. One that was `removed` is no longer in the inventory."""

    id: str
    code: str
    name: str
    description: str | None
    category: str | None
    price: float
    cost: float | None
    images: list[str]
    active: bool
    removed: bool
    added_at: datetime


class NewProduct(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A product to take into the inventory; its code must be free. One that is not active is not in the catalogue."""

    code: str
    name: str
    description: str | None = None
    category: str | None = None
    price: float
    cost: float | None = None
    images: Annotated[list[str], msgspec.Meta(max_length=MAX_IMAGES)] = []
    active: bool = True


class ProductChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to correct; a field that is absent stays as it is, null clears it."""

    code: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    category: str | UnsetType | None = UNSET
    price: float | UnsetType = UNSET
    cost: float | UnsetType | None = UNSET
    images: Annotated[list[str], msgspec.Meta(max_length=MAX_IMAGES)] | UnsetType = UNSET
    active: bool | UnsetType = UNSET


class Products(msgspec.Struct, frozen=True, kw_only=True):
    """A page in order of id; `next` is the `after` of the following page, null on the last."""

    items: list[Product]
    next: str | None


def shown(row: products.Product) -> Product:
    """A product as the office shows it."""
    cost = None if row.cost is None else values.units(row.cost)
    return Product(**{**msgspec.structs.asdict(row), "price": values.units(row.price), "cost": cost})


async def found(runtime: Runtime, organization: str, product_id: str) -> products.Product:
    """The product by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await products.by_id(connection, organization, product_id)
    if row is None:
        raise NotFound("PRODUCT_NOT_FOUND", product=product_id)
    return row


def adding(runtime: Runtime, organization: str, asked: AddProduct) -> list[Step]:
    """What taking a product into the inventory asks for: the product, and the claim on its code."""
    return _with_claim(runtime, organization, None, asked.code, asked)


def changing(runtime: Runtime, organization: str, known: str, asked: ChangeProduct) -> list[Step]:
    """What correcting a product asks for; with another code, the claim moves too. `known` is the code it has."""
    return _with_claim(runtime, organization, known, known if isinstance(asked.code, UnsetType) else asked.code, asked)


def _with_claim(
    runtime: Runtime,
    organization: str,
    old: str | None,
    new: str | None,
    asked: AddProduct | ChangeProduct | RemoveProduct | RestoreProduct,
) -> list[Step]:
    stream = product.stream(organization, asked.product)
    before, after = (product.compared(code) if code else None for code in (old, new))
    moved = claims.moved(runtime.vault, organization, CODE, stream, before, after, asked.now)
    return [*moved, Step(product.DECIDER, stream, asked)]


@post("/", summary="Add a product", opt={"body": NewProduct})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewProduct],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Product:
    """Take a product into the inventory."""
    asked = AddProduct(
        product=commands.new_document_id(runtime, request),
        code=data.code,
        name=data.name,
        description=data.description,
        category=data.category,
        price=values.centavos(data.price, "price"),
        cost=None if data.cost is None else values.centavos(data.cost, "cost"),
        images=tuple(data.images),
        active=data.active,
        now=runtime.clock(),
    )
    await commands.run_all(runtime, request, adding(runtime, caller.organization, asked))
    return shown(await found(runtime, caller.organization, asked.product))


@get("/", summary="Products", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    removed: FromQuery[bool] = False,
    after: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> Products:
    """The inventory; with `removed`, what was taken out of it."""
    async with runtime.connection() as connection:
        rows = await products.page(connection, caller.organization, removed, after, limit + 1)
    page = [shown(row) for row in rows[:limit]]
    return Products(items=page, next=page[-1].id if len(rows) > limit else None)


@get("/{product_id:str}", summary="One product", opt={"roles": contract.STAFF})
async def show(
    product_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Product:
    """One product, removed or not."""
    return shown(await found(runtime, caller.organization, product_id))


@patch("/{product_id:str}", summary="Correct a product", opt={"body": ProductChanges})
async def change(
    request: Request[Any, Any, Any],
    product_id: FromPath[str],
    data: JSONBody[ProductChanges],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Product:
    """Correct what the body mentions. Carts keep what they know of the product."""
    row = await found(runtime, caller.organization, product_id)
    asked = ChangeProduct(
        product=product_id,
        known_code=row.code,
        code=data.code,
        name=data.name,
        description=data.description,
        category=data.category,
        price=UNSET if isinstance(data.price, UnsetType) else values.centavos(data.price, "price"),
        cost=values.centavos(data.cost, "cost") if isinstance(data.cost, int | float) else data.cost,
        images=UNSET if isinstance(data.images, UnsetType) else tuple(data.images),
        active=data.active,
        now=runtime.clock(),
    )
    await commands.run_all(runtime, request, changing(runtime, caller.organization, row.code, asked))
    return shown(await found(runtime, caller.organization, product_id))


@delete("/{product_id:str}", summary="Remove a product", status_code=200)
async def remove(
    request: Request[Any, Any, Any],
    product_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Product:
    """Take a product out of the inventory; its code is free again. Carts that hold it keep it and say so."""
    row = await found(runtime, caller.organization, product_id)
    asked = RemoveProduct(product=product_id, known_code=row.code, now=runtime.clock())
    held = None if row.removed else row.code
    await commands.run_all(runtime, request, _with_claim(runtime, caller.organization, held, None, asked))
    return shown(await found(runtime, caller.organization, product_id))


@post("/{product_id:str}/restoration", summary="Restore a product", status_code=200)
async def restore(
    request: Request[Any, Any, Any],
    product_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Product:
    """Put a removed product back as it was, if its code is still free."""
    row = await found(runtime, caller.organization, product_id)
    asked = RestoreProduct(product=product_id, known_code=row.code, now=runtime.clock())
    await commands.run_all(runtime, request, _with_claim(runtime, caller.organization, None, row.code, asked))
    return shown(await found(runtime, caller.organization, product_id))


router = Router("/products", route_handlers=[create, list_page, show, change, remove, restore], tags=["products"])
