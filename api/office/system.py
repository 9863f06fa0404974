"""How the system itself is: the views behind the log, what was parked, what the reactions still have to do."""

from __future__ import annotations

import asyncio
from datetime import datetime

import msgspec
import psycopg
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

import projections
from api.context import Caller
from api.office.audit import AUDITORS
from api.runtime import Runtime
from domain.model import Conflict, NotFound
from eventstore import jobs
from eventstore.connect import connect
from projections import rebuild, status
from projections import view as views


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One view: the version of its code, whether that is live, and how many streams it leaves out."""

    name: str
    version: int
    state: str
    parked: int


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A stream of the organisation that a view leaves out since an event of it failed there."""

    view: str
    stream: str
    position: int
    error: str
    parked_at: datetime


class Queue(msgspec.Struct, frozen=True, kw_only=True):
    """What a reaction still has to do, and what of it was refused and waits for somebody to look."""

    reaction: str
    waiting: int
    failed: int


class System(msgspec.Struct, frozen=True, kw_only=True):
    """How far the views are behind the log, in events and in seconds, and every view and queue by itself."""

    lag_events: int
    lag_seconds: float
    views: list[View]
    parked: list[Parked]
    queues: list[Queue]


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """How many events of the stream the view had missed and has now."""

    events: int


def _look(database_url: str) -> tuple[status.Status, list[tuple[str, int, int]]]:
    with connect(database_url, "system") as connection:
        return status.of(connection, projections.VIEWS), jobs.queues(connection)


@get("/system", summary="How the system is", opt={"roles": AUDITORS}, tags=["system"])
async def show(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> System:
    """The views, and the queues of the reactions. What is parked is shown of the own organisation only."""
    found, queues = await asyncio.to_thread(_look, runtime.settings.database_url)
    own = [entry for entry in found.parked if entry.stream.split("-")[1:2] == [caller.organization]]
    return System(
        lag_events=found.lag_events,
        lag_seconds=found.lag_seconds,
        views=[View(**msgspec.structs.asdict(view)) for view in found.views],
        parked=[Parked(**msgspec.structs.asdict(entry)) for entry in own],
        queues=[Queue(reaction=name, waiting=waiting, failed=failed) for name, waiting, failed in queues],
    )


@post(
    "/system/parked/{view:str}/{stream:str}/resumption",
    summary="Give a parked stream back to its view",
    status_code=200,
    opt={"fails": (409,)},
    tags=["system"],
)
async def resume(
    view: FromPath[str], stream: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Resumed:
    """The view is brought up to date with a stream of the organisation that it left out: what it missed, in order. Once
    more refused, the stream stays parked."""
    known = next((known for known in projections.VIEWS if views.name(known) == view), None)
    if known is None or stream.split("-")[1:2] != [caller.organization]:
        raise NotFound("PARKED_STREAM_NOT_FOUND", view=view, stream=stream)
    return Resumed(events=await asyncio.to_thread(_resume, runtime, known, stream))


def _resume(runtime: Runtime, view: views.View, stream: str) -> int:
    with connect(runtime.settings.database_url, "resume") as connection:
        try:
            return rebuild.resume(connection, runtime.log, view, stream)
        except rebuild.NotParked:
            raise NotFound("PARKED_STREAM_NOT_FOUND", view=views.name(view), stream=stream) from None
        except psycopg.OperationalError:
            raise
        except Exception as error:  # whatever the view does wrong, as when it was parked
            raise Conflict("STREAM_FAILED_AGAIN", reason=f"{type(error).__name__}: {error}") from None


router = Router("/", route_handlers=[show, resume])
