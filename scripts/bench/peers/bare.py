"""A route of the same framework on the same server that checks the token, reads the body and answers from memory: what
is left when everything that this product is for is taken away."""

from __future__ import annotations

import os
from typing import Any

from litestar import Litestar, Request, get, post
from litestar.params import JSONBody

from api.access import Tokens
from api.context import Caller
from api.pazz.contract import Done
from api.pazz.goals import Goal, NewGoal

tokens = Tokens(os.environ["BITACORA_SECRET"], 900)


def answer(month: str, year: float, amount: float) -> Done[Goal]:
    return Done(
        data=Goal(
            id="goal_0123456789abcdef0123",
            amount=amount,
            current_amount=0.0,
            month=month,
            year=int(year),
            achieved=False,
            progress=0.0,
            remaining=amount,
            earned_commissions=0.0,
            exceeded_by=0.0,
            created_at="2026-01-01T00:00:00Z",
        )
    )


def check(request: Request[Any, Any, Any]) -> Caller:
    """Who calls. Raises `Unauthorized`."""
    return tokens.caller(request.headers.get("authorization", "").removeprefix("Bearer "))


@get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@post("/pazz/api/v1/goals", status_code=200)
async def set_goal(request: Request[Any, Any, Any], data: JSONBody[NewGoal]) -> Done[Goal]:
    check(request)
    return answer(data.month, data.year, data.amount)


@get("/pazz/api/v1/goals/current")
async def show_current(request: Request[Any, Any, Any]) -> Done[Goal]:
    check(request)
    return answer("Enero", 2026, 25_000.0)


app = Litestar([ready, set_goal, show_current], openapi_config=None, logging_config=None)
