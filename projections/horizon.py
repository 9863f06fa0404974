"""How far the views are, as this process knows it: what a command waits for before it answers."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import time
from collections.abc import Callable, Iterable

import psycopg

from eventstore.connect import AsyncConnection, connect_async
from projections import view as views
from projections.view import View

logger = logging.getLogger(__name__)

REACHED = "select position from checkpoints where follower = 'views'"
LIVE = "select view, version from live_views"
LOOK = 1.0
"""Seconds without a word after which the checkpoint is read, in case a notification was missed."""
LOOK_AGAIN = 0.05
"""As `LOOK`, while a view is built anew."""
UNSURE = 0.001
"""What is answered instead of 0.0 while a view is built anew: what it shows meanwhile stands still."""


class Horizon:
    """Follows the announcements of the projector. Use as `async with`; `reached` waits for a position. `of` are the
    views that have to be there as the code has them."""

    def __init__(self, database_url: str, of: Iterable[View] = ()) -> None:
        self._url = database_url
        self._wanted = {(views.name(view), view.VERSION) for view in of}
        self._lag = 0.0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._task: asyncio.Task[None] | None = None
        self._listeners: list[Callable[[int], None]] = []
        self._given_up = 0
        self._known = asyncio.Event()
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

    async def known(self, patience: float) -> bool:
        """Wait until the position is known for the first time; False when it is not after `patience` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._known.wait()
        return self._known.is_set()

    async def reached(self, position: int, patience: float) -> float:
        """Wait until the views show everything up to `position`. Returns 0.0, or after `patience` seconds the seconds
        waited in vain; `UNSURE` at least while one of the views is built anew."""
        if position <= self.position:
            return self._lag
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (position, next(self._order), done))
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                await done
        except TimeoutError:
            return max(0.001, round(time.monotonic() - began, 3))
        finally:
            if not done.done() or done.cancelled():
                self._given_up += 1
                self._forget()
        return self._lag

    def _forget(self) -> None:
        """Let go of those who wait no more, once they are the most: a position never reached would keep them."""
        if self._given_up > 100 and self._given_up * 2 > len(self._waiting):
            self._waiting = [waiting for waiting in self._waiting if not waiting[2].done()]
            heapq.heapify(self._waiting)
            self._given_up = 0

    def _moved(self, position: int) -> None:
        if position <= self.position:
            return
        self.position = position
        while self._waiting and self._waiting[0][0] <= position:
            _, _, done = heapq.heappop(self._waiting)
            if done.done():
                self._given_up -= 1
            else:
                done.set_result(None)
        for listener in self._listeners:
            listener(position)

    async def _follow(self) -> None:
        while True:
            try:
                connection = await connect_async(self._url, "horizon")
                async with connection:
                    await connection.execute("listen views")
                    # The views' commits are not waited for, so a crashed server may come back with less of them.
                    self.position = min(self.position, await _checkpoint(connection))
                    while True:
                        live = set(await (await connection.execute(LIVE)).fetchall())
                        self._lag = 0.0 if self._wanted <= live else UNSURE
                        self._moved(await _checkpoint(connection))
                        self._known.set()
                        async for notice in connection.notifies(timeout=LOOK_AGAIN if self._lag else LOOK):
                            self._moved(int(notice.payload))
            except psycopg.Error as error:
                logger.warning("database away (%s), trying again", str(error).strip())
                await asyncio.sleep(0.2)


async def _checkpoint(connection: AsyncConnection) -> int:
    row = await (await connection.execute(REACHED)).fetchone()
    return row[0] if row else 0
