"""One test's view of the house: what there is, what happens, what is looked at, what time it is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import pytest

from api.runtime import Runtime
from domain import claim, organization, shopper, user, values
from domain.model import Command, Decider, Event
from eventstore import log as logs
from eventstore import sign_ins
from eventstore.commit import Commit, Part
from eventstore.execute import Outcome, Request, Step
from eventstore.mapper import Meta, Recorded
from settings import Settings
from tests.support.callers import Client, User
from tests.support.house import CHEAP_HASH, SHOP, House
from tests.support.processes import Loop, Process
from tests.support.waiting import PATIENCE
from workers import feed

T = TypeVar("T")


@dataclass
class World:
    """One test's view of the house: what it makes belongs to organisations of its own."""

    house: House
    patch: pytest.MonkeyPatch
    processes: list[Process] = field(default_factory=list)
    _organization: str = ""

    @property
    def process(self) -> Process:
        """The API process that clients call."""
        return self.house.process

    @property
    def runtime(self) -> Runtime:
        return self.process.runtime

    @property
    def settings(self) -> Settings:
        return self.house.settings

    @property
    def loop(self) -> Loop:
        return self.house.loop

    @property
    def address(self) -> str:
        """Where a real server serves the API, for websockets: `http://127.0.0.1:port`."""
        return self.process.address

    def another_process(self, *, only: str | None = None, **settings: Any) -> Process:
        """One more process of the API on the same database and Redis, with other settings where given; closed with the
        test."""
        process = Process(msgspec.structs.replace(self.settings, **settings), self.loop, only)
        process.runtime.clock = self.runtime.clock
        self.processes.append(process)
        return process

    # --- what there is

    def organization(self, name: str = "acme") -> str:
        """A new organisation; returns its id, which begins with `name`."""
        found = f"{name}{next(self.house.numbers)}"
        founded = organization.FoundOrganization(organization=found, name=name.title(), now=self.now)
        self.run(organization.DECIDER, organization.stream(found), founded)
        return found

    @property
    def own(self) -> str:
        """The organisation of everything that names none, made when first needed."""
        self._organization = self._organization or self.organization()
        return self._organization

    def user(
        self,
        role: values.Role = "partner",
        *,
        organization: str | None = None,
        name: str = "Ana López",
        email: str | None = None,
        phone: str | None = None,
        region: str | None = None,
    ) -> User:
        """A staff account with a password, in `own` organisation when none is given."""
        number, where = next(self.house.numbers), organization or self.own
        made = User(
            id=f"usr_{number:04}",
            organization=where,
            account=user.stream(where, f"usr_{number:04}"),
            email=email or f"user{number}@{where}.example",
            role=role,
            name=name,
        )
        added = user.AddUser(
            user=made.id, name=name, email=made.email, phone=phone, role=role, region=region, now=self.now
        )
        digest = self.runtime.vault.blind(made.email)
        claimed = claim.ClaimValue(kind="email", digest=digest, owner=made.account, now=self.now)
        steps = [
            Step(user.DECIDER, made.account, added),
            Step(claim.DECIDER, claim.stream("email", digest), claimed),
        ]
        self.loop.run(self.runtime.store.execute_all(steps, self._request(made.account)))
        self.loop.run(self._set_password(made.account))
        self.settle()
        return made

    async def _set_password(self, account: str) -> None:
        async with self.runtime.connection() as connection:
            await sign_ins.set_password(connection, account, CHEAP_HASH)

    def shopper(self) -> User:
        """Somebody with an account in the shop; the name that they sign in with stands in `email`."""
        number = next(self.house.numbers)
        identity, username = f"shp_{number:04}", f"shopper{number}"
        account = shopper.stream(SHOP, identity)
        registered = shopper.RegisterShopper(
            shopper=identity, username=username, name="Lupe Mora", card=f"CARD{number}", now=self.now
        )
        self.run(shopper.DECIDER, account, registered)
        self.loop.run(self._set_password(account))
        return User(identity, SHOP, account, username, "shopper", "Lupe Mora")

    def visitor(self) -> Client:
        """A client without a token."""
        return self.process.visitor()

    def signed_in(self, who: User) -> Client:
        """A client with the user's tokens."""
        return self.process.signed_in(who)

    # --- what happens

    def given(self, stream: str, *events: Event) -> None:
        """These events happened on a stream. Nothing decides about them; the organisation is the one in its name."""
        self.loop.run(self._append(stream, events))
        self.settle()

    async def _append(self, stream: str, events: Sequence[Event]) -> None:
        store, mapper = self.runtime.store, self.runtime.log.mapper
        async with self.runtime.connection() as connection:
            cursor = await connection.execute(
                "select coalesce(max(version), 0) from events where stream = %s", [stream]
            )
            row = await cursor.fetchone()
            personal = any(mapper.is_personal(event) for event in events)
            key = await self.runtime.vault.make(connection, stream) if personal else None
        assert row is not None
        records = [mapper.record(event, key) for event in events]
        await store.writer.append(Commit([Part(stream, row[0], records)], mapper.meta(self._request(stream).meta)))

    def run(self, decider: Decider[Any], stream: str, command: Command) -> Outcome:
        """A command runs, past the API. Returns when the views show it."""
        outcome = self.loop.run(self.runtime.store.execute(decider, stream, command, self._request(stream)))
        self.settle()
        return outcome

    def _request(self, stream: str) -> Request:
        return Request(meta=Meta(organization=stream.split("-")[1], by="test"))

    def at_once(self, *calls: Coroutine[Any, Any, T]) -> list[T]:
        """Make calls at the same time: `world.at_once(*(client.asking("POST", "/a", json={}) for _ in range(100)))`."""

        async def together() -> list[T]:
            return list(await asyncio.gather(*calls))

        return self.loop.run(together())

    def react(self) -> int:
        """Perform the reactions to everything that happened, and the reactions to those. Returns how many."""
        performed = 0
        while found := feed.advance(self.house.connection, self.runtime.log, self.settings):
            for reaction, position in found:
                self.loop.run(self.house.performer.perform(reaction, position))
                performed += 1
        self.settle()
        return performed

    def strike(self) -> int:
        """Do what is due by the time that it is. Returns how many events that led to, in whatever organisation."""
        count = self.loop.run(self.house.clock.strike(self.now))
        self.settle()
        return count

    def refused_jobs(self) -> list[tuple[str, str]]:
        """The reactions whose commands were refused: their names and why."""
        return self.house.connection.execute("select reaction, failed from jobs where failed is not null").fetchall()

    def settle(self) -> None:
        """Wait until the views show everything that is in the log, in every process."""
        for process in (self.process, *self.processes):
            waited = self.loop.run(process.runtime.horizon.reached(self.head, PATIENCE))
            assert not waited, f"the views are not there after {waited} s"

    # --- what is looked at

    @property
    def head(self) -> int:
        """The position of the newest event."""
        return logs.head(self.house.connection)

    def events(self, after: int = 0) -> list[Recorded]:
        """What happened after a position."""
        return self.runtime.log.followed_now(self.house.connection, after, self.head)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Whatever is asked in here appends no event."""
        before = self.head
        yield
        added = [(recorded.stream, recorded.name) for recorded in self.events(before)]
        assert not added, f"the log grew by {added}"

    # --- what time it is

    @property
    def now(self) -> datetime:
        """The time that commands carry."""
        return self.runtime.clock()

    def time_is(self, moment: datetime) -> None:
        """Commands and months go by this time from here on, to the end of the test. Tokens go by the real one."""
        fixed = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        for process in (self.process, *self.processes):
            self.patch.setattr(process.runtime, "clock", lambda: fixed)

    def forget_limits(self) -> None:
        """Nobody called yet."""
        self.house.redis.flushdb()


@pytest.fixture
def world(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The running backend, for one test."""
    house.forget()
    made = World(house, monkeypatch)
    yield made
    for process in made.processes:
        process.close()
