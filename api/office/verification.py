"""Proving, from the office, that the log is what was written: as `bitacora audit verify`, told while it goes on."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from api.context import Caller
from api.office.audit import AUDITORS, NDJSON, Lines
from api.runtime import Runtime
from domain.model import Conflict, Invalid
from eventstore import audit
from eventstore.chain import Head
from eventstore.rows import Progress

MOST_HEADS = 100


class Abandoned(Exception):
    """Nobody waits for the outcome any more."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """How many events are recomputed, and of how many."""

    done: int
    total: int


class Verified(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last line. The log is `intact`, and `head` is what an auditor keeps elsewhere; or it is not, and `position`
    and `reason` say where that shows first. `compared` are the heads that were looked for. An answer that ends
    without this line proves nothing."""

    intact: bool
    head: str | None = None
    events: int | None = None
    compared: int | None = None
    position: int | None = None
    reason: str | None = None


def router(runtime: Runtime) -> Router:
    """The route. It keeps a core busy while it lasts, so it is done for one at a time."""
    running: set[asyncio.Future[Verified | None]] = set()

    @get(
        "/verify",
        summary="Prove that the log is what was written",
        operation_class=Lines,
        opt={"roles": AUDITORS, "fails": (409,)},
    )
    async def verify(
        caller: NamedDependency[Caller],
        first: FromQuery[Annotated[int, QueryParameter(name="from", ge=1, le=2**62)]] = 1,
        head: FromQuery[Annotated[list[str] | None, QueryParameter(max_items=MOST_HEADS)]] = None,
    ) -> Stream:
        """Recompute the hash chain over the whole log, of every organisation, or from a position on; look for the heads
        that were published, and for those given as POSITION:HASH. One JSON object a line: how far it is, at last what
        came of it."""
        heads = _heads(head or ())
        if running:
            raise Conflict("VERIFICATION_UNDER_WAY")
        told: asyncio.Queue[Done | None] = asyncio.Queue()
        loop, gone = asyncio.get_running_loop(), threading.Event()
        tell = functools.partial(loop.call_soon_threadsafe, told.put_nowait)
        work = functools.partial(_outcome, runtime.settings.database_url, first, heads, progress(gone, tell))
        outcome = loop.run_in_executor(None, work)
        running.add(outcome)
        outcome.add_done_callback(running.discard)
        outcome.add_done_callback(lambda _: told.put_nowait(None))
        return Stream(_lines(told, outcome, gone), media_type=NDJSON, headers={"Cache-Control": "no-store"})

    return Router("/audit", route_handlers=[verify], tags=["audit"])


def progress(gone: threading.Event, tell: Callable[[Done], object]) -> Progress:
    """Tells how far it is, as long as somebody is there. Raises `Abandoned`."""

    def told(done: int, total: int) -> None:
        if gone.is_set():
            raise Abandoned
        tell(Done(done=done, total=total))

    return told


def _heads(written: Sequence[str]) -> list[Head]:
    try:
        return [Head.parse(one) for one in written]
    except ValueError:
        raise Invalid("HEAD_MALFORMED", field="head") from None


def _outcome(database_url: str, first: int, heads: Sequence[Head], progress: Progress) -> Verified | None:
    try:
        found = audit.verify(database_url, first=first, heads=heads, progress=progress)
    except Abandoned:
        return None
    except audit.Fault as fault:
        return Verified(intact=False, position=fault.position, reason=fault.reason)
    return Verified(intact=True, head=str(found.head), events=found.events, compared=found.compared)


async def _lines(
    told: asyncio.Queue[Done | None], outcome: asyncio.Future[Verified | None], gone: threading.Event
) -> AsyncIterator[bytes]:
    try:
        while (done := await told.get()) is not None:
            yield msgspec.json.encode(done) + b"\n"
        yield msgspec.json.encode(await outcome) + b"\n"
    finally:
        gone.set()
