"""A provider in memory, and a post office of ours that sends through it: for tests of what senders do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from domain import contact, delivery, scheduled_message
from domain.contact import ContactAdded
from domain.delivery import ClaimDelivery
from domain.model import Command
from domain.scheduled_message import DraftMessage, ScheduleMessage, StartSending
from eventstore.execute import Outcome, Step, Store
from projections import contacts, deliveries
from projections.deliveries import Counts
from projections.horizon import Horizon
from settings import Settings
from tests.support.store import ASKED, MASTER_KEY, eventually, given, keeping
from tests.support.waiting import PATIENCE
from workers import line, message_end, message_start
from workers.gateways.whatsapp import Copy, Doubtful, Gateway, NotSent, Progress, Receipt, State, StateChange
from workers.post import Post
from workers.sending import Sender
from workers.settling import Settling

ORGANIZATION = "acme"
TEXT = "Hola, hasta el viernes"


class Provider:
    """What the outside world got. `plan` says, for a chat, what its next calls lead to: `sent` unless told otherwise,
    an exception that is raised before anything is sent, or `lost`: sent, and the answer is lost."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str, str, datetime]] = []
        self.plan: dict[str, list[Any]] = {}
        self.nobody: set[str] = set()
        self.connected = True
        self.can_tell = True
        """Whether it can be asked which messages it has; Meta cannot."""
        self.progress: dict[str, Progress] = {}
        self.states = 0
        """How often it was asked how the connection is."""
        self.calls = 0
        self.asked = 0

    def take(self, chat: str, text: str) -> str:
        identity = f"P{len(self.messages) + 1}"
        self.messages.append((identity, chat, text, datetime.now(UTC)))
        return identity

    def got(self, chat: str) -> int:
        """How many messages went to a chat."""
        return sum(to == chat for _, to, _, _ in self.messages)


class FakeGateway:
    """The gateway protocol over a `Provider`."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def state(self) -> State:
        self.provider.states += 1
        return "connected" if self.provider.connected else "disconnected"

    async def qr(self) -> str | None:
        return None

    async def chat(self, phone: str) -> str | None:
        if not self.provider.connected:
            raise NotSent("away")
        return None if phone in self.provider.nobody else phone[1:]

    async def send(self, chat: str, text: str, reference: str) -> str:
        self.provider.calls += 1
        await asyncio.sleep(0)
        if not self.provider.connected:
            raise NotSent("away")
        outcome = self.provider.plan[chat].pop(0) if self.provider.plan.get(chat) else "sent"
        if isinstance(outcome, BaseException):
            raise outcome
        identity = self.provider.take(chat, text)
        if outcome == "lost":
            raise Doubtful("timed_out")
        return identity

    async def find(self, chat: str, text: str, since: datetime) -> Sequence[Copy] | None:
        self.provider.asked += 1
        if not self.provider.can_tell:
            return None
        return [
            Copy(provider_id=identity, progress=None)
            for identity, to, said, at in self.provider.messages
            if (to, said) == (chat, text) and at >= since
        ]

    async def progress(self, chat: str, provider_id: str) -> Progress | None:
        return self.provider.progress.get(provider_id)

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return None

    def heard(self, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt | StateChange]:
        return []

    async def close(self) -> None:
        return


class OneGateway:
    """The same gateway for every number."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def of(self, organization: str) -> Gateway:
        return self.gateway


def quick(database_url: str, **more: Any) -> Settings:
    """Settings with which doubts are settled within a second."""
    fields: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": "redis://unused.invalid",
        "secret": "s" * 32,
        "master_key": MASTER_KEY,
        "whatsapp_url": "http://whatsapp.invalid",
        "whatsapp_timeout_seconds": 0.2,
        "whatsapp_settle_seconds": 0.8,
        "whatsapp_confirm_seconds": 0.1,
        "send_per_minute": 0,
        "send_at_once": 4,
        **more,
    }
    return Settings(**fields)


class Office:
    """Senders, as many as a test wants, beside a projector."""

    def __init__(self, settings: Settings, provider: Provider, post: Post) -> None:
        self.settings = settings
        self.provider = provider
        self.post = post

    @property
    def store(self) -> Store:
        return self.post.store

    async def do(self, decider: Any, stream: str, command: Command) -> Outcome:
        return await self.store.execute_all([Step(decider, stream, command)], ASKED)

    async def ask(self, command: Any, name: str = "m1") -> Outcome:
        """A command for a message."""
        return await self.do(scheduled_message.DECIDER, scheduled_message.stream(ORGANIZATION, name), command)

    async def people(self, *names: str, group: str = "g1") -> None:
        """Contacts: the nth one has the number +3460000000n, whose chat is the same without the plus."""
        for name in names:
            added = ContactAdded(
                contact=name,
                owner="alma",
                name=name,
                phone=phone(name),
                groups=(group,),
                at=datetime.now(UTC),
            )
            await given(self.store, contact.stream(ORGANIZATION, name), added)

    async def going_out(self, name: str = "m1", group: str = "g1", text: str = TEXT, listed: bool = True) -> None:
        """A message that is being sent to everybody in the group."""
        start = datetime.now(UTC) - timedelta(minutes=5)
        due = start + timedelta(minutes=4)
        await self.ask(DraftMessage(message=name, owner="alma", content=text, groups=(group,), now=start), name)
        await self.ask(ScheduleMessage(message=name, scheduled_for=due, now=start), name)
        if listed:
            await self.seen()
            async with self.post.connection() as connection:
                who = await contacts.recipients(connection, ORGANIZATION, [group])
            began = StartSending(message=name, recipients=tuple(who), late=3_600, now=datetime.now(UTC))
            await self.ask(began, name)
        await self.seen()

    async def claimed(self, recipient: str, name: str = "m1") -> None:
        """A worker claimed this copy and was never heard of again."""
        command = ClaimDelivery(
            message=name,
            recipient=recipient,
            claim="lost",
            worker="dead",
            run=1,
            revision=1,
            phone_digest=self.post.vault.blind(phone(recipient)),
            now=datetime.now(UTC),
        )
        await self.do(delivery.DECIDER, delivery.stream(ORGANIZATION, name, recipient), command)

    async def state(self, recipient: str, name: str = "m1") -> delivery.State:
        """Where a copy stands, by the log."""
        return await self.store.state(delivery.DECIDER, delivery.stream(ORGANIZATION, name, recipient))

    async def counts(self, name: str = "m1") -> Counts:
        async with self.post.connection() as connection:
            return await deliveries.counts_of(connection, ORGANIZATION, name)

    async def seen(self) -> None:
        """Wait until the views show everything."""
        async with self.post.connection() as connection:
            row = await (await connection.execute("select coalesce(max(position), 0) from events")).fetchone()
        assert row is not None
        async with Horizon(self.settings.database_url) as horizon:
            assert await horizon.reached(row[0], PATIENCE) == 0.0

    async def ended(self, name: str = "m1", seconds: float = PATIENCE) -> Counts:
        """Wait until every copy of a message has come to its end."""

        async def all_over() -> bool:
            counts = await self.counts(name)
            return counts.total > 0 and counts.open == 0

        await eventually(all_over, seconds)
        return await self.counts(name)

    async def tick(self) -> list[str]:
        """What the clock does about messages, once; returns the names of the events."""
        return await self._tick(message_start, message_end)

    async def _tick(self, *kinds: Any) -> list[str]:
        await self.seen()
        names = []
        for kind in kinds:
            async with self.post.connection() as connection:
                owed = await kind.due(connection, datetime.now(UTC), 10, self.settings)
            for each in owed:
                outcome = await self.do(each.run.decider, each.run.stream, each.run.command)
                names += [type(event).__name__ for event in outcome.events]
        await self.seen()
        return names

    async def started(self) -> list[str]:
        """Let the clock look until it starts something; returns the names of all events that it led to. What has ended
        meanwhile it leaves alone."""
        names: list[str] = []

        async def looked() -> bool:
            names.extend(await self._tick(message_start))
            return "SendingStarted" in names

        await eventually(looked)
        return names

    @asynccontextmanager
    async def sending(self, senders: int = 1, settling: bool = True) -> AsyncIterator[None]:
        """So many senders at work, each as if in a process of its own."""
        stopped = False
        tasks: list[asyncio.Task[None]] = []
        posts: list[Post] = []
        for _ in range(senders):
            post = await Post(self.settings).__aenter__()
            post.gateways = OneGateway(FakeGateway(self.provider))  # type: ignore[assignment]
            posts.append(post)
            tasks.append(asyncio.create_task(Sender(post, lambda: stopped).run()))
            if settling:
                tasks.append(asyncio.create_task(Settling(post).run(lambda: stopped)))
        try:
            yield
        finally:
            stopped = True
            await asyncio.gather(*tasks)
            for post in posts:
                await post.__aexit__(None, None, None)


def phone(name: str) -> str:
    """A number for a name."""
    return f"+34{600_000_000 + sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 99_999_999:09}"


def chat(name: str) -> str:
    return phone(name)[1:]


@asynccontextmanager
async def office(database_url: str, **more: Any) -> AsyncIterator[Office]:
    """An office with an empty provider; the views are kept meanwhile."""
    settings = quick(database_url, **more)
    with keeping(database_url) as views:
        stopped = asyncio.Event()

        async def keep() -> None:
            while not stopped.is_set():
                await asyncio.to_thread(views.catch_up)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), 0.01)

        provider = Provider()
        # The views follow at once here, so a recipient who is claimed need not be passed over for long.
        remembered, line.REMEMBER = line.REMEMBER, 1.0
        async with Post(settings) as post:
            post.gateways = OneGateway(FakeGateway(provider))  # type: ignore[assignment]
            keeper = asyncio.create_task(keep())
            try:
                yield Office(settings, provider, post)
            finally:
                line.REMEMBER = remembered
                stopped.set()
                await keeper
