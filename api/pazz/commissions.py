"""Commissions as the partner dashboard shows them."""

from __future__ import annotations

import msgspec

from api.pazz import contract
from domain import values
from eventstore.connect import AsyncConnection
from projections import commissions, customers


class Commission(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A commission on a deal (C17: a row is `paid` or `pending`). Amount in pesos, rate in percent."""

    deal_id: str
    client_name: str
    vehicle_make: str | None
    vehicle_model: str | None
    commission_amount: float
    commission_rate: float
    status: str
    paid_at: str | None


class Earned(Commission, frozen=True, kw_only=True, rename="camel"):
    """The same as a push: `amount` is what the document's client reads."""

    amount: float


async def shown_by_id(connection: AsyncConnection, organization: str, commission: str) -> Earned | None:
    """One commission as the push shows it."""
    row = await commissions.by_id(connection, organization, commission)
    if row is None:
        return None
    customer = await customers.by_id(connection, organization, row.customer)
    return Earned(
        amount=values.units(row.amount),
        deal_id=row.deal,
        client_name=customer.name if customer else "",
        vehicle_make=row.vehicle_make,
        vehicle_model=row.vehicle_model,
        commission_amount=values.units(row.amount),
        commission_rate=row.rate / 100,
        status="paid" if row.status == "paid" else "pending",
        paid_at=contract.iso(row.paid_at) if row.paid_at else None,
    )
