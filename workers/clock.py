"""The clock: looks every second at what is due. What is due by time is a row with an index on its time, never a timer,
so a restart forgets nothing and several clocks share the work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import dramatiq
import psycopg

from domain.model import Refused
from eventstore import jobs
from eventstore.commit import LogUnavailable, OutcomeUnknown, VersionConflict
from eventstore.connect import Connection, connect, pool
from eventstore.execute import Request, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta
from eventstore.sealing import Vault
from eventstore.writer import Writer
from settings import Settings
from workers import DUE, broker, feed
from workers.due import Owed, name

logger = logging.getLogger(__name__)

TICK = 1.0
AT_ONCE = 500
"""How much of one kind is done in one tick; the rest is due in the next."""


class Clock:
    """Does what is due. Use as `async with Clock(settings)`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = pool(settings.database_url, "clock")
        self._writer = Writer(settings.database_url)
        self._store = Store(self._pool, self._writer, Log(Mapper(), Vault(settings.master_key)))
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Clock:
        self._opened.push_async_callback(self._pool.close)
        await self._pool.open()
        await self._opened.enter_async_context(self._writer)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    async def strike(self, now: datetime) -> int:
        """Do everything that is due at this moment; returns how many events that led to."""
        count = 0
        for kind in DUE:
            try:
                async with self._pool.connection() as connection:
                    found = await kind.due(connection, now, AT_ONCE, self._settings)
                count += sum(await asyncio.gather(*(self._do(name(kind), owed) for owed in found)))
            except (psycopg.OperationalError, LogUnavailable, OutcomeUnknown):
                raise
            except Exception:  # a view that is not built yet, or a fault of one kind: the others are due all the same
                logger.exception("%s cannot be done", name(kind))
        return count

    async def _do(self, kind: str, owed: Owed) -> int:
        request = Request(meta=Meta(organization=owed.organization, by=f"clock:{kind}"))
        try:
            outcome = await self._store.execute(owed.run.decider, owed.run.stream, owed.run.command, request)
        except Refused as refusal:  # somebody was faster than the view
            logger.info("%s refused on %s: %s", kind, owed.run.stream, refusal)
            return 0
        except VersionConflict:
            return 0
        return len(outcome.events)


def run(settings: Settings, *, ready: Callable[[], None], stop: Callable[[], bool]) -> None:
    """Look at what is due until `stop`."""
    connected = broker.connect(settings)
    while not stop():
        try:
            with connect(settings.database_url, "clock") as connection:
                asyncio.run(_tick(settings, connected, connection, ready, stop))
        except (psycopg.OperationalError, LogUnavailable, OutcomeUnknown) as error:
            logger.warning("database away (%s), trying again", str(error).strip())
            time.sleep(TICK)


async def _tick(
    settings: Settings,
    connected: dramatiq.Broker,
    connection: Connection,
    ready: Callable[[], None],
    stop: Callable[[], bool],
) -> None:
    async with Clock(settings) as clock:
        ready()
        while not stop():
            feed.nudge_all(connected, await asyncio.to_thread(jobs.claim_due, connection))
            await clock.strike(datetime.now(UTC))
            await asyncio.to_thread(_wait, stop)


def _wait(stop: Callable[[], bool]) -> None:
    until = time.monotonic() + TICK
    while not stop() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
