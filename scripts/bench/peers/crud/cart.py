"""A shopper's cart in Tienda: one row, read and written whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from scripts.bench.peers.crud.callers import Caller, shopper
from scripts.bench.peers.crud.database import CartRow, ProductRow, Session

MAX_ITEMS, MAX_LINES, MAX_QUANTITY = 1_000, 200, 100_000
MAX_SNAPSHOT, MAX_CART = 32 * 1024, 512 * 1024

router = APIRouter(prefix="/tienda/clientes/{cliente_id}/carrito")


class Item(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    item_id: str = Field(min_length=1, max_length=100)
    item: dict[str, Any]
    cantidad: int = Field(ge=1, le=MAX_QUANTITY)


class NewCart(BaseModel):
    items: list[Item] = Field(max_length=MAX_ITEMS)


class Cart(BaseModel):
    cliente_id: str
    items: list[Item]
    items_no_disponibles: list[Item]
    fecha_creacion: datetime
    fecha_actualizacion: datetime


class SavedCart(Cart):
    message: str = "Carrito guardado exitosamente"
    carrito: Cart


@router.put("")
async def save(
    cliente_id: str, asked: NewCart, who: Annotated[Caller, Depends(shopper)], database: Session
) -> SavedCart:
    """Replace the cart: one query for its products, one statement for the row."""
    if cliente_id != who.id:
        raise HTTPException(403)
    lines = merged(asked.items)
    query = select(ProductRow.id, ProductRow.active).where(
        ProductRow.organization == who.organization, ProductRow.id.in_(lines)
    )
    active = {product: is_active for product, is_active in await database.execute(query)}
    if unknown := [item for item in lines if item not in active]:
        raise HTTPException(422, f"unknown: {unknown[0]}")
    now = datetime.now(UTC)
    statement = insert(CartRow).values(
        organization=who.organization,
        shopper=who.id,
        items=[line.model_dump(by_alias=True) for line in lines.values()],
        created_at=now,
        updated_at=now,
    )
    kept = statement.on_conflict_do_update(
        index_elements=[CartRow.organization, CartRow.shopper],
        set_={"items": statement.excluded["items"], "updated_at": now},
    ).returning(CartRow.created_at)
    created_at = (await database.execute(kept)).scalar_one()
    await database.commit()
    cart = Cart(
        cliente_id=who.id,
        items=[line for line in lines.values() if active[line.item_id]],
        items_no_disponibles=[line for line in lines.values() if not active[line.item_id]],
        fecha_creacion=created_at,
        fecha_actualizacion=now,
    )
    return SavedCart(**dict(cart), carrito=cart)


def merged(items: list[Item]) -> dict[str, Item]:
    """One line for each product, within the limits of a cart."""
    lines: dict[str, Item] = {}
    for item in items:
        known = lines.get(item.item_id)
        quantity = item.cantidad + known.cantidad if known else item.cantidad
        lines[item.item_id] = item.model_copy(update={"cantidad": quantity})
        if quantity > MAX_QUANTITY:
            raise HTTPException(422, "cantidad")
    sizes = [len(json.dumps(line.item, ensure_ascii=False)) for line in lines.values()]
    if len(lines) > MAX_LINES or max(sizes, default=0) > MAX_SNAPSHOT or sum(sizes) > MAX_CART:
        raise HTTPException(422, "items")
    return lines
