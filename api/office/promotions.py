"""Promotions: prepared, corrected and withdrawn by staff."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.office import contract
from api.runtime import Runtime
from domain import promotion, values
from domain.model import NotFound
from domain.promotion import MAX_PAYMENTS, MAX_REGIONS
from domain.values import LevelName
from projections import promotions


class Payment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the customer pays each month when paying for this many months."""

    months: Annotated[int, msgspec.Meta(ge=1, le=promotion.MAX_MONTHS)]
    amount: float


class NewPromotion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An offer; amounts in whole currency units. It is active from `valid_from` until just before `valid_to`, times
    with their zone. Without regions or levels it is for every partner; the lower `priority`, the earlier it is shown.
    `image_url` is an https address without a query string."""

    title: str
    subtitle: str
    image_url: str
    bonus_amount: float
    original_price: float
    final_price: float
    valid_from: Annotated[datetime, msgspec.Meta(tz=True)]
    valid_to: Annotated[datetime, msgspec.Meta(tz=True)]
    monthly_payments: Annotated[list[Payment], msgspec.Meta(max_length=MAX_PAYMENTS)] = []
    terms_url: str | None = None
    priority: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    regions: Annotated[list[str], msgspec.Meta(max_length=MAX_REGIONS)] = []
    levels: Annotated[list[LevelName], msgspec.Meta(max_length=3)] = []


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """An offer, and where it stands: `scheduled`, `active`, `over`, or `ended` before its time."""

    id: str
    title: str
    subtitle: str
    image_url: str
    bonus_amount: float
    original_price: float
    final_price: float
    valid_from: datetime
    valid_to: datetime
    monthly_payments: list[Payment]
    terms_url: str | None
    priority: int
    regions: list[str]
    levels: list[str]
    status: str
    ended_at: datetime | None


class Promotions(msgspec.Struct, frozen=True, kw_only=True):
    """A page in order of id; `next` is the `after` of the following page, null on the last."""

    items: list[Promotion]
    next: str | None


def shown(row: promotions.Promotion, now: datetime) -> Promotion:
    """A promotion as the office shows it."""
    fields = msgspec.structs.asdict(row)
    del fields["started"]
    return Promotion(
        **{
            **fields,
            "bonus_amount": values.units(row.bonus_amount),
            "original_price": values.units(row.original_price),
            "final_price": values.units(row.final_price),
            "monthly_payments": [
                Payment(months=payment["months"], amount=values.units(payment["amount"]))
                for payment in row.monthly_payments
            ],
            "status": status(row, now),
        }
    )


def status(row: promotions.Promotion, now: datetime) -> str:
    """Where a promotion stands."""
    if row.ended_at is not None:
        return "ended"
    return "scheduled" if now < row.valid_from else "active" if now < row.valid_to else "over"


async def found(runtime: Runtime, organization: str, promotion_id: str) -> Promotion:
    """The promotion by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await promotions.by_id(connection, organization, promotion_id)
    if row is None:
        raise NotFound("PROMOTION_NOT_FOUND", promotion=promotion_id)
    return shown(row, runtime.clock())


def asked_for(data: NewPromotion, promotion_id: str, now: datetime) -> dict[str, Any]:
    """What is asked for, as the command says it."""
    payments = tuple(
        promotion.MonthlyPayment(months=payment.months, amount=values.centavos(payment.amount, "monthly_payments"))
        for payment in data.monthly_payments
    )
    return {
        **msgspec.structs.asdict(data),
        "promotion": promotion_id,
        "bonus_amount": values.centavos(data.bonus_amount, "bonus_amount"),
        "original_price": values.centavos(data.original_price, "original_price"),
        "final_price": values.centavos(data.final_price, "final_price"),
        "monthly_payments": payments,
        "regions": tuple(data.regions),
        "levels": tuple(data.levels),
        "now": now,
    }


@post("/", summary="Prepare a promotion", opt={"body": NewPromotion})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewPromotion],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Promotion:
    """Prepare an offer. Partners are told when its time comes, at once if that is now."""
    asked = promotion.AnnouncePromotion(**asked_for(data, commands.new_id(runtime, request, "promo"), runtime.clock()))
    return await _run(runtime, request, caller, asked)


@get("/", summary="Promotions", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    after: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> Promotions:
    """The organisation's promotions, whatever their time."""
    async with runtime.connection() as connection:
        rows = await promotions.page(connection, caller.organization, after, limit + 1)
    items = [shown(row, runtime.clock()) for row in rows[:limit]]
    return Promotions(items=items, next=rows[limit - 1].id if len(rows) > limit else None)


@get("/{promotion_id:str}", summary="One promotion", opt={"roles": contract.STAFF})
async def show(
    promotion_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Promotion:
    """One promotion of the organisation."""
    return await found(runtime, caller.organization, promotion_id)


@put("/{promotion_id:str}", summary="Correct a promotion", opt={"body": NewPromotion})
async def change(
    request: Request[Any, Any, Any],
    promotion_id: FromPath[str],
    data: JSONBody[NewPromotion],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Promotion:
    """Correct an offer: takes all of it, as it should be."""
    return await _run(
        runtime, request, caller, promotion.ChangePromotion(**asked_for(data, promotion_id, runtime.clock()))
    )


@post("/{promotion_id:str}/end", summary="Withdraw a promotion", status_code=200)
async def end(
    request: Request[Any, Any, Any],
    promotion_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Promotion:
    """Withdraw an offer before its time is over."""
    asked = promotion.EndPromotion(promotion=promotion_id, now=runtime.clock())
    return await _run(runtime, request, caller, asked)


async def _run(runtime: Runtime, request: Request[Any, Any, Any], caller: Caller, asked: Any) -> Promotion:
    stream = promotion.stream(caller.organization, asked.promotion)
    await commands.run(runtime, request, promotion.DECIDER, stream, asked)
    return await found(runtime, caller.organization, asked.promotion)


router = Router("/promotions", route_handlers=[create, list_page, show, change, end], tags=["promotions"])
