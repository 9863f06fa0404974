"""The audit trail: every change there ever was, by whom, from where, for auditors. It is the log itself."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from api.context import Caller
from api.runtime import Runtime
from domain.model import Invalid
from eventstore import search

AUDITORS = frozenset({"admin", "manager", "auditor"})
Text = Annotated[str | None, QueryParameter(max_length=400)]
TIME = {"format": "date-time"}
Position = Annotated[int | None, QueryParameter(ge=0, le=2**62)]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, as it is stored: `data` with personal parts sealed, `meta` with who asked for it
    (`by`, which a reaction or the clock may be), through which frontend, in which request."""

    position: int
    stream: str
    version: int
    name: str
    data: msgspec.Raw
    meta: msgspec.Raw
    recorded_at: datetime
    hash: str


class Events(msgspec.Struct, frozen=True, kw_only=True):
    """A page, the newest first; `next` is the `before` of the following page, null on the last."""

    items: list[Event]
    next: int | None


def shown(entry: search.Entry) -> Event:
    """An event as auditors see it."""
    return Event(
        position=entry.position,
        stream=entry.stream,
        version=entry.version,
        name=entry.name,
        data=msgspec.Raw(entry.data),
        meta=msgspec.Raw(entry.meta),
        recorded_at=entry.recorded_at,
        hash=bytes(entry.hash).hex(),
    )


def moment(written: str | None, field: str) -> datetime | None:
    """A time with its zone. What is less is refused: the framework would take 2026 for a second of the year 1970."""
    try:
        return None if written is None else msgspec.convert(written, Annotated[datetime, msgspec.Meta(tz=True)])
    except msgspec.ValidationError:
        raise Invalid("TIME_INVALID", field=field) from None


@get("/events", summary="What happened", opt={"roles": AUDITORS})
async def list_events(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    stream: FromQuery[Text] = None,
    name: FromQuery[Text] = None,
    by: FromQuery[Text] = None,
    frontend: FromQuery[Text] = None,
    since: FromQuery[Annotated[str | None, QueryParameter(name="from", schema_extra=TIME)]] = None,
    until: FromQuery[Annotated[str | None, QueryParameter(name="to", schema_extra=TIME)]] = None,
    after: FromQuery[Position] = None,
    before: FromQuery[Position] = None,
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=500)]] = 100,
) -> Events:
    """The events of the organisation, the newest first: of a stream (or all whose names begin so: `contact-*`), with a
    name, of an actor, through a frontend, in a period, between positions."""
    sought = search.Sought(
        stream=stream,
        name=name,
        by=by,
        frontend=frontend,
        since=moment(since, "from"),
        until=moment(until, "to"),
        after=after,
        before=before,
    )
    async with runtime.connection() as connection:
        found = await search.newest(connection, caller.organization, sought, limit + 1)
    items = [shown(entry) for entry in found[:limit]]
    return Events(items=items, next=items[-1].position if len(found) > limit else None)


router = Router("/audit", route_handlers=[list_events], tags=["audit"])
