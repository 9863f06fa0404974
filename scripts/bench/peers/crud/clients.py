"""Clients of a Pazz partner who need attention: one query for the list, the people and the counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import and_, case, func, select

from api.pazz import phrases  # the sentences are the contract's, not part of what is compared
from scripts.bench.peers.crud.callers import Caller, partner
from scripts.bench.peers.crud.database import CustomerRow, FileRow, Session
from scripts.bench.peers.crud.goals import Wire

IDLE, SOON, DAY = timedelta(days=7), timedelta(days=3), timedelta(days=1)
HIGH_VALUE = 500_000_00
PRIORITIES = {1: "high", 2: "medium", 3: "low"}
Status = Literal["prequalification", "documentation", "approval", "financing", "all"]

router = APIRouter(prefix="/pazz/api/v1/clients")


class Client(Wire):
    id: str
    name: str
    status: str
    status_label: str
    last_accessed: datetime
    started_at: datetime
    phone: str | None = None
    email: str | None = None
    message: str
    days_inactive: int
    progress_percentage: int
    next_action: str
    priority: str


class ByStatus(BaseModel):
    prequalification: int = 0
    documentation: int = 0
    approval: int = 0
    financing: int = 0


class About(Wire):
    total: int
    by_status: ByStatus


class Clients(BaseModel):
    clients: list[Client]
    metadata: About


class Done(BaseModel):
    data: Clients
    success: bool = True


@router.get("/attention-required")
async def show_waiting(
    who: Annotated[Caller, Depends(partner)],
    database: Session,
    limit: Annotated[int, Query(ge=1, le=50)] = 20,
    status: Status = "all",
) -> Done:
    """The caller's clients whose file stands still for too long."""
    now = datetime.now(UTC)
    rank = case(
        ((FileRow.touched_at < now - IDLE) | (FileRow.value > HIGH_VALUE), 1),
        (FileRow.touched_at <= now - SOON, 2),
        else_=3,
    )
    due = and_(
        FileRow.organization == who.organization,
        FileRow.partner == who.id,
        FileRow.shown.is_(True),
        FileRow.due_at < now,
    )
    each = [func.count().filter(FileRow.stage == stage).over().label(stage) for stage in phrases.STATUSES]
    query = (
        select(FileRow, CustomerRow.name, CustomerRow.phone, CustomerRow.email, rank.label("rank"), *each)
        .join(
            CustomerRow,
            and_(CustomerRow.organization == FileRow.organization, CustomerRow.id == FileRow.customer),
        )
        .where(due)
        # Those of the status asked for come first, so that the others are counted all the same.
        .order_by(FileRow.stage != status if status != "all" else rank, rank, FileRow.touched_at, FileRow.customer)
        .limit(limit)
    )
    rows = (await database.execute(query)).all()
    counted = ByStatus(**{stage: getattr(rows[0], stage) for stage in phrases.STATUSES}) if rows else ByStatus()
    wanted = [row for row in rows if status in ("all", row.FileRow.stage)]
    total = sum(counted.model_dump().values()) if status == "all" else getattr(counted, status)
    clients = [shown(row.FileRow, row.name, row.phone, row.email, row.rank, now) for row in wanted]
    return Done(data=Clients(clients=clients, metadata=About(total=total, by_status=counted)))


def shown(file: FileRow, name: str, phone: str | None, email: str | None, rank: int, now: datetime) -> Client:
    days = (now - file.touched_at) // DAY
    vehicle = " ".join(part for part in (file.vehicle_make, file.vehicle_model) if part) or None
    return Client(
        id=file.customer,
        name=name,
        status=file.stage,
        status_label=phrases.LABELS[file.stage],
        last_accessed=file.touched_at,
        started_at=file.opened_at,
        phone=phone and phone.removeprefix("+"),
        email=email,
        message=phrases.message(name, file.stage, days, vehicle),
        days_inactive=days,
        progress_percentage=file.percentage,
        next_action=phrases.NEXT_ACTIONS[file.stage],
        priority=PRIORITIES[rank],
    )
