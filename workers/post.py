"""What the senders of one process share: connections, the store, the gateways, and who they are."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import UTC, datetime

from eventstore.commit import LogUnavailable, OutcomeUnknown, VersionConflict
from eventstore.connect import AsyncConnection, pool
from eventstore.execute import Outcome, Request, Step, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta
from eventstore.reading import Reader
from eventstore.sealing import Vault
from eventstore.writer import Writer
from settings import Settings
from workers.gateways.whatsapp import Gateways

logger = logging.getLogger(__name__)

CALL_WITHIN = 5.0
AGAIN = 0.2


class Post:
    """Use as `async with Post(settings)`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.vault = Vault(settings.master_key)
        self.pool = pool(settings.database_url, "sender")
        self.writer = Writer(settings.database_url)
        self.reader = Reader(settings.database_url)
        self.store = Store(self.pool, self.writer, Log(Mapper(), self.vault), self.reader)
        self.gateways = Gateways(settings)
        self._opened = AsyncExitStack()

    async def __aenter__(self) -> Post:
        self._opened.push_async_callback(self.pool.close)
        await self.pool.open()
        await self._opened.enter_async_context(self.reader)
        await self._opened.enter_async_context(self.writer)
        await self._opened.enter_async_context(self.gateways)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._opened.aclose()

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for reading views."""
        return self.pool.connection()

    @property
    def call_within(self) -> float:
        """How soon after its claim a copy's call must begin. A worker that was held up longer gives the claim back: its
        call could otherwise arrive when the provider has been asked already."""
        room = self.settings.whatsapp_settle_seconds - self.settings.whatsapp_timeout_seconds
        return min(CALL_WITHIN, room / 2)

    @property
    def silence(self) -> float:
        """How long after its claim a worker must have said what became of the copy."""
        return self.call_within + self.settings.whatsapp_timeout_seconds

    async def execute(self, organization: str, *steps: Step) -> Outcome:
        """Run commands, all or none. Raises `Refused` and what `Writer.append` raises."""
        meta = Meta(organization=organization, by=f"sender:{self.name}")
        return await self.store.execute_all(steps, Request(meta=meta))

    async def record(self, organization: str, *steps: Step) -> Outcome:
        """As `execute`, again and again until the log has taken it: what became of a call must not be lost because the
        database is away for a moment. Raises `Refused`."""
        while True:
            try:
                return await self.execute(organization, *steps)
            except (LogUnavailable, OutcomeUnknown, VersionConflict) as error:
                logger.warning("not recorded yet (%s), trying again", error)
                await asyncio.sleep(AGAIN)


def new_claim() -> str:
    """An id for one try to send a copy."""
    return uuid.uuid4().hex[:20]


def now() -> datetime:
    return datetime.now(UTC)
