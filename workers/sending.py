"""The sender: a process that sends what is going out, settles what is in doubt, and asks after what was not confirmed.

Any number of senders work side by side. What there is to do is in views, what was done is in the log; nothing waits in
memory, and nothing in Redis.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

import psycopg
import uvloop

from eventstore.commit import LogUnavailable
from projections import scheduled_messages
from projections.scheduled_messages import GoingOut
from settings import Settings
from workers.confirming import Confirming
from workers.gateways.whatsapp import session
from workers.line import Line
from workers.post import Post
from workers.settling import Settling

logger = logging.getLogger(__name__)

LOOK = 0.1
"""Seconds between looks at what is going out: nearly every move of the views is about something else."""
MESSAGES = 200
LAST_CALLS = 8.0
"""How long a sender that was asked to stop waits for the calls it has made."""


class Sender:
    """Sends in one process: each number for itself, so that a slow one holds up no other."""

    def __init__(self, post: Post, stop: Callable[[], bool]) -> None:
        self._post = post
        self._stop = stop
        self._lines: dict[str, Line] = {}
        self._serving: dict[str, asyncio.Task[bool]] = {}
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Send until `stop`, then wait for the calls that were made."""
        while not self._stop():
            self._moved.clear()
            try:
                await self._look()
            except psycopg.OperationalError as error:
                logger.warning("database away (%s), trying again", str(error).strip())
            await self._pause()
        await asyncio.gather(*self._serving.values(), return_exceptions=True)
        await asyncio.gather(*(line.finish(LAST_CALLS) for line in self._lines.values()))

    async def _look(self) -> None:
        """Put every number to work that has something to send and is idle."""
        async with self._post.connection() as connection:
            found = await scheduled_messages.going_out(connection, MESSAGES)
        of_number: dict[str, list[GoingOut]] = {}
        for message in found:
            of_number.setdefault(session(self._post.settings, message.organization), []).append(message)
        for number, messages in of_number.items():
            if number not in self._lines:
                self._lines[number] = Line(self._post, messages[0].organization, self._stop)
            if number not in self._serving:
                task = asyncio.create_task(self._serve(number, messages))
                self._serving[number] = task
                task.add_done_callback(lambda _, number=number: self._rest(number))

    async def _serve(self, number: str, messages: list[GoingOut]) -> bool:
        """A page of each message in turn, so that a long one does not hold up a short one. False when there was nothing
        to do."""
        try:
            return any([await self._lines[number].serve(message) for message in messages])
        except (psycopg.OperationalError, LogUnavailable) as error:
            logger.warning("database away (%s), trying again", str(error).strip())
        except Exception:  # a fault in one number must not end the others
            logger.exception("number %s", number)
        return False

    def _rest(self, number: str) -> None:
        if self._serving.pop(number).result():
            self._moved.set()

    async def _pause(self) -> None:
        """Until a number has done its share, or it is time to look again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK):
                await self._moved.wait()


async def _run(settings: Settings, ready: Callable[[], None], stop: Callable[[], bool]) -> None:
    async with Post(settings) as post:
        ready()
        await asyncio.gather(Sender(post, stop).run(), Settling(post).run(stop), Confirming(post).run(stop))


def run(settings: Settings, *, ready: Callable[[], None], stop: Callable[[], bool]) -> None:
    """Send until `stop`."""
    uvloop.run(_run(settings, ready, stop))
