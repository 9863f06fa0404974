"""The same goals as most would build them: FastAPI, SQLAlchemy, asyncpg, one table, one row per goal.

What it answers, checks and limits is what this product does; it keeps no history, tells nobody, and has no retries.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from redis.asyncio import Redis
from sqlalchemy import BigInteger, String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import DateTime

MONTHS = (
    "Enero", "Febrero", "Marzo", "Abril", "Mayo", "Junio",
    "Julio", "Agosto", "Septiembre", "Octubre", "Noviembre", "Diciembre",
)  # fmt: skip
NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)}
PER_MINUTE = 100
TIME_ZONE = ZoneInfo("America/Mexico_City")

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=20, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
redis = Redis.from_url(os.environ["REDIS_URL"])
secret = os.environ["BITACORA_SECRET"]


class Base(DeclarativeBase):
    """The tables."""


class GoalRow(Base):
    __tablename__ = "goals"

    organization: Mapped[str] = mapped_column(String, primary_key=True)
    partner: Mapped[str] = mapped_column(String, primary_key=True)
    month: Mapped[str] = mapped_column(String, primary_key=True)
    goal: Mapped[str] = mapped_column(String)
    amount: Mapped[int] = mapped_column(BigInteger)
    earned: Mapped[int] = mapped_column(BigInteger, default=0)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


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


class Caller(BaseModel):
    organization: str
    partner: str


async def caller(response: Response, authorization: Annotated[str, Header()]) -> Caller:
    """Who calls, by their token, unless they call too often."""
    try:
        claims: dict[str, Any] = jwt.decode(authorization.removeprefix("Bearer "), secret, algorithms=["HS256"])
    except jwt.PyJWTError:
        raise HTTPException(401) from None
    if claims["role"] != "partner":
        raise HTTPException(403)
    found = Caller(organization=claims["org"], partner=claims["sub"])
    key = f"limit:{found.organization}/{found.partner}"
    async with redis.pipeline(transaction=False) as pipeline:
        pipeline.incr(key)
        pipeline.expire(key, 60, nx=True)
        count, _ = await pipeline.execute()
    response.headers["X-RateLimit-Limit"] = str(PER_MINUTE)
    response.headers["X-RateLimit-Remaining"] = str(max(0, PER_MINUTE - count))
    if count > PER_MINUTE:
        raise HTTPException(429)
    return found


async def session() -> AsyncIterator[AsyncSession]:
    async with sessions() as opened:
        yield opened


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


app = FastAPI(lifespan=lifespan)


@app.get("/health/ready")
async def ready() -> dict[str, str]:
    return {"status": "ready"}


@app.post("/pazz/api/v1/goals", status_code=201)
async def set_goal(
    asked: NewGoal,
    response: Response,
    who: Annotated[Caller, Depends(caller)],
    database: Annotated[AsyncSession, Depends(session)],
) -> Done:
    """Set or change the goal of this month or a later one."""
    number = NUMBERS.get(asked.month.lower())
    now = datetime.now(UTC)
    today = now.astimezone(TIME_ZONE)
    if number is None or (asked.year, number) < (today.year, today.month):
        raise HTTPException(400)
    month = f"{asked.year}-{number:02}"
    row = await database.get(GoalRow, (who.organization, who.partner, month), with_for_update=True)
    if row is None:
        row = GoalRow(
            organization=who.organization,
            partner=who.partner,
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


@app.get("/pazz/api/v1/goals/current")
async def show_current(
    who: Annotated[Caller, Depends(caller)], database: Annotated[AsyncSession, Depends(session)]
) -> Done:
    """This month's goal."""
    month = f"{datetime.now(UTC).astimezone(TIME_ZONE):%Y-%m}"
    row = await database.get(GoalRow, (who.organization, who.partner, month))
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
