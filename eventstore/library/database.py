"""Connections for the recorders of the library, and the library's own exceptions for what goes wrong on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from eventsourcing import persistence
from eventsourcing.utils import retry
from psycopg_pool import ConnectionPool

from eventstore import connect

POOL_SIZE = 10
WAIT_SECONDS = 5.0

ERRORS: dict[type, type[persistence.PersistenceError]] = {
    psycopg.InterfaceError: persistence.InterfaceError,
    psycopg.DataError: persistence.DataError,
    psycopg.OperationalError: persistence.OperationalError,
    psycopg.IntegrityError: persistence.IntegrityError,
    psycopg.InternalError: persistence.InternalError,
    psycopg.ProgrammingError: persistence.ProgrammingError,
    psycopg.NotSupportedError: persistence.NotSupportedError,
    psycopg.DatabaseError: persistence.DatabaseError,
    psycopg.Error: persistence.PersistenceError,
}

again_when_connection_lost = retry(
    (persistence.InterfaceError, persistence.OperationalError), max_attempts=10, wait=0.2
)

Connection = psycopg.Connection[Any]
Cursor = psycopg.Cursor[Any]


@contextmanager
def library_errors() -> Iterator[None]:
    """Raise the library's exception of the same name for an exception of the driver."""
    try:
        yield
    except psycopg.Error as error:
        kind = next(ERRORS[base] for base in type(error).__mro__ if base in ERRORS)
        raise kind(str(error)) from error


def _configure(connection: Connection) -> None:
    connect.adapt(connection)
    connection.execute("set synchronous_commit = on")  # what was saved is durable, whatever the server's default


class Database:
    """A pool of connections to the database of the log. The first use opens it. Every exception that leaves is one of
    `eventsourcing.persistence`: `OperationalError` where the database cannot be reached within five seconds."""

    def __init__(self, database_url: str, name: str) -> None:
        self._url = database_url
        self._arguments: dict[str, Any] = {
            "autocommit": True,
            "application_name": f"library {name}"[:63],
            "prepare_threshold": 1,
        }
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            database_url,
            kwargs=self._arguments,
            min_size=1,
            max_size=POOL_SIZE,
            timeout=WAIT_SECONDS,
            open=False,
            configure=_configure,
            num_workers=1,
        )

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """A cursor whose statements are each a transaction of their own."""
        with library_errors():
            self._pool.open()
            with self._pool.connection() as connection, connection.cursor() as cursor:
                yield cursor

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """A cursor whose statements are one transaction, rolled back when the block raises."""
        with library_errors():
            self._pool.open()
            with self._pool.connection() as connection, connection.transaction(), connection.cursor() as cursor:
                yield cursor

    @contextmanager
    def listening(self) -> Iterator[Connection]:
        """A connection outside the pool that is told of every append, by whomever."""
        with library_errors(), psycopg.connect(self._url, connect_timeout=5, **self._arguments) as connection:
            connection.execute("listen log")
            yield connection

    def close(self) -> None:
        """Close every connection of the pool, for good."""
        self._pool.close()

    def __del__(self) -> None:
        # The library's projection runner makes a factory that it never closes.
        if hasattr(self, "_pool"):
            self.close()
