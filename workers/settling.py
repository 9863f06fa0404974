"""Settling doubts: what became of copies whose worker or whose answer was lost, as the provider tells it.

A copy that is found there is handed over. One that is not there is released only when its call cannot arrive any more;
asked before that, the provider is asked again. What can never be found out fails, and is not sent again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg

from domain import delivery
from domain.model import Conflict
from eventstore.commit import LogUnavailable, OutcomeUnknown, VersionConflict
from eventstore.execute import Step
from projections import contacts, deliveries, message_texts
from projections.deliveries import Delivery
from workers import post as posts
from workers.gateways import receipts
from workers.gateways.whatsapp import Copy, NotSent, session
from workers.post import Post

logger = logging.getLogger(__name__)

AT_ONCE = 200
TOGETHER = 8
LOOK = 1.0
CLOCKS_APART = timedelta(seconds=60)
"""How far the provider's clock may differ from ours."""


class Settling:
    """Settles doubts in one process."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._asked: dict[str, float] = {}
        self._together = asyncio.Semaphore(TOGETHER)

    async def run(self, stop: Callable[[], bool]) -> None:
        """Look for doubts until `stop`."""
        while not stop():
            try:
                await self.look()
            except (psycopg.OperationalError, LogUnavailable, OutcomeUnknown, VersionConflict) as error:
                logger.warning("database away (%s), trying again", str(error).strip())
            await asyncio.sleep(min(LOOK, self._post.settings.whatsapp_settle_seconds / 8))

    async def look(self) -> None:
        """Take up every doubt that was not taken up a moment ago."""
        before = posts.now() - timedelta(seconds=self._post.silence)
        async with self._post.connection() as connection:
            found = await deliveries.doubtful(connection, before, AT_ONCE)
        again = self._post.settings.whatsapp_settle_seconds / 6
        now = time.monotonic()
        self._asked = {key: at for key, at in self._asked.items() if at > now - again}
        fresh = [row for row in found if _key(row) not in self._asked]
        random.shuffle(fresh)  # several processes look at the same list
        await asyncio.gather(*(self._settle(row) for row in fresh))

    async def _settle(self, row: Delivery) -> None:
        async with self._together:
            self._asked[_key(row)] = time.monotonic()
            try:
                await self.settle(row)
            except NotSent as fault:
                logger.warning("%s cannot be settled yet: %s", _key(row), fault.reason)
            except Conflict as refusal:
                logger.info("%s was settled by somebody else: %s", _key(row), refusal)

    async def settle(self, row: Delivery) -> None:
        """Settle one doubt, as far as the provider can tell. Raises `NotSent` and `Conflict`."""
        stream = delivery.stream(row.organization, row.message, row.recipient)
        state = await self._post.store.state(delivery.DECIDER, stream)
        if state.status == "claimed" and state.claimed_at < posts.now() - timedelta(seconds=self._post.silence):
            await self._do(row, delivery.DoubtDelivery(**_about(row), claim=state.claim, doubt="interrupted"))
        elif state.status != "unknown":
            return None
        assert state.claim is not None
        assert state.claimed_at is not None
        phone = await self._phone(row)
        if phone is None or self._post.vault.blind(phone) != state.phone_digest:
            reason = "CONTACT_GONE" if phone is None else "PHONE_CHANGED"
            return await self._fail(row, state, reason)
        copies = await self._ask(row, phone, state)
        if copies is not None and await self._found(row, stream, state.claim, copies):
            return None
        age = (posts.now() - state.claimed_at).total_seconds()
        if age < self._post.settings.whatsapp_settle_seconds:
            return None
        if copies is None:
            return await self._fail(row, state, "OUTCOME_UNKNOWN")
        settled = delivery.SettleDelivery(
            **_about(row), claim=state.claim, provider_id=None, tries=self._post.settings.send_tries
        )
        return await self._do(row, settled)

    async def _ask(self, row: Delivery, phone: str, state: delivery.State) -> list[Copy] | None:
        """The copies of this text that the provider has; None when it can never tell."""
        gateway = self._post.gateways.of(row.organization)
        async with self._post.connection() as connection:
            text = await message_texts.of_revision(connection, row.organization, row.message, state.revision)
        try:
            chat = await gateway.chat(phone)
            if text is None or chat is None or state.claimed_at is None:
                return None
            copies = await gateway.find(chat, text, state.claimed_at - CLOCKS_APART)
        except NotSent:
            late = timedelta(seconds=self._post.settings.send_late_seconds)
            if state.claimed_at is not None and state.claimed_at < posts.now() - late:
                return None
            raise
        return None if copies is None else list(copies)

    async def _found(self, row: Delivery, stream: str, claim: str, copies: list[Copy]) -> bool:
        """Take the first copy that belongs to no other delivery."""
        number = session(self._post.settings, row.organization)
        for copy in copies:
            moment = posts.now()
            settled = delivery.SettleDelivery(
                **_about(row, moment), claim=claim, provider_id=copy.provider_id, tries=self._post.settings.send_tries
            )
            owned = receipts.owned(number, copy.provider_id, stream, moment)
            try:
                await self._post.record(row.organization, Step(delivery.DECIDER, stream, settled), owned)
            except Conflict as refusal:
                if refusal.code != "VALUE_TAKEN":
                    raise
                continue
            return True
        return False

    async def _phone(self, row: Delivery) -> str | None:
        async with self._post.connection() as connection:
            found = await contacts.by_ids(connection, row.organization, [row.recipient])
        return found[row.recipient].phone if row.recipient in found else None

    async def _fail(self, row: Delivery, state: delivery.State, reason: str) -> None:
        failed = delivery.FailDelivery(**_about(row), claim=state.claim, reason=reason, run=state.run)
        await self._do(row, failed)

    async def _do(self, row: Delivery, command: delivery.DeliveryCommand) -> None:
        stream = delivery.stream(row.organization, row.message, row.recipient)
        await self._post.record(row.organization, Step(delivery.DECIDER, stream, command))


def _about(row: Delivery, moment: datetime | None = None) -> dict[str, Any]:
    return {"message": row.message, "recipient": row.recipient, "now": moment or posts.now()}


def _key(row: Delivery) -> str:
    return f"{row.organization}/{row.message}/{row.recipient}"
