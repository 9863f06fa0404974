"""Whom the proof writes to: contacts, two groups of them, and two messages of the same words, so that one person may
rightly get the same text twice, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec

from domain import claim, contact, group, scheduled_message
from domain.model import Command, Decider
from eventstore.connect import pool
from eventstore.execute import Request, Step, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta
from eventstore.sealing import Vault
from eventstore.writer import Writer

ORGANIZATION = "acme"
OWNER = "alma"
TEXT = "Hola, la oferta de noviembre termina el viernes. Responde a este mensaje si te interesa."
TOGETHER = 64
ALSO = 0.1
"""The share of copies that belong to the second message."""


class Plan(msgspec.Struct, frozen=True):
    """What is to arrive: chat -> how often."""

    messages: tuple[str, ...]
    expected: dict[str, int]

    @property
    def copies(self) -> int:
        return sum(self.expected.values())


class Author:
    """Somebody who writes to the log as the API would."""

    def __init__(self, database_url: str, master_key: str) -> None:
        self.vault = Vault(master_key)
        self.pool = pool(database_url, "prove")
        self.writer = Writer(database_url)
        self.store = Store(self.pool, self.writer, Log(Mapper(), self.vault))

    async def __aenter__(self) -> Author:
        await self.pool.open()
        await self.writer.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.writer.__aexit__(None, None, None)
        await self.pool.close()

    async def do(self, decider: Decider, stream: str, command: Command) -> None:
        await self.all(Step(decider, stream, command))

    async def all(self, *steps: Step) -> None:
        await self.store.execute_all(steps, Request(meta=Meta(organization=ORGANIZATION, by=OWNER)))


async def fill(author: Author, recipients: int, report: Callable[[int, int], None]) -> Plan:
    """Make the contacts, the groups and the messages; the messages are due in a moment."""
    also = int(recipients * ALSO / (1 + ALSO)) if recipients > 1 else 0
    people = recipients - also
    for name in ("todos", "otra-vez"):
        asked = group.CreateGroup(group=name, owner=OWNER, name=name, now=datetime.now(UTC))
        await author.do(group.DECIDER, group.stream(ORGANIZATION, name), asked)
    done = 0
    room = asyncio.Semaphore(TOGETHER)

    async def add(number: int) -> None:
        nonlocal done
        async with room:
            await author.all(*_contact(author, number, number < also))
        done += 1
        report(done, people)

    await asyncio.gather(*(add(number) for number in range(people)))
    messages = ("proof-1", "proof-2") if also else ("proof-1",)
    for message, audience in zip(messages, ("todos", "otra-vez"), strict=False):
        await _schedule(author, message, audience)
    return Plan(messages, {_chat(number): 1 + (number < also) for number in range(people)})


async def pause(author: Author, message: str) -> None:
    """Stop a message for the time being."""
    stream = scheduled_message.stream(ORGANIZATION, message)
    now = datetime.now(UTC)
    await author.do(scheduled_message.DECIDER, stream, scheduled_message.PauseMessage(message=message, now=now))


async def resume(author: Author, message: str) -> None:
    """Let it go on, a second from now."""
    now = datetime.now(UTC)
    asked = scheduled_message.ResumeMessage(message=message, scheduled_for=now + timedelta(seconds=1), now=now)
    await author.do(scheduled_message.DECIDER, scheduled_message.stream(ORGANIZATION, message), asked)


async def _schedule(author: Author, message: str, audience: str) -> None:
    now = datetime.now(UTC)
    stream = scheduled_message.stream(ORGANIZATION, message)
    drafted = scheduled_message.DraftMessage(message=message, owner=OWNER, content=TEXT, groups=(audience,), now=now)
    scheduled = scheduled_message.ScheduleMessage(
        message=message, scheduled_for=now + timedelta(seconds=2), timezone="America/Mexico_City", now=now
    )
    await author.all(
        Step(scheduled_message.DECIDER, stream, drafted), Step(scheduled_message.DECIDER, stream, scheduled)
    )


def _contact(author: Author, number: int, twice: bool) -> list[Step]:
    name, phone, now = f"contact_{number:06}", f"+34{600_000_001 + number * 7}", datetime.now(UTC)
    groups = ("todos", "otra-vez") if twice else ("todos",)
    added = contact.AddContact(contact=name, owner=OWNER, name=f"Persona {number}", phone=phone, groups=groups, now=now)
    stream = contact.stream(ORGANIZATION, name)
    digest = author.vault.blind(contact.unique(ORGANIZATION, OWNER, phone))
    claimed = claim.ClaimValue(kind="phone", digest=digest, owner=stream, now=now)
    return [Step(contact.DECIDER, stream, added), Step(claim.DECIDER, claim.stream("phone", digest), claimed)]


def _chat(number: int) -> str:
    return f"34{600_000_001 + number * 7}@c.us"
