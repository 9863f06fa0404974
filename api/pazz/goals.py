"""Goals: what a partner wants to earn this month, how far it is, and the months before."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.pazz import contract
from api.pazz.contract import Done
from api.runtime import Runtime
from domain import goal, values
from domain.goal import GoalSet
from domain.values import Month
from eventstore.reading import Source
from projections import goals


class Goal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A month's goal, the same in every answer and push (C3). Amounts in pesos, `progress` in percent with one decimal.
    `createdAt` is absent as long as the goal is implicit (C7)."""

    id: str
    amount: float
    current_amount: float
    month: str
    year: int
    achieved: bool
    progress: float
    remaining: float
    earned_commissions: float
    exceeded_by: float
    created_at: str | msgspec.UnsetType = msgspec.UNSET


class NewGoal(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What to earn in a month: pesos from 1,000 to 1,000,000, a Spanish month name, this year or later."""

    amount: Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]
    month: Annotated[str, msgspec.Meta(max_length=20)]
    year: Annotated[float, msgspec.Meta(ge=1, le=9999, multiple_of=1)]


class Pagination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a page lies in the whole."""

    total: int
    limit: int
    offset: int
    has_more: bool


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Past goals, newest first; the same list under both names that the document uses (C2)."""

    goals: list[Goal]
    items: list[Goal]
    pagination: Pagination


def shown(row: goals.Goal) -> Goal:
    """A goal as every answer and push shows it."""
    month = Month.parse(row.month)
    return Goal(
        id=row.goal or f"goal_{row.month}",
        amount=values.units(row.amount),
        current_amount=values.units(row.earned),
        month=contract.month_name(month),
        year=month.year,
        achieved=row.earned >= row.amount,
        progress=contract.percent(row.earned, row.amount),
        remaining=values.units(max(0, row.amount - row.earned)),
        earned_commissions=values.units(row.earned),
        exceeded_by=values.units(max(0, row.earned - row.amount)),
        created_at=contract.iso(row.created_at) if row.created_at else msgspec.UNSET,
    )


async def current(runtime: Runtime, source: Source, organization: str, partner: str, month: Month) -> Goal:
    """The goal of a month; an implicit one with the amount used last when none was set (C7)."""
    row = await goals.of_month(source, organization, partner, str(month))
    if row is None or row.goal is None:
        last = await goals.last_amount(source, organization, partner, str(month))
        row = goals.Goal(
            partner=partner,
            month=str(month),
            goal=None,
            amount=last or runtime.settings.default_goal,
            earned=row.earned if row else 0,
            created_at=None,
            achieved_at=None,
        )
    return shown(row)


def described(runtime: Runtime) -> dict[str, Any]:
    """What a `NewGoal` has to be like, for its description: the months that are open as things stand."""
    now = this_month(runtime, runtime.clock())
    ahead = Schema(minimum=now.year + 1, maximum=now.year + goal.YEARS_AHEAD)
    rest = Schema(pattern=contract.pattern_of(range(now.number, 13)))
    whole = Schema(pattern=contract.pattern_of(range(1, 13)))
    amount = {"type": OpenAPIType.NUMBER, "multiple_of": 0.01}
    return {
        "properties": {
            "amount": Schema(minimum=values.units(goal.MINIMUM), maximum=values.units(goal.MAXIMUM), **amount),
            "month": Schema(type=OpenAPIType.STRING, description="A Spanish month name, in any letter case"),
            "year": Schema(type=OpenAPIType.INTEGER, description="This year or a later one"),
        },
        "any_of": [
            Schema(properties={"month": rest, "year": Schema(const=now.year)}),
            Schema(properties={"month": whole, "year": ahead}),
        ],
    }


def this_month(runtime: Runtime, now: datetime) -> Month:
    """The month that it is where the partners are (C14)."""
    return Month.of(now, ZoneInfo(runtime.settings.time_zone))


@get("/current", summary="This month's goal")
async def show_current(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Done[Goal]:
    """The caller's goal of this month with its progress."""
    month = this_month(runtime, runtime.clock())
    return Done(data=await current(runtime, runtime.views, caller.organization, caller.id, month))


@get("/history", summary="Past goals")
async def show_history(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=24)]] = 12,
    offset: FromQuery[Annotated[int, QueryParameter(ge=0, le=1_000_000)]] = 0,
) -> Done[History]:
    """The goals of closed months, newest first."""
    month = str(this_month(runtime, runtime.clock()))
    rows, total = await goals.past(runtime.views, caller.organization, caller.id, month, limit, offset)
    page = [shown(row) for row in rows]
    more = offset + len(page) < total
    pagination = Pagination(total=total, limit=limit, offset=offset, has_more=more)
    return Done(data=History(goals=page, items=page, pagination=pagination))


@post(
    "/",
    summary="Set a month's goal",
    opt={"body": NewGoal},
    status_code=201,
    responses={200: ResponseSpec(Done[Goal], generate_examples=False, description="The goal that was there, changed")},
)
async def set_goal(
    request: Request[Any, Any, Any],
    data: JSONBody[NewGoal],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Response[Done[Goal]]:
    """Set or change the goal of this month or a later one: 201 when it is new, 200 when it was there (C1). With
    `If-None-Match: *` an existing goal is refused with 409."""
    now = runtime.clock()
    month = contract.month_of(data.month, int(data.year))
    asked = goal.SetGoal(
        goal=commands.new_id(runtime, request, "goal"),
        partner=caller.id,
        month=month,
        amount=values.centavos(data.amount, "amount"),
        current_month=this_month(runtime, now),
        now=now,
        create_only=request.headers.get("if-none-match") == "*",
    )
    stream = goal.stream(caller.organization, caller.id, month)
    outcome = await commands.run(runtime, request, goal.DECIDER, stream, asked)
    new = any(isinstance(event, GoalSet) for event in outcome.events)
    body = await current(runtime, runtime.views, caller.organization, caller.id, month)
    return Response(Done(data=body), status_code=201 if new else 200)


router = Router("/api/v1/goals", route_handlers=[show_current, show_history, set_goal], tags=["goals"])
