"""A running backend for tests: the front door, the projector and the reactions, on a database that tests share.

    def test_a_partner_sees_their_goal(world: World) -> None:
        partner = world.user("partner")
        client = world.signed_in(partner)
        answer = client.post("/pazz/api/v1/goals", json={"amount": 30_000, "month": "octubre", "year": 2025})
        assert answer.status == 201, answer
        assert client.get("/pazz/api/v1/goals/current").json["data"] == answer.json["data"]

Starting all of it takes a second, so it is started once per worker and never emptied. Every test therefore works in
organisations of its own: `world.organization` makes a new one each time, whatever it is called. Limits and reactions
that earlier tests left behind are forgotten before each test.

What happens in the background happens when a test says so: `world.react()` performs every reaction that is due, and
theirs, and returns when the views show it; `world.strike()` does what is due by the time that it is. Commands over HTTP
wait for the views by themselves.
"""

from __future__ import annotations

import asyncio
import itertools
import json as jsons
import os
import socket
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import argon2
import httpx2
import msgspec
import pytest
import redis
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

import projections
from api import identity
from api.app import FrontDoor
from api.runtime import Runtime
from domain import claim, organization, shopper, user, values
from domain.model import Command, Decider, Event
from eventstore import log as logs
from eventstore import sign_ins
from eventstore.commit import Commit, Part
from eventstore.connect import Connection, connect
from eventstore.execute import Outcome, Request, Step
from eventstore.mapper import Meta, Recorded
from projections import projector, rebuild
from settings import Settings
from tests.support import servers
from workers import feed
from workers.clock import Clock
from workers.perform import Performer

T = TypeVar("T")

PASSWORD = "Bitacora1"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Makes hashes that are quick to make and to check. `World.another_process` has the real one."""
CHEAP_HASH = CHEAP.hash(PASSWORD)

SHOP = "shop"
"""The organisation of every shopper."""

ORIGIN = "https://app.example"
"""A browser's origin that may call."""

PATIENCE = 20.0
VERSION = "select coalesce(max(version), 0) from events where stream = %s"


@dataclass(frozen=True)
class User:
    """A staff account that a test made; the password is PASSWORD."""

    id: str
    organization: str
    account: str
    email: str
    role: str
    name: str
    password: str = PASSWORD


@dataclass(frozen=True)
class Answer:
    """What came back. In a failed assertion it shows status and body."""

    status: int
    headers: httpx2.Headers
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return jsons.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:2_000].decode(errors='replace')}>"


class Client:
    """Somebody who calls one process of the API, with the same headers each time."""

    def __init__(self, process: Process, headers: Mapping[str, str], signed: identity.Signed | None = None) -> None:
        self.process = process
        self.headers = dict(headers)
        self.signed = signed

    @property
    def token(self) -> str:
        """The access token."""
        assert self.signed is not None, "this client did not sign in"
        return self.signed.access_token

    def with_headers(self, **headers: str) -> Client:
        """The same caller sending more headers: `with_headers(idempotency_key="k1")`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.process, {**self.headers, **more}, self.signed)

    def get(self, path: str, **more: Any) -> Answer:
        return self.send("GET", path, **more)

    def post(self, path: str, **more: Any) -> Answer:
        return self.send("POST", path, **more)

    def put(self, path: str, **more: Any) -> Answer:
        return self.send("PUT", path, **more)

    def patch(self, path: str, **more: Any) -> Answer:
        return self.send("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.send("DELETE", path, **more)

    def send(self, method: str, path: str, **more: Any) -> Answer:
        """Call and wait for the answer. `more` as for `asking`."""
        return self.process.loop.run(self.asking(method, path, **more))

    async def asking(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        """A call to be made together with others: `world.at_once(client.asking("GET", "/a"), ...)`. `json` is encoded,
        `body` is sent as it is and called JSON too unless `headers` say otherwise."""
        sent = {**self.headers, **(headers or {})}
        if json is not None:
            body = msgspec.json.encode(json)
        if body is not None:
            sent = {"content-type": "application/json", **{name.lower(): value for name, value in sent.items()}}
        answer = await self.process.http.request(method, path, content=body, headers=sent, params=params)
        return Answer(answer.status_code, answer.headers, answer.content)


class Loop:
    """An event loop in a thread of its own, for tests that are not asynchronous themselves."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="api", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE * 3)

    def stop(self) -> None:
        self.run(self._cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _cancel(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # such as a socket's next ping
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)


class Process:
    """One process of the API: its front door, open, called without a network in between.

    `address` makes it listen on a port as well, for websockets and for what only a real server can show.
    """

    def __init__(self, settings: Settings, loop: Loop, only: str | None = None) -> None:
        self.settings = settings
        self.loop = loop
        self.door = FrontDoor(settings, only)
        self.runtime: Runtime = self.door.runtime
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._address = ""
        transport = httpx2.ASGITransport(app=self.door, raise_app_exceptions=False, client=("203.0.113.7", 50_000))
        # Everybody in a test calls through this one: what one is given in cookies is not for the others.
        forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self.http = httpx2.AsyncClient(
            transport=transport, base_url="http://bitacora.test", timeout=PATIENCE, cookies=forgetful
        )
        loop.run(self.runtime.__aenter__())

    @property
    def address(self) -> str:
        """`http://127.0.0.1:port`, where a real server serves this front door."""
        if self._server is None:
            port = free_port()
            self.loop.run(self._listen(port))
            self._address = f"http://127.0.0.1:{port}"
            until(lambda: is_open(port))
        return self._address

    async def _listen(self, port: int) -> None:
        # The front door is open already, so the server must not open it again.
        self._server = Server(
            self.door, port=port, interface=Interfaces.ASGINL, http=HTTPModes.http1, log_enabled=False
        )
        self._serving = asyncio.create_task(self._server.serve())

    def visitor(self) -> Client:
        """Somebody who did not sign in."""
        return Client(self, {})

    def signed_in(self, who: User) -> Client:
        """Somebody who did."""
        if who.role == "shopper":
            login = {"usuario": who.email, "password": who.password}
            answer = self.visitor().post("/tienda/auth/clientes/login", json=login)
            return Client(self, {"authorization": f"Bearer {answer.json['access_token']}"})
        signed = self.loop.run(identity.sign_in(self.runtime, who.email, who.password, {who.role}))
        return Client(self, {"authorization": f"Bearer {signed.access_token}"}, signed)

    def close(self) -> None:
        self.loop.run(self._close())

    async def _close(self) -> None:
        await self.http.aclose()
        if self._server is not None and self._serving is not None:
            self._server.stop()
            await self._serving
        await self.runtime.__aexit__(None, None, None)


class House:
    """What the tests of one worker share: a database with every view, a process of the API, and what runs beside it."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.settings = Settings(
            database_url=database_url,
            redis_url=redis_url,
            secret="a secret for tests that nobody else has",
            master_key="07" * 32,
            environment="development",
            allowed_origins=(ORIGIN,),
            view_wait_seconds=PATIENCE,
            pazz_organization="broker",
            tienda_organization=SHOP,
            log_level="warning",
        )
        self.loop = Loop()
        self.process = Process(self.settings, self.loop)
        self.process.runtime.passwords._hasher = CHEAP
        log = self.process.runtime.log
        rebuild.build_unbuilt(database_url, log, projections.VIEWS)
        self.connection: Connection = connect(database_url, "test")
        self.redis = redis.Redis.from_url(redis_url)
        self.performer = Performer(self.settings)
        self.clock = Clock(self.settings)
        self.loop.run(self.clock.__aenter__())
        self.numbers = itertools.count(1)
        self._stopping = threading.Event()
        ready = threading.Event()
        self._projector = threading.Thread(
            target=projector.run,
            args=(database_url, log, projections.VIEWS),
            kwargs={"ready": ready.set, "stop": self._stopping.is_set},
            name="projector",
            daemon=True,
        )
        self._projector.start()
        assert ready.wait(PATIENCE), "the projector did not start"
        horizon = self.process.runtime.horizon  # which began before the views were there
        until(lambda: self.loop.run(horizon.reached(0, PATIENCE)) == 0.0, "the views are not live")

    def forget(self) -> None:
        """What earlier tests left: counted calls, and reactions to what they did."""
        self.redis.flushdb()
        self.connection.execute("delete from jobs")
        self.connection.execute(
            "update checkpoints set position = (select coalesce(max(position), 0) from events) where follower = 'feed'"
        )

    def close(self) -> None:
        self._stopping.set()
        self.loop.run(self.performer.close())
        self.loop.run(self.clock.__aexit__())
        self.process.close()
        self._projector.join()
        self.connection.close()
        self.redis.close()
        self.loop.stop()


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
        return self.runtime.log.between_now(self.house.connection, after, self.head)

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


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis_address(number: int) -> str:
    """A numbered database of the session's Redis."""
    return f"{os.environ['TEST_REDIS_URL'].split('?')[0]}?db={number}"


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(condition: Any, report: Any = "it did not come about", seconds: float = PATIENCE) -> None:
    """Poll for what another process or thread does; fail with a report when it does not come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, report() if callable(report) else report
        time.sleep(0.005)


@pytest.fixture(scope="session")
def house(database_template: str, redis_numbers: list[int]) -> Iterator[House]:
    """The running backend of this worker."""
    number = redis_numbers.pop()
    name = f"bitacora_house_{free_port()}_{number}"
    servers.create_database(name, database_template)
    built = House(servers.address(name), redis_address(number))
    yield built
    built.close()
    servers.drop_database(name)


@pytest.fixture
def world(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The running backend, for one test."""
    house.forget()
    made = World(house, monkeypatch)
    yield made
    for process in made.processes:
        process.close()


__all__ = ["House", "Process", "User", "World", "house", "world"]
