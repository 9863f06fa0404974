"""The log as raw rows, exactly as stored: for those who check it or show it, not for those who act on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import LiteralString, cast

import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format

from eventstore.chain import Row

BATCH = 2_000
LOWEST, HIGHEST = -(2**63), 2**63 - 1
"""Every position that a row can have, those that only tampering makes included."""

BETWEEN = """
select position, stream, version, name, recorded_at, data::text, meta::text, hash
  from events where position between %s and %s order by position
"""
STREAM_BETWEEN = """
select position, stream, version, name, recorded_at, data::text, meta::text, hash
  from events where stream = %s and position between %s and %s order by version, position
"""
NEWEST = """
select * from (select position, stream, version, name, recorded_at, data::text, meta::text, hash
                 from events order by position desc limit %s) newest order by position
"""

Progress = Callable[[int, int], None]
"""Told now and then how many events are done, and of how many."""


def unseen(_done: int, _total: int) -> None:
    """Progress that nobody watches."""


class Microseconds(Loader):
    """A time as microseconds since 1970, which is what the chain hashes. No `datetime`: that knows no infinity."""

    format = Format.BINARY
    since_2000 = 946_684_800_000_000

    def load(self, data: Buffer) -> int:
        return int.from_bytes(data, "big", signed=True) + self.since_2000


def connect(database_url: str) -> psycopg.Connection:
    """A connection whose binary results hold `Row`s. Raises `psycopg.OperationalError`."""
    connection = psycopg.connect(database_url, connect_timeout=10, application_name="bitacora audit")
    connection.adapters.register_loader("timestamptz", Microseconds)
    return connection


@contextmanager
def snapshot(database_url: str) -> Iterator[psycopg.Connection]:
    """A connection that cannot write and sees the log as it is at its first statement, whatever is appended later."""
    with connect(database_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        yield connection


def batches(connection: psycopg.Connection, query: LiteralString, parameters: list[object]) -> Iterator[list[Row]]:
    """The rows of one of the statements above, some thousand at a time, from a cursor that the server keeps."""
    with connection.cursor("rows") as cursor:
        cursor.execute(query, parameters, binary=True)
        while rows := cursor.fetchmany(BATCH):
            yield cast("list[Row]", rows)


def newest(connection: psycopg.Connection, count: int) -> list[Row]:
    """The newest events, oldest of them first."""
    return cast("list[Row]", connection.execute(NEWEST, [count], binary=True).fetchall())
