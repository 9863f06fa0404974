"""The audit trail: every change there ever was, by whom, from where, for auditors. It is the log itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream
from msgspec.structs import replace

from api.context import Caller
from api.runtime import Runtime
from domain.model import Conflict, Invalid, NotFound
from eventstore import replay, search
from eventstore.mapper import Unreadable

AUDITORS = frozenset({"admin", "manager", "auditor"})
Text = Annotated[str | None, QueryParameter(max_length=400)]
TIME = {"format": "date-time"}
LAST = 2**31 - 1
PAGE = 500
NDJSON = "application/x-ndjson"
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


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the state that became another between two versions."""

    field: str
    before: Any
    after: Any


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream had come to after a version: the state from which commands on it are decided, amounts in the
    smallest unit, personal data as ∅; and what changed in it after the version `since`."""

    stream: str
    version: int
    position: int
    recorded_at: datetime
    state: dict[str, Any]
    since: int
    changes: list[Change]


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


async def sought(
    stream: FromQuery[Text] = None,
    name: FromQuery[Text] = None,
    by: FromQuery[Text] = None,
    frontend: FromQuery[Text] = None,
    since: FromQuery[Annotated[str | None, QueryParameter(name="from", schema_extra=TIME)]] = None,
    until: FromQuery[Annotated[str | None, QueryParameter(name="to", schema_extra=TIME)]] = None,
    after: FromQuery[Position] = None,
    before: FromQuery[Position] = None,
) -> search.Sought:
    """Which events are asked for."""
    return search.Sought(
        stream=stream,
        name=name,
        by=by,
        frontend=frontend,
        since=moment(since, "from"),
        until=moment(until, "to"),
        after=after,
        before=before,
    )


SOUGHT = {"sought": Provide(sought)}


@get("/events", summary="What happened", opt={"roles": AUDITORS}, dependencies=SOUGHT)
async def list_events(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    sought: NamedDependency[search.Sought],
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=PAGE)]] = 100,
) -> Events:
    """The events of the organisation, the newest first: of a stream (or all whose names begin so: `contact-*`), with a
    name, of an actor, through a frontend, in a period, between positions."""
    async with runtime.connection() as connection:
        found = await search.newest(connection, caller.organization, sought, limit + 1)
    items = [shown(entry) for entry in found[:limit]]
    return Events(items=items, next=items[-1].position if len(found) > limit else None)


@dataclass
class Lines(Operation):
    """An answer of one JSON object a line, for the documentation."""

    def __post_init__(self) -> None:
        answer = (self.responses or {})["200"]
        assert isinstance(answer, OpenAPIResponse)
        answer.content = {NDJSON: OpenAPIMediaType()}


@get(
    "/events/export",
    summary="What happened, all of it",
    operation_class=Lines,
    opt={"roles": AUDITORS},
    dependencies=SOUGHT,
)
async def export(
    caller: NamedDependency[Caller], runtime: NamedDependency[Runtime], sought: NamedDependency[search.Sought]
) -> Stream:
    """The same events as `events` lists, without end: one a line, the newest first, read while they are sent. Proving
    the whole log to somebody else is another matter: `bitacora audit export`."""
    return Stream(
        lines(runtime, caller.organization, sought),
        media_type=NDJSON,
        headers={"Content-Disposition": 'attachment; filename="events.ndjson"', "Cache-Control": "no-store"},
    )


async def lines(runtime: Runtime, organization: str, sought: search.Sought) -> AsyncIterator[bytes]:
    """Page after page, holding no connection in between. What happens meanwhile is newer, and stays out."""
    while True:
        async with runtime.connection() as connection:
            found = await search.newest(connection, organization, sought, PAGE)
        if found:
            yield b"".join(msgspec.json.encode(shown(entry)) + b"\n" for entry in found)
        if len(found) < PAGE:
            return
        sought = replace(sought, before=found[-1].position)


@get("/streams/{stream:str}", summary="What a stream had come to", opt={"roles": AUDITORS})
async def show_stream(
    stream: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    version: FromQuery[Annotated[int | None, QueryParameter(ge=1, le=LAST)]] = None,
    at: FromQuery[Annotated[str | None, QueryParameter(schema_extra=TIME)]] = None,
    since: FromQuery[Annotated[int, QueryParameter(ge=0, le=LAST)]] = 0,
) -> History:
    """The state of one stream after a version, or as it was at a time, or now; and the difference to an earlier
    version, `since`: 0 is before everything."""
    until = moment(at, "at")
    known = await point(runtime, caller, stream, version, until)
    before = (await point(runtime, caller, stream, since)).state if since else {}
    fields = [field for field in {**before, **known.state} if before.get(field) != known.state.get(field)]
    return History(
        stream=stream,
        version=known.version,
        position=known.position,
        recorded_at=known.recorded_at,
        state=known.state,
        since=since,
        changes=[Change(field=one, before=before.get(one), after=known.state.get(one)) for one in fields],
    )


async def point(
    runtime: Runtime, caller: Caller, stream: str, version: int | None, until: datetime | None = None
) -> replay.Point:
    """A stream of the caller's organisation after a version. Raises `NotFound`, and `Conflict` where an event of it
    cannot be read: the list of events shows it as it is stored."""
    if "\0" not in stream:
        try:
            async with runtime.connection() as connection:
                found = await replay.at(runtime.log.mapper, connection, stream, version, until)
        except Unreadable as error:
            if stream.split("-")[1:2] != [caller.organization]:
                raise NotFound("STREAM_NOT_FOUND", stream=stream) from None
            raise Conflict("STREAM_UNREADABLE", reason=str(error)) from None
        if found and found.organizations == {caller.organization} and version in (None, found.version):
            return found
    raise NotFound("STREAM_NOT_FOUND", stream=stream, **({"version": version} if version else {}))


router = Router("/audit", route_handlers=[list_events, export, show_stream], tags=["audit"])
