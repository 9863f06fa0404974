"""Building a view beside the live one and switching in one transaction; and resuming what was parked.

The new tables grow in the schema `building_<view>`. When they have nearly caught up, the switch takes the
checkpoint's row, which holds the projector still, applies what is left, moves the tables into `views`, and lets go.
Reads never stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from psycopg import sql

from eventstore import log as logs
from eventstore.connect import SEE_VIEWS, Connection, connect
from eventstore.log import Log
from eventstore.mapper import Recorded
from projections import batch
from projections import view as views
from projections.view import View

PAGE = 5_000
NEAR = 1_000
"""How few events may be left when the projector is made to wait for the switch."""

Progress = Callable[[int, int], None]
"""Told how many events of how many are applied."""

LIVE = "select view, version from live_views"
LOCK_VIEW = "select pg_advisory_lock(hashtext('build ' || %s))"
UNLOCK_VIEW = "select pg_advisory_unlock(hashtext('build ' || %s))"
HOLD_PROJECTOR = "select position from checkpoints where follower = 'views' for update"
NEW_GENERATION = "update view_generation set generation = generation + 1"
GO_LIVE = """
insert into live_views (view, version) values (%s, %s)
on conflict (view) do update set version = excluded.version, built_at = now()
"""
FORGET_PARKED = "delete from parked_streams where view = %s"
TABLES_IN = "select tablename from pg_tables where schemaname = %s order by tablename"
FIND_PARKED = "select position from parked_streams where view = %s and stream = %s"
UNPARK = "delete from parked_streams where view = %s and stream = %s"


class NotParked(Exception):
    """The stream is not parked in that view."""


def unbuilt(connection: Connection, of: Iterable[View]) -> list[View]:
    """The views whose live build is missing or of another version than their code."""
    live = dict(connection.execute(LIVE).fetchall())
    return [view for view in of if live.get(views.name(view)) != view.VERSION]


def build_unbuilt(database_url: str, log: Log, of: Sequence[View]) -> list[str]:
    """Build every view that is missing or changed; returns their names."""
    with connect(database_url, "builder") as connection:
        names = []
        for view in unbuilt(connection, of):
            build(connection, log, view)
            names.append(views.name(view))
        return names


def build(connection: Connection, log: Log, view: View, progress: Progress = lambda done, total: None) -> None:
    """Build the view from the first event on and switch to it."""
    name = views.name(view)
    schema = sql.Identifier(f"building_{name}")
    table, parked = batch.routes([view]), set[tuple[str, str]]()
    connection.execute(LOCK_VIEW, [name])
    try:
        connection.execute("set synchronous_commit = off; set client_min_messages = warning")
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(schema))
        connection.execute(sql.SQL("create schema {}").format(schema))
        connection.execute(sql.SQL("set search_path = {}, public").format(schema))
        connection.execute(view.TABLES)
        position = 0
        while (head := logs.head(connection)) - position > NEAR:
            position = _apply(connection, log, table, parked, position, min(position + PAGE, head))
            progress(position, head)
        with connection.transaction():
            row = connection.execute(HOLD_PROJECTOR).fetchone()
            assert row is not None
            while position < row[0]:
                position = _apply(connection, log, table, parked, position, min(position + PAGE, row[0]))
            _switch(connection, view, schema)
            for stream_view, stream in parked:
                connection.execute(batch.PARK, [stream_view, stream, 0, "could not be applied while building"])
            progress(position, position)
    finally:
        connection.execute(SEE_VIEWS)
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(schema))
        connection.execute(UNLOCK_VIEW, [name])


def resume(connection: Connection, log: Log, view: View, stream: str) -> int:
    """Apply to a view what it missed of a parked stream, in order; returns the number of events. Raises `NotParked`, or
    whatever the view raises again, and then the stream stays parked."""
    name = views.name(view)
    with connection.transaction():
        reached = connection.execute(HOLD_PROJECTOR).fetchone()
        parked = connection.execute(FIND_PARKED, [name, stream]).fetchone()
        if reached is None or parked is None:
            raise NotParked(f"{stream} is not parked in {name}")
        count = 0
        for recorded in log.stream_now(connection, stream):
            if parked[0] <= recorded.position <= reached[0] and type(recorded.event) in view.EVENTS:
                for statement, parameters in view.apply(recorded):
                    connection.execute(statement, parameters)
                count += 1
        connection.execute(UNPARK, [name, stream])
        connection.execute(NEW_GENERATION)
        return count


def _apply(
    connection: Connection, log: Log, table: batch.Routes, parked: batch.Parked, position: int, upto: int
) -> int:
    events = log.between_now(connection, position, upto)
    _apply_events(connection, events, table, parked)
    return upto


def _apply_events(
    connection: Connection, events: Sequence[Recorded], table: batch.Routes, parked: batch.Parked
) -> None:
    """Apply a page, in halves where it fails; the stream of an event that fails alone is parked."""
    try:
        batch.run(connection, events, table, parked, ("select 1", ()))
    except Exception as error:
        if batch.is_passing(connection, error):
            raise
        if len(events) == 1:
            batch.run_one(connection, events[0], table, parked, ("select 1", ()))
        else:
            half = len(events) // 2
            _apply_events(connection, events[:half], table, parked)
            _apply_events(connection, events[half:], table, parked)


def _switch(connection: Connection, view: View, schema: sql.Identifier) -> None:
    name = views.name(view)
    for (table,) in connection.execute(TABLES_IN, [f"building_{name}"]).fetchall():
        old = sql.Identifier("views", table)
        new = sql.Identifier(f"building_{name}", table)
        connection.execute(sql.SQL("drop table if exists {} cascade").format(old))
        connection.execute(sql.SQL("alter table {} set schema views").format(new))
    connection.execute(FORGET_PARKED, [name])
    connection.execute(GO_LIVE, [name, view.VERSION])
    connection.execute(NEW_GENERATION)
