"""How far the views are, as this process knows it: what a command waits for before it answers."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import time
from collections.abc import Callable

import psycopg

from eventstore.connect import connect_async

logger = logging.getLogger(__name__)

REACHED = "select position from checkpoints where follower = 'views'"
LOOK = 1.0
"""Seconds without a word after which the checkpoint is read, in case a notification was missed."""


class Horizon:
    """Follows the announcements of the projector. Use as `async with`; `reached` waits for a position."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[int], None]] = []
        self.position = 0

    async def __aenter__(self) -> Horizon:
        self._task = asyncio.create_task(self._follow(), name="horizon")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def on_move(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with every new position; it must not block."""
        self._listeners.append(listener)

    async def reached(self, position: int, patience: float) -> float:
        """Wait until the views show everything up to `position`. Returns 0.0, or after `patience` seconds the seconds
        waited in vain."""
        if position <= self.position:
            return 0.0
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (position, next(self._order), done))
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                await done
        except TimeoutError:
            return round(time.monotonic() - began, 3)
        return 0.0

    def _moved(self, position: int) -> None:
        if position <= self.position:
            return
        self.position = position
        while self._waiting and self._waiting[0][0] <= position:
            _, _, done = heapq.heappop(self._waiting)
            if not done.done():
                done.set_result(None)
        for listener in self._listeners:
            listener(position)

    async def _follow(self) -> None:
        while True:
            try:
                connection = await connect_async(self._url, "horizon")
                async with connection:
                    await connection.execute("listen views")
                    while True:
                        row = await (await connection.execute(REACHED)).fetchone()
                        self._moved(row[0] if row else 0)
                        async for notice in connection.notifies(timeout=LOOK):
                            self._moved(int(notice.payload))
            except psycopg.Error as error:
                logger.warning("database away (%s), trying again", str(error).strip())
                await asyncio.sleep(0.2)
