"""What an operator looks at: the history of one stream, the newest events, and those that arrive."""

from __future__ import annotations

from collections.abc import Iterator

from eventstore import rows
from eventstore.chain import Row

LISTEN = "listen log"
PATIENCE = 5.0
"""Seconds after which the log is read again although nobody announced anything."""


def history(database_url: str, stream: str) -> Iterator[Row]:
    """The events of a stream, oldest first; none for a stream that does not exist."""
    with rows.snapshot(database_url) as connection:
        for batch in rows.batches(connection, rows.STREAM_BETWEEN, [stream, rows.LOWEST, rows.HIGHEST]):
            yield from batch


def tail(database_url: str, count: int) -> list[Row]:
    """The newest `count` events, oldest of them first."""
    with rows.snapshot(database_url) as connection:
        return rows.newest(connection, count)


def follow(database_url: str, count: int) -> Iterator[Row]:
    """As `tail`, then every event as it is appended, without end. Raises `psycopg.OperationalError` when the database
    goes away."""
    with rows.connect(database_url) as connection:
        connection.autocommit = True
        connection.execute(LISTEN)  # before the first look, so that nothing falls in between
        shown = rows.newest(connection, max(count, 1))
        after = shown[-1][0] if shown else 0
        yield from shown if count else ()
        while True:
            with connection.transaction():
                for batch in rows.batches(connection, rows.BETWEEN, [after + 1, rows.HIGHEST]):
                    yield from batch
                    after = batch[-1][0]
            for _ in connection.notifies(timeout=PATIENCE, stop_after=1):
                pass
