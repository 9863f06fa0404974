"""Goals of Pazz partners."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from scripts.bench.peers.crud.callers import Caller, partner
from scripts.bench.peers.crud.database import GoalRow, Session

MONTHS = (
    "Enero", "Febrero", "Marzo", "Abril", "Mayo", "Junio",
    "Julio", "Agosto", "Septiembre", "Octubre", "Noviembre", "Diciembre",
)  # fmt: skip
NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
TIME_ZONE = ZoneInfo("America/Mexico_City")

router = APIRouter(prefix="/pazz/api/v1/goals")


class Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class NewGoal(Wire):
    amount: float = Field(ge=1_000, le=1_000_000)
    month: str = Field(max_length=20)
    year: int = Field(ge=1, le=9999)


class Goal(Wire):
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
    created_at: datetime


class Done(BaseModel):
    data: Goal
    success: bool = True


@router.post("", status_code=201)
async def set_goal(
    asked: NewGoal, response: Response, who: Annotated[Caller, Depends(partner)], database: Session
) -> Done:
    """Set or change the goal of this month or a later one."""
    number = NUMBERS.get(asked.month.lower())
    now = datetime.now(UTC)
    today = now.astimezone(TIME_ZONE)
    if number is None or (asked.year, number) < (today.year, today.month):
        raise HTTPException(400)
    month = f"{asked.year}-{number:02}"
    row = await database.get(GoalRow, (who.organization, who.id, month), with_for_update=True)
    if row is None:
        row = GoalRow(
            organization=who.organization,
            partner=who.id,
            month=month,
            goal=f"goal_{uuid.uuid4().hex[:20]}",
            earned=0,
            created_at=now,
        )
        database.add(row)
    else:
        response.status_code = 200
    row.amount = round(asked.amount * 100)
    await database.commit()
    return Done(data=shown(row))


@router.get("/current")
async def show_current(who: Annotated[Caller, Depends(partner)], database: Session) -> Done:
    """This month's goal."""
    month = f"{datetime.now(UTC).astimezone(TIME_ZONE):%Y-%m}"
    row = await database.get(GoalRow, (who.organization, who.id, month))
    if row is None:
        raise HTTPException(404)
    return Done(data=shown(row))


def shown(row: GoalRow) -> Goal:
    year, _, number = row.month.partition("-")
    return Goal(
        id=row.goal,
        amount=row.amount / 100,
        current_amount=row.earned / 100,
        month=MONTHS[int(number) - 1],
        year=int(year),
        achieved=row.earned >= row.amount,
        progress=round(row.earned / row.amount * 100, 1),
        remaining=max(0, row.amount - row.earned) / 100,
        earned_commissions=row.earned / 100,
        exceeded_by=max(0, row.earned - row.amount) / 100,
        created_at=row.created_at,
    )
