"""The inventory: what the shop sells."""

from __future__ import annotations

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency

from api.context import Caller
from api.runtime import Runtime
from domain import values
from projections import products

MOST = 2_000
"""How many products are shown, the newest."""


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product for sale. `precio` and `costo` in whole currency units."""

    document_id: str = msgspec.field(name="_id")
    codigo: str
    nombre: str
    descripcion: str
    categoria: str
    precio: float
    costo: float
    imagenes: list[str]
    activo: bool


def shown(row: products.Product) -> Product:
    """A product as every answer shows it."""
    return Product(
        document_id=row.id,
        codigo=row.code,
        nombre=row.name,
        descripcion=row.description or "",
        categoria=row.category or "",
        precio=values.units(row.price),
        costo=values.units(row.cost or 0),
        imagenes=row.images,
        activo=row.active,
    )


@get("/all", summary="The catalogue")
async def show_all(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> list[Product]:
    """What is active and has a price, newest first."""
    async with runtime.connection() as connection:
        rows = await products.for_sale(connection, caller.organization, MOST)
    return [shown(row) for row in rows]


router = Router("/inventario", route_handlers=[show_all], tags=["inventario"])
