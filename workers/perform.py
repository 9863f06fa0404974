"""Doing a job: the reaction is asked again, its commands run, and the job's row goes away.

Every command carries a key made of the reaction and the event's position, so however often a job is done, its effect is
in the log once. A call to the outside world may be made twice.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from domain.model import Refused
from eventstore import jobs, sign_ins
from eventstore.connect import AsyncConnection, pool
from eventstore.execute import Request, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta, Recorded
from eventstore.sealing import Vault
from eventstore.writer import Writer
from settings import Settings
from workers import REACTIONS
from workers.gateways import mail
from workers.reaction import Call, Forget, Run, name

logger = logging.getLogger(__name__)

BY_NAME = {name(reaction): reaction for reaction in REACTIONS}


class Performer:
    """Does jobs in one worker process. Opens its connections with the first job."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._log = Log(Mapper(), Vault(settings.master_key))
        self._pool = pool(settings.database_url, "worker")
        self._writer = Writer(settings.database_url)
        self.store = Store(self._pool, self._writer, self._log)
        self._opened = AsyncExitStack()
        self._open = False
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Let the connections go."""
        await self._opened.aclose()

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for reading views."""
        return self._pool.connection()

    def mail(self) -> mail.Mail:
        """The way for letters to leave."""
        return mail.gateway(self.settings)

    async def perform(self, reaction: str, position: int) -> None:
        """Do one job, if it is still to be done. A refusal is kept with the job; anything else is tried again later."""
        await self._ensure_open()
        async with self._pool.connection() as connection:
            if not await jobs.waits(connection, (reaction, position)):
                return
            recorded = (await self._log.between(connection, position - 1, position))[0]
        try:
            for number, intention in enumerate(BY_NAME[reaction].react(recorded, self.settings)):
                if isinstance(intention, Forget):
                    await self._forget(intention)
                elif isinstance(intention, Call):
                    await intention.work(self, *intention.arguments)
                else:
                    await self._run(f"{reaction}/{position}/{number}", recorded, intention)
        except Refused as refusal:
            logger.error("%s refused at %s: %s", reaction, position, refusal)
            async with self._pool.connection() as connection:
                await jobs.fail(connection, (reaction, position), f"{refusal.code} {refusal.facts}")
            return
        async with self._pool.connection() as connection:
            await jobs.done(connection, (reaction, position))

    async def _run(self, key: str, recorded: Recorded, intention: Run) -> None:
        meta = Meta(
            organization=recorded.meta.organization,
            by=f"reaction:{key.partition('/')[0]}",
            correlation=recorded.meta.correlation or recorded.meta.request,
            caused_by=recorded.position,
        )
        request = Request(meta=meta, key=f"reaction/{key}")
        await self.store.execute(intention.decider, intention.stream, intention.command, request)

    async def _forget(self, intention: Forget) -> None:
        async with self._pool.connection() as connection:
            await self._log.vault.erase(connection, intention.subject)
            await sign_ins.forget(connection, intention.subject)

    async def _ensure_open(self) -> None:
        async with self._opening:
            if not self._open:
                self._opened.push_async_callback(self._pool.close)
                await self._pool.open()
                await self._opened.enter_async_context(self._writer)
                self._open = True
