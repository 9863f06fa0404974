"""Carts: what each shopper's cart holds now, and which ones nobody has touched for long.

What is written comes from a cart's own events; what is asked also looks at the view of products, so that one question
tells what of a cart is still for sale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.cart import CartCleared, CartRestored, CartSaved, Line
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 2

TABLES: LiteralString = """
create table carts (
    organization text not null,
    shopper      text not null,
    version      integer not null,       -- of the cart's stream, and where in the log
    position     bigint not null,
    saved        boolean not null,       -- false once it was cleared
    items        integer not null,
    created_at   timestamptz not null,
    saved_at     timestamptz not null,
    primary key (organization, shopper)
);
create index carts_by_age on carts (saved_at) where items > 0;
create table cart_lines (
    organization text not null,
    shopper      text not null,
    item         text not null,
    place        integer not null,
    quantity     integer not null,
    snapshot     json,                   -- json, not jsonb: kept as the shopper's client sent it
    primary key (organization, shopper, item)
);
"""

SAVE = """
insert into carts (organization, shopper, version, position, saved, items, created_at, saved_at)
values (%(organization)s, %(shopper)s, %(version)s, %(position)s, true, %(items)s, %(at)s, %(at)s)
on conflict (organization, shopper) do update
set version = excluded.version, position = excluded.position, saved = true, items = excluded.items,
    saved_at = excluded.saved_at
"""
TAKE_OUT = "delete from cart_lines where organization = %s and shopper = %s and item <> all(%s::text[])"
PUT = """
insert into cart_lines (organization, shopper, item, place, quantity, snapshot)
select %s, %s, new.item, new.place, new.quantity, new.snapshot::json
from unnest(%s::text[], %s::integer[], %s::integer[], %s::text[]) as new(item, place, quantity, snapshot)
on conflict (organization, shopper, item) do update
set place = excluded.place, quantity = excluded.quantity, snapshot = excluded.snapshot
"""
ARRANGE = """
update cart_lines set place = new.place, quantity = new.quantity
from unnest(%s::text[], %s::integer[], %s::integer[]) as new(item, place, quantity)
where organization = %s and shopper = %s and cart_lines.item = new.item
  and (cart_lines.place <> new.place or cart_lines.quantity <> new.quantity)
"""
EMPTY = "delete from cart_lines where organization = %s and shopper = %s"
CLEAR = """
update carts set version = %s, position = %s, saved = false, items = 0, saved_at = %s
where organization = %s and shopper = %s
"""

EVENTS = (CartSaved, CartRestored, CartCleared)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case CartSaved() | CartRestored() as event:
            whose = (organization, event.shopper)
            yield (
                SAVE,
                {
                    "organization": organization,
                    "shopper": event.shopper,
                    "version": recorded.version,
                    "position": recorded.position,
                    "items": len(event.lines),
                    "at": event.at,
                },
            )
            yield TAKE_OUT, (*whose, [line.item for line in event.lines])
            placed = list(enumerate(event.lines))
            new = [(place, line) for place, line in placed if line.snapshot is not msgspec.UNSET]
            if new:
                snapshots = [msgspec.json.encode(line.snapshot).decode() for _, line in new]
                yield PUT, (*whose, *_columns(new), snapshots)
            if known := [(place, line) for place, line in placed if line.snapshot is msgspec.UNSET]:
                yield ARRANGE, (*_columns(known), *whose)
        case CartCleared() as event:
            yield CLEAR, (recorded.version, recorded.position, event.at, organization, event.shopper)
            yield EMPTY, (organization, event.shopper)
        case _:
            pass


def _columns(placed: Sequence[tuple[int, Line]]) -> tuple[list[str], list[int], list[int]]:
    return [line.item for _, line in placed], [place for place, _ in placed], [line.quantity for _, line in placed]


class Item(msgspec.Struct, frozen=True):
    """So many of one product, and what it looked like when it was put in; whether the inventory has it still, and
    whether it is for sale."""

    item: str
    quantity: int
    snapshot: msgspec.Raw
    listed: bool
    active: bool


class Cart(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper's cart, after the version of its stream, whose event is at the position."""

    shopper: str
    version: int
    position: int
    saved: bool
    created_at: datetime
    saved_at: datetime
    items: tuple[Item, ...]


OF_SHOPPER = """
select c.version, c.position, c.saved, c.created_at, c.saved_at, l.item, l.quantity, l.snapshot,
       p.id is not null, coalesce(p.active, false)
from carts c
left join cart_lines l on l.organization = c.organization and l.shopper = c.shopper
left join products p on p.organization = c.organization and p.id = l.item and not p.removed
where c.organization = %s and c.shopper = %s order by l.place
"""
IDLE = """
select organization, shopper from carts where items > 0 and saved_at < %s order by saved_at limit %s
"""


class Owner(msgspec.Struct, frozen=True):
    """Whose cart."""

    organization: str
    shopper: str


async def of_shopper(source: Source, organization: str, shopper: str) -> Cart | None:
    """The shopper's cart as it is now; None when there never was one."""
    rows = await reading.tuples(source, OF_SHOPPER, (organization, shopper))
    if not rows:
        return None
    items = tuple(Item(row[5], row[6], msgspec.Raw(row[7]), row[8], row[9]) for row in rows if row[5] is not None)
    version, position, saved, created_at, saved_at, *_ = rows[0]
    return Cart(
        shopper=shopper,
        version=version,
        position=position,
        saved=saved,
        created_at=created_at,
        saved_at=saved_at,
        items=items,
    )


async def idle(source: Source, before: datetime, limit: int) -> list[Owner]:
    """Whose carts hold something and were last changed before a moment, the longest ago first."""
    return await reading.rows(source, Owner, IDLE, (before, limit))
