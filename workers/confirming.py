"""Asking after copies of which nothing was heard: their webhook was lost, or the recipient's phone is off.

Which copies were asked after is remembered in memory only; after a restart they are asked after once more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg

from eventstore.commit import LogUnavailable, OutcomeUnknown, VersionConflict
from projections import contacts, deliveries
from projections.deliveries import Delivery
from workers import post as posts
from workers.gateways import receipts
from workers.gateways.whatsapp import NotSent
from workers.post import Post

logger = logging.getLogger(__name__)

LOOK = 1.0
FOR = timedelta(days=2)
"""How long a copy is asked after; a phone that is off for longer is told of by webhook, or not at all."""
AT_ONCE = 500
TOGETHER = 4
GROWTH = 4.0


class Confirming:
    """Asks after unconfirmed copies in one process."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._next: dict[str, tuple[float, float]] = {}
        """When to ask again, and how long to wait after that."""
        self._after: datetime | None = None
        """Where the last look ended. A look takes up so many copies and the next one those that come after them, or
        phones that are off would keep everybody else from being asked after."""
        self._seen: set[str | None] = set()
        self._together = asyncio.Semaphore(TOGETHER)

    async def run(self, stop: Callable[[], bool]) -> None:
        """Ask until `stop`."""
        while not stop():
            try:
                await self.look()
            except (psycopg.OperationalError, LogUnavailable, OutcomeUnknown, VersionConflict) as error:
                logger.warning("database away (%s), trying again", str(error).strip())
            except NotSent as fault:
                logger.info("no confirmations: %s", fault.reason)
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Ask after every copy whose turn it is."""
        now, patience = posts.now(), self._post.settings.whatsapp_confirm_seconds
        since = max(now - FOR, self._after or now - FOR)
        async with self._post.connection() as connection:
            found = await deliveries.unconfirmed(connection, since, now - timedelta(seconds=patience), AT_ONCE)
        self._seen |= {row.provider_id for row in found}
        self._after = found[-1].sent_at if len(found) == AT_ONCE else None
        if self._after is None:  # that was the end of the list
            self._next = {key: due for key, due in self._next.items() if key in self._seen}
            self._seen = set()
        turn = [row for row in found if self._next.get(row.provider_id or "", (0.0, 0.0))[0] <= time.monotonic()]
        await asyncio.gather(*(self._ask(row) for row in turn))

    async def _ask(self, row: Delivery) -> None:
        if row.provider_id is None:
            return
        async with self._together:
            _, wait = self._next.get(row.provider_id, (0.0, self._post.settings.whatsapp_confirm_seconds))
            self._next[row.provider_id] = (time.monotonic() + wait, wait * GROWTH)
            async with self._post.connection() as connection:
                found = await contacts.by_ids(connection, row.organization, [row.recipient])
            phone = found[row.recipient].phone if row.recipient in found else None
            if phone is None:
                return
            gateway = self._post.gateways.of(row.organization)
            chat = await gateway.chat(phone)
            progress = await gateway.progress(chat, row.provider_id) if chat else None
            if progress is not None:
                known = (row.organization, row.message, row.recipient)
                await receipts.record(self._post.store, known, row.provider_id, progress, "REJECTED", posts.now())
