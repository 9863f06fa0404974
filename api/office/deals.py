"""Deals: opened and moved by staff."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.office import contract
from api.office.customers import check_user
from api.office.customers import found as found_customer
from api.runtime import Runtime
from domain import deal, values
from domain.model import Conflict, NotFound
from projections import deals


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """A deal; `value` in whole currency units."""

    id: str
    customer: str
    partner: str
    pipeline: str
    stage: str
    title: str
    value: float
    percentage: int
    outcome: str | None
    vehicle_make: str | None
    vehicle_model: str | None
    vehicle_year: int | None
    opened_at: datetime
    touched_at: datetime


class NewDeal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deal to open; it begins at the pipeline's first stage when `stage` is not given."""

    customer: str
    partner: str
    title: str
    value: float
    pipeline: str = "vehicle_financing"
    stage: str | None = None
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    vehicle_year: int | None = None


class Move(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stage to move to."""

    stage: Annotated[str, msgspec.Meta(max_length=50)]


class Deals(msgspec.Struct, frozen=True, kw_only=True):
    """A page in order of id; `next` is the `after` of the following page, null on the last."""

    items: list[Deal]
    next: str | None


def shown(row: deals.Deal) -> Deal:
    """A deal as the office shows it."""
    return Deal(**{**msgspec.structs.asdict(row), "value": values.units(row.value)})


async def found(runtime: Runtime, organization: str, deal_id: str) -> Deal:
    """The deal by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await deals.by_id(connection, organization, deal_id)
    if row is None:
        raise NotFound("DEAL_NOT_FOUND", deal=deal_id)
    return shown(row)


@post("/", summary="Open a deal", opt={"body": NewDeal, "fails": (404,)})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewDeal],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Open a deal for a customer, in a partner's hands."""
    known = await found_customer(runtime, caller.organization, data.customer)
    if known.erased and not await commands.is_repeated(runtime, request):
        raise Conflict("CUSTOMER_ERASED", customer=data.customer)
    await check_user(runtime, request, caller.organization, data.partner)
    asked = deal.OpenDeal(
        deal=commands.new_id(runtime, request, "deal"),
        customer=data.customer,
        partner=data.partner,
        pipeline=data.pipeline,
        stage=data.stage,
        title=data.title,
        value=values.centavos(data.value, "value"),
        vehicle_make=data.vehicle_make,
        vehicle_model=data.vehicle_model,
        vehicle_year=data.vehicle_year,
        now=runtime.clock(),
    )
    await commands.run(runtime, request, deal.DECIDER, deal.stream(caller.organization, asked.deal), asked)
    return await found(runtime, caller.organization, asked.deal)


@get("/", summary="Deals", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    customer: FromQuery[Annotated[str | None, QueryParameter(max_length=100)]] = None,
    after: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> Deals:
    """The organisation's deals, or those with one customer."""
    async with runtime.connection() as connection:
        rows = await deals.page(connection, caller.organization, customer, after, limit + 1)
    page = [shown(row) for row in rows[:limit]]
    return Deals(items=page, next=page[-1].id if len(rows) > limit else None)


@get("/{deal_id:str}", summary="One deal", opt={"roles": contract.STAFF})
async def show(deal_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Deal:
    """One deal of the organisation."""
    return await found(runtime, caller.organization, deal_id)


@post("/{deal_id:str}/stage", summary="Move a deal", opt={"body": Move}, status_code=200)
async def move(
    request: Request[Any, Any, Any],
    deal_id: FromPath[str],
    data: JSONBody[Move],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Move a deal to another stage of its pipeline."""
    asked = deal.MoveDeal(deal=deal_id, stage=data.stage, now=runtime.clock())
    await commands.run(runtime, request, deal.DECIDER, deal.stream(caller.organization, deal_id), asked)
    return await found(runtime, caller.organization, deal_id)


router = Router("/deals", route_handlers=[create, list_page, show, move], tags=["deals"])
