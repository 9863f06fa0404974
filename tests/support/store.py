"""What tests below the API work with: an open store, events that happened, views that are caught up.

@in_event_loop
async def test_something(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, "goal-acme-ana-2025-10", GoalSet(...))

def test_a_view(database_url: str) -> None:
    happened(database_url, "goal-acme-ana-2025-10", GoalSet(...))
    with keeping(database_url) as views:
        assert views.rows("goals") == [...]
"""

from __future__ import annotations

import asyncio
import functools
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import psycopg
from psycopg import sql

import projections
from domain.model import Event
from eventstore.commit import Commit, Committed, Part, Record
from eventstore.connect import AsyncConnection, Connection, connect, connect_async, pool
from eventstore.execute import Request, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta
from eventstore.sealing import Vault
from eventstore.writer import Writer
from projections import rebuild, status
from projections.projector import Projector
from projections.view import View
from settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
MASTER_KEY = "07" * 32
NOW = datetime(2025, 10, 15, 18, 30, tzinfo=UTC)
META = b'{"organization":"acme"}'
ASKED = Request(meta=Meta(organization="acme", by="test"))

VERSION = "select coalesce(max(version), 0) from events where stream = %s"
EVERYTHING = "select position, stream, version, name, data::text, meta::text from events order by position"

Entry = tuple[int, str, int, str, str, str]
"""position, stream, version, name, data, meta"""


def in_event_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test that is a coroutine, in an event loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Poll for what comes about by itself; fail when it does not."""
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what it waits for happens outside this process
            await asyncio.sleep(0.005)


def a_log(mapper: Mapper | None = None, master_key: str = MASTER_KEY) -> Log:
    """A log with the events of the product, or of this mapper."""
    return Log(mapper or Mapper(), Vault(master_key))


def some_settings(database_url: str, redis_url: str = "redis://127.0.0.1:1/0") -> Settings:
    """Settings for what works on this database; without a Redis unless one is named."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        secret="a secret for tests that nobody else has",
        master_key=MASTER_KEY,
        environment="development",
        log_level="warning",
    )


@asynccontextmanager
async def open_store(database_url: str, log: Log | None = None) -> AsyncIterator[Store]:
    """A store as one process has it: a pool, a writer, folded states of its own."""
    async with pool(database_url, "test") as connections, Writer(database_url) as writer:
        yield Store(connections, writer, log or a_log())


@asynccontextmanager
async def connected(database_url: str) -> AsyncIterator[AsyncConnection]:
    """One connection."""
    async with await connect_async(database_url, "test") as connection:
        yield connection


def commit(
    stream: str, expected: int = 0, *data: bytes, name: str = "Noted", key: str | None = None, fingerprint: str = ""
) -> Commit:
    """A commit of plain events on one stream; of one event when no data is given."""
    records = [Record(name, each) for each in data or (b"{}",)]
    return Commit([Part(stream, expected, records)], META, key, fingerprint)


async def given(store: Store, stream: str, *events: Event, by: str = "test") -> Committed:
    """These events happened next on a stream; nothing decides about them. The organisation is the one in its name."""
    mapper = store.log.mapper
    async with store.pool.connection() as connection:
        row = await (await connection.execute(VERSION, [stream])).fetchone()
        personal = any(mapper.is_personal(event) for event in events)
        key = await store.log.vault.make(connection, stream) if personal else None
    assert row is not None
    records = [mapper.record(event, key) for event in events]
    meta = mapper.meta(Meta(organization=stream.split("-")[1], by=by))
    return await store.writer.append(Commit([Part(stream, row[0], records)], meta))


def happened(database_url: str, stream: str, *events: Event, log: Log | None = None) -> Committed:
    """As `given`, for a test that is not a coroutine."""

    async def append() -> Committed:
        async with open_store(database_url, log) as store:
            return await given(store, stream, *events)

    return asyncio.run(append())


def all_of_it(database_url: str, stories: Sequence[tuple[str, Sequence[Event]]]) -> None:
    """Many streams at once, each with its events in order."""

    async def append() -> None:
        async with open_store(database_url) as store:
            for stream, events in stories:
                await given(store, stream, *events)

    asyncio.run(append())


def broken(database_url: str, stream: str, name: str = "GoalRevised", data: str = "{}") -> None:
    """An event that no build can read comes next on a stream."""
    append = "select append_events(array[%s], array[%s], array[%s], array[%s], array[%s])"
    with psycopg.connect(database_url) as connection:
        row = connection.execute(VERSION, [stream]).fetchone()
        assert row is not None
        connection.execute(append, [stream, row[0] + 1, name, data, META.decode()])


def entries(database_url: str) -> list[Entry]:
    """Everything in the log."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(EVERYTHING).fetchall()


async def together(store: Writer, commits: Sequence[Commit]) -> list[Committed | BaseException]:
    """All of them in one flush, as far as that is possible: they wait before the writer looks."""
    return list(await asyncio.gather(*(store.append(each) for each in commits), return_exceptions=True))


def streams(database_url: str) -> list[tuple[int, str, int]]:
    """position, stream and version of everything that is stored."""
    return [entry[:3] for entry in entries(database_url)]


class Views:
    """Views that are kept by hand: nothing moves before `catch_up`."""

    def __init__(self, connection: Connection, log: Log, of: Sequence[View]) -> None:
        self.connection = connection
        self.log = log
        self.of = of
        self.projector = Projector(connection, log, of)

    def catch_up(self) -> int:
        """Apply what is new; returns how many events there were."""
        return self.projector.catch_up()

    def rows(self, table: str) -> list[tuple[Any, ...]]:
        """Every row of a table, in an order that depends on nothing but the rows."""
        return rows(self.connection, table)

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        return everything(self.connection)


@contextmanager
def keeping(database_url: str, of: Sequence[View] = projections.VIEWS, log: Log | None = None) -> Iterator[Views]:
    """Views, built and caught up."""
    log = log or a_log()
    rebuild.build_unbuilt(database_url, log, of)
    with connect(database_url, "test") as connection:
        views = Views(connection, log, of)
        views.catch_up()
        yield views


class Showing:
    """One view, and what it answers after each event: built anew, it must answer the same."""

    def __init__(self, store: Store, views: Views, connection: AsyncConnection) -> None:
        self.connection = connection
        self._store = store
        self._views = views

    async def after(self, stream: str, *events: Event) -> None:
        """These events happened, and the view shows them."""
        await given(self._store, stream, *events)
        self._views.catch_up()
        found = status.of(self._views.connection, self._views.of).parked
        assert not found, found[0].error

    def rebuild(self) -> None:
        """Build the view anew; its rows must be what they were."""
        before = self._views.everything()
        for view in self._views.of:
            rebuild.build(self._views.connection, self._views.log, view)
        assert self._views.everything() == before


@asynccontextmanager
async def showing(database_url: str, view: object) -> AsyncIterator[Showing]:
    """The view in this module, empty. At the end it is built anew."""
    of = [cast(View, view)]
    with keeping(database_url, of) as views:
        async with open_store(database_url) as store, connected(database_url) as connection:
            shown = Showing(store, views, connection)
            yield shown
            shown.rebuild()


def rows(connection: Connection, table: str) -> list[tuple[Any, ...]]:
    """Every row of a live table, in an order that depends on nothing but the rows."""
    found = connection.execute(sql.SQL("select * from {}").format(sql.Identifier("views", table))).fetchall()
    return sorted(found, key=repr)


def everything(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every live table."""
    names = connection.execute("select tablename from pg_tables where schemaname = 'views'").fetchall()
    return {name: rows(connection, name) for (name,) in names}


def in_another_process(function: Callable[..., object], *arguments: str) -> subprocess.Popen[str]:
    """A function of a test module, called with these texts in a process of its own; what it prints can be read."""
    module = function.__module__
    code = f"import sys; from {module} import {function.__name__} as go; go(*sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
