"""Realtime: what the views came to show since the last look, told to whoever is connected to this process.

The hub follows the horizon, so a push goes out only after a GET would say the same. It reads the log from where it
stood, so a burst is one read and nothing is skipped, whatever else is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Protocol

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool

from eventstore.connect import AsyncConnection
from eventstore.log import Log
from eventstore.mapper import Recorded
from projections.horizon import Horizon

logger = logging.getLogger(__name__)

PAGE = 1_000
FIRST_LOOK = 3.0
"""Seconds that a starting process waits to learn where the views are."""
RESUME_LIMIT = 10_000
"""How many events back a connection may resume; one that was away longer loads its screens anew."""


class Push(msgspec.Struct, frozen=True):
    """One message: to whom (a user's subject or another room of that frontend), its name, its body, and the position
    that a client gives back as `since` when it reconnects."""

    to: str
    name: str
    body: Any
    position: int


class Realtime(Protocol):
    """A frontend's side of the hub."""

    def wants(self, recorded: Recorded) -> bool:
        """Whether somebody connected here might be told about this event."""
        ...

    async def pushes(self, connection: AsyncConnection, recorded: Recorded) -> Sequence[Push]:
        """What to say about it, as a GET would."""
        ...

    async def deliver(self, push: Push) -> None:
        """Send to every connection that it is for."""
        ...


class Hub:
    """Use as `async with`. Frontends join before."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection], log: Log, horizon: Horizon) -> None:
        self._pool = pool
        self._log = log
        self._horizon = horizon
        self._frontends: list[Realtime] = []
        self._anybody: list[Callable[[], bool]] = []
        self._moved = asyncio.Event()
        self._position: int | None = None
        self._task: asyncio.Task[None] | None = None

    def join(self, frontend: Realtime, anybody: Callable[[], bool] = lambda: True) -> None:
        """Tell this frontend what happens from now on, as long as `anybody` is connected to it."""
        self._frontends.append(frontend)
        self._anybody.append(anybody)

    async def __aenter__(self) -> Hub:
        # What happened before this process began was told by others; what happens from its first connection on, it has
        # to tell, so it begins when it knows where it stands.
        if await self._horizon.known(FIRST_LOOK):
            self._position = self._horizon.position
        self._horizon.on_move(lambda position: self._moved.set())
        self._task = asyncio.create_task(self._follow(), name="hub")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def position(self) -> int | None:
        """Up to where everybody connected here was told; None as long as nobody knows."""
        return self._position

    async def missed(self, frontend: Realtime, since: int, upto: int | None = None) -> list[Push]:
        """What a connection that saw everything up to `since` has missed, up to what the views show now or showed when
        they were at `upto`; oldest first."""
        upto = self._horizon.position if upto is None else upto
        if not 0 <= since < upto:
            return []
        pushes: list[Push] = []
        async with self._pool.connection() as connection:
            for recorded in await self._log.followed(connection, max(since, upto - RESUME_LIMIT), upto):
                if frontend.wants(recorded):
                    pushes.extend(await frontend.pushes(connection, recorded))
        return pushes

    async def _follow(self) -> None:
        while True:
            await self._moved.wait()
            self._moved.clear()
            if self._position is None or not any(anybody() for anybody in self._anybody):
                self._position = self._horizon.position
            try:
                while self._position < (upto := self._horizon.position):
                    upto = min(upto, self._position + PAGE)
                    await self._tell(self._position, upto)
            except psycopg.Error as error:
                logger.warning("database away (%s), trying again", str(error).strip())
                await asyncio.sleep(0.2)
                self._moved.set()

    async def _tell(self, after: int, upto: int) -> None:
        async with self._pool.connection() as connection:
            for recorded in await self._log.followed(connection, after, upto):
                # All of it is made before any of it is told: should the database go away, it is told once all the same.
                for frontend, push in [pair async for pair in self._made(connection, recorded)]:
                    try:
                        await frontend.deliver(push)
                    except Exception:
                        logger.exception("%s at %s was not told", push.name, recorded.position)
                self._position = recorded.position
        self._position = upto

    async def _made(self, connection: AsyncConnection, recorded: Recorded) -> AsyncIterator[tuple[Realtime, Push]]:
        for frontend in self._frontends:
            try:
                for push in await frontend.pushes(connection, recorded) if frontend.wants(recorded) else ():
                    yield frontend, push
            except psycopg.Error:
                raise
            except Exception:  # one frontend's fault must not silence the others
                logger.exception("no push for %s at %s", recorded.name, recorded.position)
