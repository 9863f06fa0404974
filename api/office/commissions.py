"""Commissions: promised on a deal, earned, paid, cancelled."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.office import contract
from api.office.deals import found as found_deal
from api.runtime import Runtime
from domain import commission, values
from domain.model import NotFound
from domain.values import Month
from projections import commissions

Status = Literal["pending", "earned", "paid", "cancelled"]


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """A commission; `amount` and `sale` in whole currency units, `rate` in percent, `month` as 2025-10."""

    id: str
    partner: str
    deal: str
    customer: str
    status: str
    amount: float
    rate: float
    sale: float
    vehicle_make: str | None
    vehicle_model: str | None
    month: str | None
    promised_at: datetime
    earned_at: datetime | None
    paid_at: datetime | None


class NewCommission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A commission on a deal, for the deal's partner: `rate` percent of the deal's value, or `amount`. With `earned` it
    is earned at once, in the month that it is now."""

    deal: str
    rate: Annotated[float, msgspec.Meta(ge=0, le=100)]
    amount: float | None = None
    earned: bool = False


class Commissions(msgspec.Struct, frozen=True, kw_only=True):
    """A page in order of id; `next` is the `after` of the following page, null on the last."""

    items: list[Commission]
    next: str | None


def shown(row: commissions.Commission) -> Commission:
    """A commission as the office shows it."""
    money = {"amount": values.units(row.amount), "sale": values.units(row.sale), "rate": row.rate / 100}
    return Commission(**{**msgspec.structs.asdict(row), **money})


async def found(runtime: Runtime, organization: str, commission_id: str) -> Commission:
    """The commission by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await commissions.by_id(connection, organization, commission_id)
    if row is None:
        raise NotFound("COMMISSION_NOT_FOUND", commission=commission_id)
    return shown(row)


def this_month(runtime: Runtime, now: datetime) -> Month:
    """The month in which something earned now counts."""
    return Month.of(now, ZoneInfo(runtime.settings.time_zone))


@post("/", summary="Promise a commission", opt={"body": NewCommission, "fails": (404,)})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewCommission],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Commission:
    """Promise the deal's partner a commission, or let them earn it at once."""
    deal = await found_deal(runtime, caller.organization, data.deal)
    now = runtime.clock()
    sale, rate = values.centavos(deal.value, "value"), values.centavos(data.rate, "rate")  # hundredths, both
    amount = values.share(sale, rate) if data.amount is None else values.centavos(data.amount, "amount")
    asked = commission.PromiseCommission(
        commission=commands.new_id(runtime, request, "com"),
        partner=deal.partner,
        deal=deal.id,
        customer=deal.customer,
        amount=amount,
        rate=rate,
        sale=sale,
        vehicle_make=deal.vehicle_make,
        vehicle_model=deal.vehicle_model,
        earned_in=this_month(runtime, now) if data.earned else None,
        now=now,
    )
    stream = commission.stream(caller.organization, asked.commission)
    await commands.run(runtime, request, commission.DECIDER, stream, asked)
    return await found(runtime, caller.organization, asked.commission)


@get("/", summary="Commissions", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    status: FromQuery[Status | None] = None,
    after: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> Commissions:
    """The organisation's commissions, or those that stand there: what is earned is to be paid."""
    async with runtime.connection() as connection:
        rows = await commissions.page(connection, caller.organization, status, after, limit + 1)
    page = [shown(row) for row in rows[:limit]]
    return Commissions(items=page, next=page[-1].id if len(rows) > limit else None)


@get("/{commission_id:str}", summary="One commission", opt={"roles": contract.STAFF})
async def show(
    commission_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Commission:
    """One commission of the organisation."""
    return await found(runtime, caller.organization, commission_id)


@post("/{commission_id:str}/earn", summary="Earn", status_code=200)
async def earn(
    request: Request[Any, Any, Any],
    commission_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Commission:
    """The deal is done: the commission is earned, in the month that it is now."""
    now = runtime.clock()
    asked = commission.EarnCommission(commission=commission_id, month=this_month(runtime, now), now=now)
    return await _run(runtime, request, caller, commission_id, asked)


@post("/{commission_id:str}/pay", summary="Pay", status_code=200)
async def pay(
    request: Request[Any, Any, Any],
    commission_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Commission:
    """The money was handed over."""
    asked = commission.PayCommission(commission=commission_id, now=runtime.clock())
    return await _run(runtime, request, caller, commission_id, asked)


@post("/{commission_id:str}/cancel", summary="Cancel", status_code=200)
async def cancel(
    request: Request[Any, Any, Any],
    commission_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Commission:
    """The money will not be paid."""
    asked = commission.CancelCommission(commission=commission_id, now=runtime.clock())
    return await _run(runtime, request, caller, commission_id, asked)


async def _run(
    runtime: Runtime, request: Request[Any, Any, Any], caller: Caller, commission_id: str, asked: Any
) -> Commission:
    stream = commission.stream(caller.organization, commission_id)
    await commands.run(runtime, request, commission.DECIDER, stream, asked)
    return await found(runtime, caller.organization, commission_id)


router = Router("/commissions", route_handlers=[create, list_page, show, earn, pay, cancel], tags=["commissions"])
