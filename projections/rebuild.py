"""Building a view beside the live one and switching in one transaction; and resuming what was parked.

The new tables grow in the schema `building_<view>`, up to where the live views are and no further. When they have
nearly caught up, the switch takes the checkpoint's row, which holds the projector still, applies what is left, moves
the tables into `views`, and lets go. Reads never stop: a switch that would make them wait gives way and tries again.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import LiteralString

import msgspec
import psycopg
from psycopg import sql

from eventstore.connect import SEE_VIEWS, Connection, connect
from eventstore.log import Log
from eventstore.mapper import Recorded, Unreadable
from projections import batch
from projections import view as views
from projections.view import View

logger = logging.getLogger(__name__)

PAGE = 5_000
NEAR = 1_000
"""How few events may be left when the projector is made to wait for the switch."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between the tries to switch while somebody reads the old tables; the last one counts from there on."""

Progress = Callable[[int, int], None]
"""Told how many events of how many are applied."""

LIVE = "select view, version from live_views"
LOCK_VIEW = "select pg_advisory_lock(hashtext('build ' || %s))"
UNLOCK_VIEW = "select pg_advisory_unlock(hashtext('build ' || %s))"
REACHED = "select position from checkpoints where follower = 'views'"
HOLD_PROJECTOR = "select position from checkpoints where follower = 'views' for update"
# Readers queue behind a switch that waits. Much shorter than PostgreSQL's own search for deadlocks: where the switch
# and a reader of several tables each have what the other wants, it is the switch that gives way.
GIVE_WAY = "set local lock_timeout = '100ms'"
NEW_GENERATION = "update view_generation set generation = generation + 1"
GO_LIVE = """
insert into live_views (view, version) values (%s, %s)
on conflict (view) do update set version = excluded.version, built_at = now()
"""
FORGET_PARKED = "delete from parked_streams where view = %s"
PARK = "insert into parked_streams (view, stream, position, error) values (%s, %s, %s, %s)"
TABLES_IN = "select tablename from pg_tables where schemaname = %s order by tablename"
# A build marks its tables as its view's, so that the next one takes away those that it has no more.
TABLES_OF = """
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'views' and c.relkind = 'r' and obj_description(c.oid, 'pg_class') = %s order by c.relname
"""
FIND_PARKED = "select position from parked_streams where view = %s and stream = %s"
UNPARK = "delete from parked_streams where view = %s and stream = %s"


class NotParked(Exception):
    """The stream is not parked in that view."""


class Failure(msgspec.Struct, frozen=True):
    """An event that a view could not take while it was built."""

    stream: str
    position: int
    error: str


def unbuilt(connection: Connection, of: Iterable[View]) -> list[View]:
    """The views whose live build is missing or of another version than their code."""
    live = dict(connection.execute(LIVE).fetchall())
    return [view for view in of if live.get(views.name(view)) != view.VERSION]


def build_unbuilt(database_url: str, log: Log, of: Sequence[View]) -> list[str]:
    """Build every view that is missing or changed; returns their names."""
    names: list[str] = []
    with connect(database_url, "builder") as connection:
        for view in unbuilt(connection, of):
            with _alone(connection, view):
                if unbuilt(connection, [view]):  # and nobody else did meanwhile
                    Build(connection, log, view).run()
                    names.append(views.name(view))
    return names


def build(connection: Connection, log: Log, view: View, progress: Progress = lambda done, total: None) -> None:
    """Build the view from the first event on and switch to it."""
    with _alone(connection, view):
        Build(connection, log, view).run(progress)


@contextlib.contextmanager
def _alone(connection: Connection, view: View) -> Iterator[None]:
    """Of all who want to build this view, only one at a time does."""
    connection.execute(LOCK_VIEW, [views.name(view)])
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(UNLOCK_VIEW, [views.name(view)])


class Build:
    """One view being built."""

    def __init__(self, connection: Connection, log: Log, view: View) -> None:
        self._connection = connection
        self._log = log
        self._view = view
        self._name = views.name(view)
        self._schema = sql.Identifier(f"building_{self._name}")
        self._routes = batch.routes([view])
        self._parked: batch.Parked = set()
        self._failures: list[Failure] = []
        self._position = 0
        self._locked_first: list[str] = []

    def run(self, progress: Progress = lambda done, total: None) -> None:
        """Build it and switch to it."""
        connection = self._connection
        try:
            connection.execute("set synchronous_commit = off; set client_min_messages = warning")
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(self._schema))
            connection.execute(sql.SQL("create schema {}").format(self._schema))
            connection.execute(sql.SQL("set search_path = {}, public").format(self._schema))
            connection.execute(self._view.TABLES)
            pauses = iter(PAUSES)
            self._come_near(progress)
            while not self._switch():
                time.sleep(next(pauses, PAUSES[-1]))
                self._come_near(progress)
            progress(self._position, self._position)
        finally:
            if not connection.closed:
                connection.execute(SEE_VIEWS)
                connection.execute(sql.SQL("drop schema if exists {} cascade").format(self._schema))

    def _come_near(self, progress: Progress) -> None:
        """Apply events up to where the live views are, or nearly. What comes after that, the projector will apply."""
        while (reached := self._reached(REACHED)) - self._position > NEAR:
            self._apply(min(self._position + PAGE, reached))
            progress(self._position, reached)

    def _reached(self, question: LiteralString) -> int:
        row = self._connection.execute(question).fetchone()
        assert row is not None
        return row[0]

    def _apply(self, upto: int) -> None:
        self._apply_events(self._log.followed_now(self._connection, self._position, upto))
        self._position = upto

    def _apply_events(self, events: Sequence[Recorded]) -> None:
        """Apply a page, in halves where it fails; the stream of an event that fails alone is parked."""
        nothing = ("select 1", ())
        try:
            batch.run(self._connection, events, self._routes, self._parked, nothing)
        except Exception as error:
            if batch.is_passing(self._connection, error):
                raise
            if len(events) == 1:
                batch.run_one(self._connection, events[0], self._routes, self._parked, nothing, self._park)
            else:
                half = len(events) // 2
                self._apply_events(events[:half])
                self._apply_events(events[half:])

    def _park(self, _view: str, recorded: Recorded, error: str) -> None:
        # Kept here until the switch: the live view may well have taken the event.
        self._failures.append(Failure(recorded.stream, recorded.position, error))

    def _switch(self) -> bool:
        """Apply what is left and put the new tables in the place of the old. False when a reader was in the way."""
        before = (self._position, set(self._parked), list(self._failures))
        try:
            with self._connection.transaction():
                reached = self._reached(HOLD_PROJECTOR)
                while self._position < reached:
                    self._apply(min(self._position + PAGE, reached))
                self._connection.execute(GIVE_WAY)
                old, new = self._tables()
                self._lock(old)
                self._move(old, new)
                self._connection.execute(FORGET_PARKED, [self._name])
                for failure in self._failures:
                    row = [self._name, failure.stream, failure.position, failure.error]
                    self._connection.execute(PARK, row)
                self._connection.execute(GO_LIVE, [self._name, self._view.VERSION])
                self._connection.execute(NEW_GENERATION)
        except psycopg.errors.LockNotAvailable:
            self._position, self._parked, self._failures = before
            logger.info("view %s waits for a reader of its old tables", self._name)
            return False
        return True

    def _tables(self) -> tuple[set[str], list[str]]:
        """The tables that go, and those that come."""
        connection = self._connection
        live = {table for (table,) in connection.execute(TABLES_IN, ["views"]).fetchall()}
        old = {table for (table,) in connection.execute(TABLES_OF, [self._name]).fetchall()}
        new = [table for (table,) in connection.execute(TABLES_IN, [f"building_{self._name}"]).fetchall()]
        return old | (live & set(new)), new

    def _lock(self, tables: set[str]) -> None:
        """Keep readers out. Raises `LockNotAvailable`; the next time begins with the table that could not be had, as do
        those who read several, one after the other, and were in the way."""
        for table in sorted(tables, key=lambda table: (_place(self._locked_first, table), table)):
            locked = sql.SQL("lock table views.{} in access exclusive mode").format(sql.Identifier(table))
            try:
                self._connection.execute(locked)
            except psycopg.errors.LockNotAvailable:
                self._locked_first = [table, *(other for other in self._locked_first if other != table)]
                raise

    def _move(self, old: set[str], new: Sequence[str]) -> None:
        connection = self._connection
        for table in old:
            connection.execute(sql.SQL("drop table views.{} cascade").format(sql.Identifier(table)))
        for table in new:
            moving = sql.Identifier(f"building_{self._name}", table)
            connection.execute(sql.SQL("comment on table {} is {}").format(moving, sql.Literal(self._name)))
            connection.execute(sql.SQL("alter table {} set schema views").format(moving))


def _place(order: Sequence[str], table: str) -> int:
    return order.index(table) if table in order else len(order)


def resume(connection: Connection, log: Log, view: View, stream: str) -> int:
    """Apply to a view what it missed of a parked stream, in order; returns the number of events. Raises `NotParked`;
    `Unreadable`, or whatever the view raises again, and then the stream stays parked."""
    name = views.name(view)
    with connection.transaction():
        reached = connection.execute(HOLD_PROJECTOR).fetchone()
        parked = connection.execute(FIND_PARKED, [name, stream]).fetchone()
        if reached is None or parked is None or unbuilt(connection, [view]):
            raise NotParked(f"{stream} is not parked in {name}")
        count = 0
        for recorded in log.stream_now(connection, stream):
            if parked[0] <= recorded.position <= reached[0] and recorded.may_be(view.EVENTS):
                if recorded.fault is not None:
                    raise Unreadable(recorded.fault)
                for statement, parameters in view.apply(recorded):
                    connection.execute(statement, parameters)
                count += 1
        connection.execute(UNPARK, [name, stream])
        connection.execute(NEW_GENERATION)
        return count
