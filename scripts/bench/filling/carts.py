"""Carts: every shopper has saved one with five of a thousand products, each as the client showed it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, LiteralString

from domain import product
from domain.product import ProductAdded
from scripts.bench import world

LINES, PRODUCTS = 5, 1_000
ABOUT = "Puerta de madera maciza con marco, bisagras y cerradura de tres puntos."

# `lines` is what the event says, `items` the same as a client sends it.
MADE: LiteralString = """
select n, lpad(n::text, 24, '0') as shopper, %(now)s as at,
       json_agg(json_build_object('item', id, 'quantity', i + 1, 'snapshot', snapshot) order by i) as lines,
       json_agg(json_build_object('itemId', id, 'item', snapshot, 'cantidad', i + 1) order by i) as items
  from (
    select n, i, 'a' || lpad(p::text, 23, '0') as id,
           ('{"_id":"a' || lpad(p::text, 23, '0') || '","codigo":"PT-' || lpad(p::text, 4, '0')
            || '","nombre":"Puerta ' || p
            || '","descripcion":"Puerta de madera maciza con marco, bisagras y cerradura de tres puntos."'
               ',"precio":' || (1500 + p)
            || ',"imagenes":["https://fotos.example.com/puertas/' || p || '.jpg"]}')::json as snapshot
      from (select n, i, mod(n * 5 + i * 197, 1000) as p
              from generate_series(0, %(rows)s / 5 - 1) n, generate_series(0, 4) i) numbers
  ) line
 group by n
"""
EVENTS: Sequence[LiteralString] = (
    """
select n, 'cart-acme-' || shopper as stream, 1 as version, 'CartSaved' as name,
       json_build_object('shopper', shopper, 'lines', lines, 'at', at) as data
  from made where n between %(first)s and %(last)s
""",
)
SAVED_AGAIN: LiteralString = """
select n, 'cart-acme-' || %(shopper)s as stream, n as version, 'CartSaved' as name,
       json_build_object('shopper', %(shopper)s::text, 'at', now(), 'lines', json_build_array(
           case n when 1 then json_build_object('item', 'a', 'quantity', 1, 'snapshot', '{"nombre":"Puerta"}'::json)
                  else json_build_object('item', 'a', 'quantity', n) end)) as data
  from generate_series(%(first)s::integer, %(last)s::integer) n
"""
VIEWS: Sequence[LiteralString] = (
    """
insert into products (organization, id, code, name, description, category, price, cost, images, active, added_at)
select 'acme', 'a' || lpad(p::text, 23, '0'), 'PT-' || lpad(p::text, 4, '0'), 'Puerta ' || p,
       'Puerta de madera maciza con marco, bisagras y cerradura de tres puntos.', 'Puertas', (1500 + p) * 100, null,
       array['https://fotos.example.com/puertas/' || p || '.jpg'], true, %(now)s
  from generate_series(0, 999) p
""",
    """
insert into carts (organization, shopper, version, position, saved, items, created_at, saved_at)
select 'acme', shopper, 1, %(after)s + 1 + n, true, 5, at, at from made
""",
    """
insert into cart_lines (organization, shopper, item, place, quantity, snapshot)
select 'acme', shopper, line ->> 'item', place - 1, (line ->> 'quantity')::integer, line -> 'snapshot'
  from made, json_array_elements(lines) with ordinality as each (line, place)
""",
)
PEER: Sequence[LiteralString] = (
    """
insert into products (organization, id, active)
select 'acme', 'a' || lpad(p::text, 23, '0'), true from generate_series(0, 999) p
""",
    """
insert into carts (organization, shopper, items, created_at, updated_at)
select 'acme', shopper, items::jsonb, at, at from made
""",
)


def people(rows: int, now: datetime) -> Iterator[world.Happened]:
    """The products: not personal, but the same for however many carts."""
    for number in range(PRODUCTS):
        shown = snapshot(number)
        added = ProductAdded(
            product=shown["_id"],
            code=shown["codigo"],
            name=shown["nombre"],
            description=ABOUT,
            category="Puertas",
            price=shown["precio"] * 100,
            images=tuple(shown["imagenes"]),
            at=now,
        )
        yield product.stream("acme", added.product), added


def shoppers(rows: int) -> list[str]:
    """Those who have saved one."""
    return [f"{number:024}" for number in range(rows // LINES)]


def snapshots(shopper: str) -> list[dict[str, Any]]:
    """What is in a shopper's cart, as the client shows it."""
    return [snapshot((int(shopper) * LINES + place * 197) % PRODUCTS) for place in range(LINES)]


def snapshot(number: int) -> dict[str, Any]:
    """A product as a client keeps it."""
    return {
        "_id": f"a{number:023}",
        "codigo": f"PT-{number:04}",
        "nombre": f"Puerta {number}",
        "descripcion": ABOUT,
        "precio": 1500 + number,
        "imagenes": [f"https://fotos.example.com/puertas/{number}.jpg"],
    }
