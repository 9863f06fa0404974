"""Connections to the log's database: autocommit, with the log's types, seeing the live views."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format
from psycopg.types.json import set_json_dumps
from psycopg_pool import AsyncConnectionPool

from eventstore import commit

# A server that is gone without a word, its machine or the network between, is noticed within half a minute.
ALIVE: dict[str, Any] = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
         "tcp_user_timeout": 25_000}  # fmt: skip

WAIT = 5.0
"""Seconds that a caller waits for a connection of a pool."""

SEE_VIEWS = "set search_path = views, public"

Connection = psycopg.Connection[Any]
AsyncConnection = psycopg.AsyncConnection[Any]


class RawJson(Loader):
    """`json` is the log's type and stays bytes: the mapper decodes it once, to the right class."""

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class RawJsonBinary(RawJson):
    format = Format.BINARY


class JsonbLoader(Loader):
    """`jsonb` is the views' type and becomes plain objects."""

    def load(self, data: Buffer) -> Any:
        return msgspec.json.decode(data)


class JsonbBinaryLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> Any:
        return msgspec.json.decode(bytes(data)[1:])  # the first byte is the format's version


def adapt(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Teach a connection the types of the log and of the views."""
    adapters = connection.adapters
    adapters.register_dumper(commit.TextArray, commit.TextArrayDumper)
    adapters.register_dumper(commit.IntArray, commit.IntArrayDumper)
    adapters.register_dumper(commit.BigIntArray, commit.BigIntArrayDumper)
    adapters.register_loader("json", RawJson)
    adapters.register_loader("json", RawJsonBinary)
    adapters.register_loader("jsonb", JsonbLoader)
    adapters.register_loader("jsonb", JsonbBinaryLoader)
    set_json_dumps(msgspec.json.encode, connection)


def connect(database_url: str, name: str) -> Connection:
    """A connection for a process that follows the log. `name` shows in pg_stat_activity."""
    connection = psycopg.connect(
        database_url, autocommit=True, application_name=f"bitacora {name}", prepare_threshold=1, **ALIVE
    )
    try:
        adapt(connection)
        connection.execute(SEE_VIEWS)
    except BaseException:
        connection.close()
        raise
    return connection


async def connect_async(database_url: str, name: str) -> AsyncConnection:
    """As `connect`, for an event loop."""
    connection = await psycopg.AsyncConnection.connect(
        database_url, autocommit=True, application_name=f"bitacora {name}", prepare_threshold=1, **ALIVE
    )
    try:
        await _configure(connection)
    except BaseException:  # whoever asked may have gone away meanwhile
        await connection.close()
        raise
    return connection


def pool(database_url: str, name: str, size: int = 8) -> AsyncConnectionPool[AsyncConnection]:
    """A pool for reads, not open yet."""
    return AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=size,
        timeout=WAIT,
        open=False,
        configure=_configure,
        kwargs={"autocommit": True, "application_name": f"bitacora {name}", "prepare_threshold": 1, **ALIVE},
    )


async def _configure(connection: AsyncConnection) -> None:
    adapt(connection)
    await connection.execute(SEE_VIEWS)
