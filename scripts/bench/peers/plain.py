"""No event store at all: one row per command into a plain table, and COPY as what the database can take at most."""

from __future__ import annotations

import time
from uuid import uuid4

import psycopg
from psycopg_pool import AsyncConnectionPool

from scripts.bench import measure
from scripts.bench.measure import Operation, Work

TABLE = """
create table if not exists events (
    position bigint generated always as identity primary key, stream text not null, version integer not null,
    name text not null, data json not null, meta json not null, recorded_at timestamptz not null default now(),
    unique (stream, version)
)
"""
INSERT = "insert into events (stream, version, name, data, meta) values (%s, %s, %s, %s, %s) returning position"
COPY = "copy events (stream, version, name, data, meta) from stdin"
COPIED_AT_ONCE = 5_000


def create(database: str) -> None:
    """Its table: what an event needs, with the same two indexes."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(TABLE)


class Insert:
    """One INSERT per command from an asynchronous pool, committed by itself."""

    def __init__(self, database: str, data: str, meta: str, connections: int) -> None:
        self._pool = AsyncConnectionPool(
            database, min_size=1, max_size=connections, open=False, kwargs={"autocommit": True, "prepare_threshold": 1}
        )
        self._data = data
        self._meta = meta

    async def open(self) -> None:
        await self._pool.open()

    async def run(self, at_once: int, seconds: float) -> Work:
        return await measure.in_tasks(at_once, seconds, self._operation)

    def _operation(self, _: int) -> Operation:
        async def insert() -> None:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(INSERT, (uuid4().hex, 1, "GoalRevised", self._data, self._meta))
                await cursor.fetchone()

        return insert

    async def close(self) -> None:
        await self._pool.close()


class Copy:
    """COPY, thousands of rows per commit: nobody's command, but nothing can be faster."""

    def __init__(self, database: str, data: str, meta: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)
        self._rest = (1, "GoalRevised", data, meta)

    async def open(self) -> None:
        pass

    def run(self, at_once: int, seconds: float) -> Work:
        began = time.perf_counter()
        rows = 0
        while time.perf_counter() < began + seconds:
            streams = [uuid4().hex for _ in range(COPIED_AT_ONCE)]
            with self._connection.cursor() as cursor, cursor.copy(COPY) as copy:
                for stream in streams:
                    copy.write_row((stream, *self._rest))
            rows += COPIED_AT_ONCE
        return Work(rows, time.perf_counter() - began)

    async def close(self) -> None:
        self._connection.close()
