"""Messages of the Scheduler: drafts written, and listed by the page."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import and_, func, select

from domain import message_text  # the checks of a text are the document's, not part of what is compared
from domain.model import Invalid
from scripts.bench.peers.crud.callers import Caller, staff
from scripts.bench.peers.crud.database import (
    ContactGroupRow,
    ContactRow,
    GroupRow,
    MessageGroupRow,
    MessageRow,
    Session,
)

A_YEAR = timedelta(days=365)

router = APIRouter(prefix="/scheduler/api/messages")


class NewMessage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    content: str = Field(min_length=1, max_length=2 * message_text.MAX_LENGTH)
    scheduled_for: datetime | None = None
    timezone: str | None = Field(default=None, max_length=64)
    groups: list[str] = Field(default=[], max_length=200)


class Group(BaseModel):
    id: str
    name: str
    contact_count: int


class Message(BaseModel):
    id: str
    content: str
    scheduled_for: datetime | None
    timezone: str | None
    status: str
    status_reason: str | None
    last_status_change: datetime
    groups: list[Group]
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None
    recipient_count: int
    sent_count: int
    delivered_count: int
    failed_count: int
    attempt: int
    copy_of: str | None
    created_by: str
    warnings: list[str] = []


class Page(BaseModel):
    items: list[Message]
    total: int
    page: int
    page_size: int
    pages: int


def members(*where: object):
    """Groups with how many contacts each has."""
    return (
        select(GroupRow, func.count(ContactGroupRow.contact).label("contacts"))
        .outerjoin(
            ContactGroupRow,
            and_(ContactGroupRow.organization == GroupRow.organization, ContactGroupRow.group == GroupRow.id),
        )
        .where(*where)  # type: ignore[arg-type]
        .group_by(GroupRow.organization, GroupRow.id)
    )


async def reached(database: Session, organization: str, messages: Sequence[str]) -> dict[str, int]:
    """How many numbers each message goes to, each counted once."""
    query = (
        select(MessageGroupRow.message, func.count(func.distinct(ContactRow.phone)))
        .join(
            ContactGroupRow,
            and_(
                ContactGroupRow.organization == MessageGroupRow.organization,
                ContactGroupRow.group == MessageGroupRow.group,
            ),
        )
        .join(
            ContactRow,
            and_(ContactRow.organization == ContactGroupRow.organization, ContactRow.id == ContactGroupRow.contact),
        )
        .where(MessageGroupRow.organization == organization, MessageGroupRow.message.in_(messages), ContactRow.active)
        .group_by(MessageGroupRow.message)
    )
    return {message: count for message, count in await database.execute(query)}


@router.get("")
async def list_page(
    who: Annotated[Caller, Depends(staff)],
    database: Session,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 10,
) -> Page:
    """The caller's messages by their time: one query for them and their number, one for their groups, one for whom
    they reach."""
    mine = and_(MessageRow.organization == who.organization, MessageRow.owner == who.id)
    query = (
        select(MessageRow, func.count().over().label("total"))
        .where(mine)
        .order_by(MessageRow.scheduled_for.asc().nulls_last(), MessageRow.id)
        .limit(page_size)
        .offset((page - 1) * page_size)
    )
    rows = (await database.execute(query)).all()
    total = rows[0].total if rows else 0
    if not rows and page > 1:
        total = await database.scalar(select(func.count()).select_from(MessageRow).where(mine)) or 0
    ids = [row.MessageRow.id for row in rows]
    of_message: dict[str, list[Group]] = defaultdict(list)
    grouped = members(MessageGroupRow.organization == who.organization, MessageGroupRow.message.in_(ids)).add_columns(
        MessageGroupRow.message
    )
    grouped = grouped.join(
        MessageGroupRow,
        and_(MessageGroupRow.organization == GroupRow.organization, MessageGroupRow.group == GroupRow.id),
    ).group_by(MessageGroupRow.message)
    grouped = grouped.order_by(MessageGroupRow.message, GroupRow.id)
    for row in await database.execute(grouped):
        of_message[row.message].append(Group(id=row.GroupRow.id, name=row.GroupRow.name, contact_count=row.contacts))
    reach = await reached(database, who.organization, ids)
    return Page(
        items=[shown(row.MessageRow, of_message[row.MessageRow.id], reach.get(row.MessageRow.id, 0)) for row in rows],
        total=total,
        page=page,
        page_size=page_size,
        pages=-(-total // page_size),
    )


@router.post("", status_code=201)
async def create(asked: NewMessage, who: Annotated[Caller, Depends(staff)], database: Session) -> Message:
    """Write a draft for some of the caller's groups."""
    try:
        content = message_text.text(asked.content)
    except Invalid as refused:
        raise HTTPException(422, refused.code) from None
    now = datetime.now(UTC).replace(microsecond=0)
    moment = when(asked, now)
    chosen = list(dict.fromkeys(asked.groups))
    query = members(GroupRow.organization == who.organization, GroupRow.id.in_(chosen), GroupRow.owner == who.id)
    found = {row.GroupRow.id: row for row in await database.execute(query)}
    if missing := [group for group in chosen if group not in found]:
        raise HTTPException(404, f"group {missing[0][:100]}")
    row = MessageRow(
        organization=who.organization,
        id=f"msg_{uuid.uuid4().hex[:20]}",
        owner=who.id,
        content=content,
        status="draft",
        status_at=now,
        scheduled_for=moment,
        timezone=asked.timezone,
        attempt=1,
        recipient_count=0,
        sent_count=0,
        delivered_count=0,
        failed_count=0,
        created_at=now,
        updated_at=now,
    )
    database.add(row)
    database.add_all(MessageGroupRow(organization=who.organization, message=row.id, group=group) for group in chosen)
    await database.flush()
    reach = await reached(database, who.organization, [row.id])
    await database.commit()
    groups = [Group(id=group, name=found[group].GroupRow.name, contact_count=found[group].contacts) for group in chosen]
    return shown(row, groups, reach.get(row.id, 0))


def when(asked: NewMessage, now: datetime) -> datetime | None:
    """When it is to be sent: in the zone that was named, not in the past, within a year."""
    moment = asked.scheduled_for
    if asked.timezone is not None:
        try:
            zone = ZoneInfo(asked.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise HTTPException(422, "timezone") from None
        if moment is not None and moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
    if moment is None:
        return None
    if moment.tzinfo is None or not now <= moment <= now + A_YEAR:
        raise HTTPException(422, "scheduled_for")
    return moment


def shown(row: MessageRow, groups: list[Group], reach: int) -> Message:
    return Message(
        id=row.id,
        content=row.content,
        scheduled_for=row.scheduled_for,
        timezone=row.timezone,
        status=row.status,
        status_reason=row.status_reason,
        last_status_change=row.status_at,
        groups=groups,
        created_at=row.created_at,
        updated_at=row.updated_at,
        sent_at=row.sent_at,
        recipient_count=row.recipient_count or reach,
        sent_count=row.sent_count,
        delivered_count=row.delivered_count,
        failed_count=row.failed_count,
        attempt=row.attempt,
        copy_of=row.copy_of,
        created_by=row.owner,
    )
