"""Notifications: what a user should see once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract, phrases
from api.scheduler.contract import Page, iso
from domain import notification
from domain.model import Command, Forbidden, NotFound
from projections import notifications


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """Something to see. `type` is success, error, warning or info."""

    id: str
    type: str
    title: str
    message: str
    is_read: bool
    related_entity_type: str | None
    related_entity_id: str | None
    created_at: str
    timestamp: str


class Unread(msgspec.Struct, frozen=True):
    """How many were not read yet."""

    count: int


def shown(row: notifications.Notification) -> Notification:
    """A notification as every answer and push shows it."""
    title, sentence = phrases.NOTIFICATIONS[row.kind]
    return Notification(
        id=row.id,
        type=row.level,
        title=title,
        message=sentence(row.facts),
        is_read=row.read,
        related_entity_type=row.entity,
        related_entity_id=row.entity_id,
        created_at=iso(row.created_at),
        timestamp=iso(row.created_at),
    )


@get("/", summary="Notifications")
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.MAX_PAGE_SIZE)]] = 10,
    is_read: FromQuery[bool | None] = None,
) -> Page[Notification]:
    """The caller's notifications, newest first."""
    whose = (caller.organization, caller.id, phrases.KINDS)
    rows = await notifications.page(runtime.views, *whose, is_read, page_size, (page - 1) * page_size)
    total = await notifications.count(runtime.views, *whose, is_read)
    return contract.page_of([shown(row) for row in rows], total, page, page_size)


@get("/unread-count", summary="How many were not read")
async def unread(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Unread:
    """How many of the caller's notifications were not read yet."""
    count = await notifications.count(runtime.views, caller.organization, caller.id, phrases.KINDS, read=False)
    return Unread(count)


@post("/mark-read/{notification_id:str}", summary="Mark as read", status_code=200)
async def read(
    request: Request[Any, Any, Any],
    notification_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Notification:
    """Note that a notification was seen."""
    asked = notification.ReadNotification(notification=notification_id, now=runtime.clock())
    await _run(request, runtime, caller, notification_id, asked)
    return shown(await _found(runtime, caller, notification_id))


@delete("/{notification_id:str}", summary="Delete a notification", status_code=204)
async def remove(
    request: Request[Any, Any, Any],
    notification_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> None:
    """Do not show a notification any more."""
    asked = notification.DeleteNotification(notification=notification_id, now=runtime.clock())
    await _run(request, runtime, caller, notification_id, asked)


async def _found(runtime: Runtime, caller: Caller, notification_id: str) -> notifications.Notification:
    """The notification by id. Raises `NotFound`, and `Forbidden` for somebody else's, an admin's eyes or not."""
    row = await notifications.by_id(runtime.views, caller.organization, notification_id)
    if row is None or row.kind not in phrases.NOTIFICATIONS:
        raise NotFound("NOTIFICATION_NOT_FOUND", notification=notification_id)
    if row.user != caller.id:
        raise Forbidden("NOT_YOURS")
    return row


async def _run(
    request: Request[Any, Any, Any], runtime: Runtime, caller: Caller, notification_id: str, asked: Command
) -> None:
    await _found(runtime, caller, notification_id)
    stream = notification.stream(caller.organization, notification_id)
    await commands.run(runtime, request, notification.DECIDER, stream, asked)


router = Router("/api/notifications", route_handlers=[list_page, unread, read, remove], tags=["notifications"])
