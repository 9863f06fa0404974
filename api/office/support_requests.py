"""Complaints and messages that shoppers sent, as staff work through them."""

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
from api.runtime import Runtime
from domain import support_request
from domain.model import NotFound
from domain.support_request import MoveSupportRequest, Status
from projections import support_requests


class SupportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint or a message; the words of an erased shopper are gone."""

    id: str
    shopper: str
    kind: str
    title: str
    text: str
    order: str | None
    files: list[Any]
    extra: dict[str, Any] | None
    status: str
    submitted_at: datetime
    moved_at: datetime


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far it has come."""

    status: Status


def shown(row: support_requests.SupportRequest) -> SupportRequest:
    """A request as the office shows it."""
    return SupportRequest(
        id=row.id,
        shopper=row.shopper,
        kind=row.kind,
        title=row.title,
        text=row.text,
        order=row.order_id,
        files=msgspec.json.decode(row.files) if row.files else [],
        extra=msgspec.json.decode(row.extra) if row.extra else None,
        status=row.status,
        submitted_at=row.submitted_at,
        moved_at=row.moved_at,
    )


async def found(runtime: Runtime, organization: str, request_id: str) -> support_requests.SupportRequest:
    """The request by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await support_requests.by_id(connection, organization, request_id)
    if row is None:
        raise NotFound("SUPPORT_REQUEST_NOT_FOUND", request=request_id)
    return row


@get("/", summary="Support requests", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    status: FromQuery[Status] = "pending",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
    offset: FromQuery[Annotated[int, QueryParameter(ge=0, le=1_000_000)]] = 0,
) -> list[SupportRequest]:
    """What shoppers sent and has come so far, newest first."""
    async with runtime.connection() as connection:
        rows = await support_requests.with_status(connection, caller.organization, status, limit, offset)
    return [shown(row) for row in rows]


@post("/{request_id:str}/status", summary="Note progress", opt={"body": Progress}, status_code=200)
async def move(
    request: Request[Any, Any, Any],
    request_id: FromPath[str],
    data: JSONBody[Progress],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> SupportRequest:
    """Take a request up, resolve it, or put it back; the shopper sees it."""
    row = await found(runtime, caller.organization, request_id)
    asked = MoveSupportRequest(request=request_id, shopper=row.shopper, status=data.status, now=runtime.clock())
    stream = support_request.stream(caller.organization, row.shopper)
    await commands.run(runtime, request, support_request.DECIDER, stream, asked)
    return shown(await found(runtime, caller.organization, request_id))


router = Router("/support-requests", route_handlers=[list_page, move], tags=["support requests"])
