"""Products: the shop's inventory and its catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.product import ProductAdded, ProductChanged, ProductRemoved, ProductRestored
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table products (
    organization text not null,
    id           text not null,
    code         text not null,
    name         text not null,
    description  text,
    category     text,
    price        bigint not null,
    cost         bigint,
    images       text[] not null,
    active       boolean not null,
    removed      boolean not null default false,
    added_at     timestamptz not null,
    primary key (organization, id)
);
create index products_by_code on products (organization, code) where not removed;
create index products_for_sale on products (organization, added_at desc, id) where active and not removed and price > 0;
"""

ADD = """
insert into products (organization, id, code, name, description, category, price, cost, images, active, added_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s::text[], %s, %s)
"""
SET: dict[str, LiteralString] = {
    "code": "update products set code = %s where organization = %s and id = %s",
    "name": "update products set name = %s where organization = %s and id = %s",
    "description": "update products set description = %s where organization = %s and id = %s",
    "category": "update products set category = %s where organization = %s and id = %s",
    "price": "update products set price = %s where organization = %s and id = %s",
    "cost": "update products set cost = %s where organization = %s and id = %s",
    "images": "update products set images = %s::text[] where organization = %s and id = %s",
    "active": "update products set active = %s where organization = %s and id = %s",
}
SET_REMOVED = "update products set removed = %s where organization = %s and id = %s"

EVENTS = (ProductAdded, ProductChanged, ProductRemoved, ProductRestored)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case ProductAdded() as event:
            yield (
                ADD,
                (
                    organization,
                    event.product,
                    event.code,
                    event.name,
                    event.description,
                    event.category,
                    event.price,
                    event.cost,
                    list(event.images),
                    event.active,
                    event.at,
                ),
            )
        case ProductChanged() as event:
            for field, statement in SET.items():
                value = getattr(event, field)
                if value is not msgspec.UNSET:
                    yield statement, (list(value) if field == "images" else value, organization, event.product)
        case ProductRemoved() as event:
            yield SET_REMOVED, (True, organization, event.product)
        case ProductRestored() as event:
            yield SET_REMOVED, (False, organization, event.product)
        case _:
            pass


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product. Money in centavos."""

    id: str
    code: str
    name: str
    description: str | None
    category: str | None
    price: int
    cost: int | None
    images: list[str]
    active: bool
    removed: bool
    added_at: datetime


BY_ID = """
select id, code, name, description, category, price, cost, images, active, removed, added_at
from products where organization = %s and id = %s
"""
BY_CODES = """
select id, code, name, description, category, price, cost, images, active, removed, added_at
from products where organization = %s and code = any(%s) and not removed
"""
CODES = "select code from products where organization = %s and not removed"
PAGE = """
select id, code, name, description, category, price, cost, images, active, removed, added_at
from products where organization = %s and removed = %s and id > %s order by id limit %s
"""
FOR_SALE = """
select id, code, name, description, category, price, cost, images, active, removed, added_at
from products where organization = %s and active and not removed and price > 0 order by added_at desc, id limit %s
"""
LISTED = "select id from products where organization = %s and id = any(%s) and not removed"


async def by_id(source: Source, organization: str, product: str) -> Product | None:
    """One product, removed or not."""
    return await reading.row(source, Product, BY_ID, (organization, product))


async def by_codes(source: Source, organization: str, codes: Sequence[str]) -> dict[str, Product]:
    """The products of the inventory with these codes, by code."""
    return {
        product.code: product for product in await reading.rows(source, Product, BY_CODES, (organization, list(codes)))
    }


async def codes(source: Source, organization: str) -> list[str]:
    """The codes of the whole inventory."""
    return [row[0] for row in await reading.tuples(source, CODES, (organization,))]


async def page(source: Source, organization: str, removed: bool, after: str, limit: int) -> list[Product]:
    """The products of the inventory, or those that were removed from it, after an id, in order of id."""
    return await reading.rows(source, Product, PAGE, (organization, removed, after, limit))


async def for_sale(source: Source, organization: str, limit: int) -> list[Product]:
    """The catalogue: what is active and has a price, newest first."""
    return await reading.rows(source, Product, FOR_SALE, (organization, limit))


async def listed(source: Source, organization: str, products: Iterable[str]) -> set[str]:
    """Those of these products that the inventory has."""
    return {row[0] for row in await reading.tuples(source, LISTED, (organization, list(products)))}
