"""One number of ours: the messages that leave from it, copy by copy, at its pace.

A copy's way: a room under the limit, a turn at the number's pace, the chat of the recipient, the claim (beside the
check that the message is still being sent), the call, and what became of it. Whoever dies on this way leaves at most a
claim behind, and `settling` finds that.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence

import msgspec

from domain import delivery, scheduled_message
from domain.model import Conflict
from eventstore import paces
from eventstore.execute import Step
from projections import contacts, deliveries
from projections.scheduled_messages import GoingOut
from workers import post as posts
from workers.gateways import receipts
from workers.gateways.whatsapp import Doubtful, NotSent, Rejected, session
from workers.post import Post

logger = logging.getLogger(__name__)

PAGE = 64
KNOWN_CHATS = 20_000
REMEMBER = 10.0
"""Seconds for which a recipient just claimed is passed over, until the view shows the claim."""
STATE_WAIT = 2.0
TURN = 0.2
FAILED_AT_ONCE = 200


class Copy(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed copy on its way."""

    organization: str
    message: str
    recipient: str
    claim: str
    run: int
    chat: str
    text: str
    claimed: float

    @property
    def stream(self) -> str:
        return delivery.stream(self.organization, self.message, self.recipient)


class Line:
    """Sends what leaves from one number, in one process."""

    def __init__(self, post: Post, organization: str, stop: Callable[[], bool]) -> None:
        self._post = post
        self._stop = stop
        self._settings = post.settings
        self._number = session(post.settings, organization)
        self._gateway = post.gateways.of(organization)
        self._away_until = 0.0
        self._working = False
        self._chats: dict[str, str] = {}
        self._claimed: dict[str, float] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def serve(self, message: GoingOut) -> bool:
        """Send a page of this message's copies. False when there was nothing to do."""
        if not await self._is_open():
            return await self._give_up(message)
        page = await self._candidates(message)
        todo = list(page)
        while todo and not self._stop():
            room = await self._room()
            batch, todo = todo[:room], todo[room:]
            try:
                if not await self._send(message, batch):
                    break
            except NotSent as fault:
                self._close(fault)
                break
        return bool(page)

    async def finish(self, patience: float) -> None:
        """Wait for the copies under way."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=patience)

    async def _is_open(self) -> bool:
        """Whether copies can leave. After a fault the gateway is asked first."""
        if time.monotonic() < self._away_until:
            return False
        if not self._working:
            self._working = bool(self._settings.whatsapp_url) and await self._is_connected()
            if not self._working:
                self._away_until = time.monotonic() + STATE_WAIT
        return self._working

    async def _is_connected(self) -> bool:
        try:
            return await self._gateway.state() == "connected"
        except NotSent as fault:
            logger.warning("number %s waits: %s", self._number, fault.reason)
            return False

    def _close(self, fault: NotSent) -> None:
        logger.warning("number %s waits: %s", self._number, fault.reason)
        self._working = False
        self._away_until = time.monotonic() + max(fault.wait, STATE_WAIT)

    async def _room(self) -> int:
        """How many copies may be claimed now; waits for one to come to its end when there is no room."""
        limit = 1 if self._settings.send_per_minute else self._settings.send_at_once
        while len(self._under_way) >= limit:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        if self._settings.send_per_minute:
            async with self._post.connection() as connection:
                wait = await paces.take(connection, self._number, 60 / self._settings.send_per_minute)
            await self._wait(wait)
        return limit - len(self._under_way)

    async def _wait(self, seconds: float) -> None:
        """Wait for a turn, or for the stop."""
        turn = time.monotonic() + seconds
        for _ in range(int(seconds / TURN) + 1):
            if self._stop():
                return
            await asyncio.sleep(max(0.0, min(TURN, turn - time.monotonic())))

    async def _candidates(self, message: GoingOut) -> Sequence[str]:
        """Some recipients whose copy seems to be free. Each sender begins somewhere else in the list, so that several
        seldom want the same."""
        self._forget()
        async with self._post.connection() as connection:
            waiting = (await deliveries.counts_of(connection, message.organization, message.id)).pending
            skip = random.randrange(max(1, waiting - PAGE))
            found = await deliveries.pending(connection, message.organization, message.id, skip, PAGE)
        free = [one for one in found if f"{message.id}/{one}" not in self._claimed]
        random.shuffle(free)
        return free

    async def _send(self, message: GoingOut, recipients: Sequence[str]) -> bool:
        """Claim these copies and call for each. False when the message is not being sent any more."""
        chats = await self._find_chats(message, recipients)
        copies = await self._claim(message, chats)
        if copies is None:
            return False
        for copy in copies:
            task = asyncio.create_task(self._deliver(copy))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return True

    async def _find_chats(self, message: GoingOut, recipients: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Recipient -> phone and chat. Those who have none are failed. Raises `NotSent`."""
        async with self._post.connection() as connection:
            phones = await contacts.phones(connection, message.organization, recipients)
        asked = {recipient: phones[recipient] for recipient in recipients if recipient in phones}
        found = await asyncio.gather(*(self._chat(phone) for phone in asked.values()))
        chats = {
            recipient: (phone, chat) for (recipient, phone), chat in zip(asked.items(), found, strict=True) if chat
        }
        for recipient in recipients:
            if recipient not in chats:
                reason = "NOT_ON_WHATSAPP" if recipient in phones else "CONTACT_GONE"
                await self._fail(message, [recipient], reason)
        return chats

    async def _chat(self, phone: str) -> str | None:
        if not self._settings.whatsapp_check_numbers:
            return f"{phone.removeprefix('+')}@c.us" if self._settings.whatsapp_gateway == "waha" else phone[1:]
        if phone not in self._chats:
            chat = await self._gateway.chat(phone)
            if chat is None:
                return None
            if len(self._chats) >= KNOWN_CHATS:
                self._chats.clear()
            self._chats[phone] = chat
        return self._chats[phone]

    async def _claim(self, message: GoingOut, chats: dict[str, tuple[str, str]]) -> list[Copy] | None:
        """Claim what nobody else has, in one append; None when the message is not being sent any more."""
        keep = scheduled_message.KeepSending(message=message.id, attempt=message.attempt, revision=message.revision)
        stream = scheduled_message.stream(message.organization, message.id)
        left = dict(chats)
        while left:
            claimed, moment = time.time(), posts.now()
            copies = [
                Copy(
                    organization=message.organization,
                    message=message.id,
                    recipient=recipient,
                    claim=posts.new_claim(),
                    run=message.attempt,
                    chat=chat,
                    text=message.content,
                    claimed=claimed,
                )
                for recipient, (_, chat) in left.items()
            ]
            commands = [
                delivery.ClaimDelivery(
                    message=message.id,
                    recipient=copy.recipient,
                    claim=copy.claim,
                    worker=self._post.name,
                    run=message.attempt,
                    revision=message.revision,
                    phone_digest=self._post.vault.blind(left[copy.recipient][0]),
                    now=moment,
                )
                for copy in copies
            ]
            steps = [
                Step(delivery.DECIDER, copy.stream, command) for copy, command in zip(copies, commands, strict=True)
            ]
            try:
                await self._post.record(message.organization, Step(scheduled_message.DECIDER, stream, keep), *steps)
            except Conflict as refusal:
                taken = refusal.facts.get("recipient")
                if taken not in left:
                    return None
                del left[taken]
                self._claimed[f"{message.id}/{taken}"] = time.monotonic()
                continue
            for copy in copies:
                self._claimed[f"{message.id}/{copy.recipient}"] = time.monotonic()
            return copies
        return []

    async def _deliver(self, copy: Copy) -> None:
        """Call, and record what became of it."""
        about = {"message": copy.message, "recipient": copy.recipient}
        if not 0 <= time.time() - copy.claimed <= self._post.call_within:
            await self._record(
                copy, delivery.ReleaseDelivery(**about, claim=copy.claim, reason="held up", now=posts.now())
            )
            return
        try:
            reference = f"{copy.organization}/{copy.message}/{copy.recipient}"
            provider_id = await self._gateway.send(copy.chat, copy.text, reference)
        except NotSent as fault:
            self._close(fault)
            await self._record(
                copy, delivery.ReleaseDelivery(**about, claim=copy.claim, reason=fault.reason, now=posts.now())
            )
        except Rejected as fault:
            await self._record(
                copy,
                delivery.FailDelivery(**about, claim=copy.claim, reason=fault.reason, run=copy.run, now=posts.now()),
            )
        except Doubtful as fault:
            await self._record(
                copy, delivery.DoubtDelivery(**about, claim=copy.claim, doubt=fault.doubt, now=posts.now())
            )
        else:
            await self._hand_over(copy, provider_id)

    async def _hand_over(self, copy: Copy, provider_id: str) -> None:
        moment = posts.now()
        handed = delivery.HandOverDelivery(
            message=copy.message, recipient=copy.recipient, provider_id=provider_id, now=moment
        )
        owned = receipts.owned(self._number, provider_id, copy.stream, moment)
        try:
            await self._post.record(copy.organization, Step(delivery.DECIDER, copy.stream, handed), owned)
        except Conflict:
            # Another copy of the same text for the same person was in doubt and was settled by this very message.
            doubted = delivery.DoubtDelivery(
                message=copy.message, recipient=copy.recipient, claim=copy.claim, doubt="no_id", now=moment
            )
            await self._record(copy, doubted)

    async def _record(self, copy: Copy, command: delivery.DeliveryCommand) -> None:
        try:
            await self._post.record(copy.organization, Step(delivery.DECIDER, copy.stream, command))
        except Conflict as refusal:
            logger.warning("%s: %s", copy.stream, refusal)

    async def _give_up(self, message: GoingOut) -> bool:
        """Fail what is left of a message for which the number has been away too long."""
        if (posts.now() - message.status_at).total_seconds() <= self._settings.send_late_seconds:
            return False
        async with self._post.connection() as connection:
            left = await deliveries.pending(connection, message.organization, message.id, 0, FAILED_AT_ONCE)
        await self._fail(message, left, "WHATSAPP_AWAY")
        return False

    async def _fail(self, message: GoingOut, recipients: Sequence[str], reason: str) -> None:
        moment = posts.now()
        for recipient in recipients:
            failed = delivery.FailDelivery(
                message=message.id, recipient=recipient, claim=None, reason=reason, run=message.attempt, now=moment
            )
            stream = delivery.stream(message.organization, message.id, recipient)
            self._claimed[f"{message.id}/{recipient}"] = time.monotonic()
            try:
                await self._post.record(message.organization, Step(delivery.DECIDER, stream, failed))
            except Conflict as refusal:
                logger.info("%s: %s", stream, refusal)

    def _forget(self) -> None:
        before = time.monotonic() - REMEMBER
        self._claimed = {key: at for key, at in self._claimed.items() if at > before}
