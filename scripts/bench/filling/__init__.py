"""Databases full of what a benchmark asks for: the log, and the views as if it had been replayed, both by set-based
statements, because a million rows have to be there within a minute or two.

A test replays a small one and finds the same rows. What one caller has does not depend on how many rows there are: more
rows are more callers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock
from typing import LiteralString, Protocol

import psycopg
from psycopg.sql import SQL

import projections
from eventstore.connect import SEE_VIEWS
from eventstore.log import Log
from eventstore.mapper import Mapper
from eventstore.sealing import Vault
from projections import rebuild
from scripts.bench import world
from scripts.bench.filling import carts, files, goals, messages

AT_ONCE = 5_000
"""Events per call, so that an array stays small."""

MAKE: LiteralString = "create temporary table made as {}"
INDEX = "create index on made (n); analyze made"
APPEND: LiteralString = """
select append_events(array_agg(stream order by n), array_agg(version order by n), array_agg(name order by n),
                     array_agg(data::text order by n), array_agg(%(meta)s::text order by n))
from ({}) event having count(*) > 0
"""
META = '{"organization":"acme","by":"usr_0000001","frontend":"office","request":"req_00000000000000000000"}'
HEAD = "select coalesce(max(position), 0) from events"
KEPT_UP = "update checkpoints set position = (select max(position) from events), moved_at = now()"


class Kind(Protocol):
    """A module of this package: one sort of data."""

    MADE: LiteralString
    """Everything that is made of it, numbered by `n` from 0 on, given `rows` and `now`: the table `made`."""
    EVENTS: Sequence[LiteralString]
    """Each answers `n`, `stream`, `version`, `name` and `data` of the events made of the rows `first` to `last`."""
    VIEWS: Sequence[LiteralString]
    """Fill the views. The event of row `n` is at the position `after + 1 + n`."""
    PEER: Sequence[LiteralString]
    """Fill the tables of the CRUD service with the same."""

    def people(self, rows: int, now: datetime) -> Iterator[world.Happened]:
        """Events that cannot be made in SQL, because they hold personal data."""
        ...


KINDS: Sequence[Kind] = (goals, files, messages, carts)  # type: ignore[assignment]


def fill(database: str, rows: int, kinds: Sequence[Kind] = KINDS) -> None:
    """So many rows of each kind, in a migrated database without events."""
    now = _now()
    rebuild.build_unbuilt(database, Log(Mapper(), Vault(world.MASTER_KEY)), projections.VIEWS)
    for kind in kinds:
        world.fill(database, kind.people(rows, now))
    appending = Lock()  # one kind at a time, while the views of others are filled
    with ThreadPoolExecutor(len(kinds)) as beside:
        for filled in [beside.submit(_fill_kind, database, kind, rows, now, appending) for kind in kinds]:
            filled.result()
    with _connect(database) as connection:
        connection.execute(KEPT_UP)
        _settle(connection)


def _fill_kind(database: str, kind: Kind, rows: int, now: datetime, appending: Lock) -> None:
    with _connect(database) as connection:
        connection.execute(SEE_VIEWS)
        _make(connection, kind, rows, now)
        with appending:
            after = _head(connection)
            _append(connection, kind)
        for statement in kind.VIEWS:
            connection.execute(statement, {"rows": rows, "now": now, "after": after})


def fill_log(database: str, rows: int, kind: Kind) -> None:
    """Only the events of one kind, in a migrated database."""
    with _connect(database) as connection:
        _make(connection, kind, rows, _now())
        _append(connection, kind)
        _settle(connection)


def fill_cart(database: str, shopper: str, versions: int) -> None:
    """One cart that was saved so often, each time with another quantity, in a migrated database; only its events."""
    with _connect(database) as connection:
        for first in range(1, versions + 1, AT_ONCE):
            last = min(versions, first + AT_ONCE - 1)
            span = {"shopper": shopper, "first": first, "last": last, "meta": META}
            connection.execute(SQL(APPEND).format(SQL(carts.SAVED_AGAIN)), span)


def fill_peer(database: str, rows: int) -> None:
    """The same in the tables of the CRUD service, which has made them."""
    now = _now()
    with _connect(database) as connection:
        for kind in KINDS:
            _make(connection, kind, rows, now)
            for statement in kind.PEER:
                connection.execute(statement, {"rows": rows, "now": now})
        _settle(connection)


def _connect(database: str) -> psycopg.Connection:
    connection = psycopg.connect(database, autocommit=True)
    connection.execute("set synchronous_commit = off")
    return connection


def _make(connection: psycopg.Connection, kind: Kind, rows: int, now: datetime) -> None:
    connection.execute("drop table if exists made")
    with psycopg.ClientCursor(connection) as cursor:  # the server takes no parameters here
        cursor.execute(SQL(MAKE).format(SQL(kind.MADE)), {"rows": rows, "now": now})
    connection.execute(INDEX)


def _append(connection: psycopg.Connection, kind: Kind) -> None:
    for statement in kind.EVENTS:
        row = connection.execute("select max(n) from made").fetchone()
        assert row is not None
        for first in range(0, row[0] + 1, AT_ONCE):
            span = {"first": first, "last": first + AT_ONCE - 1, "meta": META}
            connection.execute(SQL(APPEND).format(SQL(statement)), span)


def _settle(connection: psycopg.Connection) -> None:
    connection.execute("vacuum analyze")
    connection.execute("checkpoint")


def _head(connection: psycopg.Connection) -> int:
    row = connection.execute(HEAD).fetchone()
    assert row is not None
    return row[0]


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
