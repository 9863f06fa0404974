"""Commissions: what a partner earned in a month, what is still to come, and for which deals."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from api.context import Caller
from api.pazz import contract
from api.pazz.contract import Done
from api.pazz.goals import this_month
from api.runtime import Runtime
from domain import values
from domain.values import Month
from eventstore.connect import AsyncConnection
from projections import commissions, customers
from projections.customers import Customer

BREAKDOWN = 1_000
"""How many commissions of a month are listed; the sums are of all."""
LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


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


class Period(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The month that is summed up."""

    month: str
    year: int
    month_number: int


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """Pesos, and on how many deals."""

    amount: float
    currency: str = "MXN"
    deals: int


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A month's commissions: `earned` is what its goal counts (C17), `pending` was promised by then and is not earned
    yet. Those earned last come first, the pending ones after them."""

    period: Period
    earned: Sum
    pending: Sum
    breakdown: list[Commission]


def shown(row: commissions.Commission, customer: Customer | None) -> Commission:
    """A commission as the summary shows it."""
    return Commission(
        deal_id=row.deal,
        client_name=customer.name if customer else "",
        vehicle_make=row.vehicle_make,
        vehicle_model=row.vehicle_model,
        commission_amount=values.units(row.amount),
        commission_rate=row.rate / 100,
        status="paid" if row.status == "paid" else "pending",
        paid_at=contract.iso(row.paid_at) if row.paid_at else None,
    )


async def shown_by_id(connection: AsyncConnection, organization: str, commission: str) -> Earned | None:
    """One commission as the push shows it."""
    row = await commissions.by_id(connection, organization, commission)
    if row is None:
        return None
    customer = await customers.by_id(connection, organization, row.customer)
    return Earned(amount=values.units(row.amount), **msgspec.structs.asdict(shown(row, customer)))


def end_of(month: Month, current: Month, zone: ZoneInfo) -> datetime:
    """Until when a promise must have been made to count as pending in a month; nothing is pending in one to come."""
    after = month.next()
    return LONG_AGO if month > current else datetime(after.year, after.number, 1, tzinfo=zone)


@get("/summary", summary="A month's commissions")
async def show_summary(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    month: FromQuery[Annotated[int | None, QueryParameter(ge=1, le=12)]] = None,
    year: FromQuery[Annotated[int | None, QueryParameter(ge=2000, le=2100)]] = None,
) -> Done[Summary]:
    """What the caller earned in a month, this one when none is given, and what is still to come."""
    current = this_month(runtime, runtime.clock())
    asked = Month(year or current.year, month or current.number)
    upto = end_of(asked, current, ZoneInfo(runtime.settings.time_zone))
    rows, sums = await commissions.of_month(runtime.views, caller.organization, caller.id, str(asked), upto, BREAKDOWN)
    people = await customers.by_ids(runtime.views, caller.organization, (row.customer for row in rows))
    summary = Summary(
        period=Period(month=contract.month_name(asked), year=asked.year, month_number=asked.number),
        earned=Sum(amount=values.units(sums.earned), deals=sums.earned_deals),
        pending=Sum(amount=values.units(sums.pending), deals=sums.pending_deals),
        breakdown=[shown(row, people.get(row.customer)) for row in rows],
    )
    return Done(data=summary)


router = Router("/api/v1/commissions", route_handlers=[show_summary], tags=["commissions"])
