"""Applying events to views: statements of a whole batch in one pipeline, and the one bad event set aside."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, LiteralString

import psycopg

from domain.model import Event
from eventstore.commit import BigIntArray, TextArray
from eventstore.connect import Connection
from eventstore.mapper import Recorded, Unreadable
from projections import pipe
from projections import view as views
from projections.view import Statement, View

log = logging.getLogger(__name__)

MOVED_ON = "BT002"
PASSING = ("08", "40", "53", "55", "57", "58")
"""The classes of errors that are of the moment: connection, resources, a lock, the machine."""

Parked = set[tuple[str, str]]
"""(view, stream) that are left out."""

Park = Callable[[str, Recorded, str], None]
"""Keeps that a view could not take an event: the view's name, the event, the error. Called in the transaction that
applies the event to the other views."""

Routes = Mapping[type[Event], Sequence[View]]


def routes(of: Iterable[View]) -> Routes:
    """Which views take which event."""
    table: dict[type[Event], list[View]] = {}
    for view in of:
        for event in view.EVENTS:
            table.setdefault(event, []).append(view)
    return table


def takers(recorded: Recorded, table: Routes) -> Sequence[View]:
    """The views that take this event, or might if it could be read."""
    if recorded.fault is None:
        return table.get(type(recorded.event), ())  # type: ignore[arg-type]
    return [view for view in dict.fromkeys(chain(*table.values())) if recorded.may_be(view.EVENTS)]


def statements(events: Iterable[Recorded], table: Routes, parked: Parked) -> Iterable[Statement]:
    """Everything these events lead to, in order within each view. Statements of a view that may be merged and follow
    each other go out as one."""
    merging: dict[View, tuple[LiteralString, list[list[Any]]]] = {}
    for recorded in events:
        for view in takers(recorded, table):
            if parked and (views.name(view), recorded.stream) in parked:
                continue
            if recorded.fault is not None:
                raise Unreadable(recorded.fault)
            mergeable = views.mergeable(view)
            for statement in view.apply(recorded):
                sql, columns = statement
                begun = merging.get(view)
                if begun is not None and begun[0] is sql:
                    for column, more in zip(begun[1], columns, strict=True):
                        column += more
                    continue
                if begun is not None:
                    yield _merged(*merging.pop(view))
                if sql in mergeable:
                    merging[view] = (sql, [list(column) for column in columns])
                else:
                    yield statement
    for sql, columns in merging.values():
        yield _merged(sql, columns)


def _merged(sql: LiteralString, columns: list[list[Any]]) -> Statement:
    """The statement with its columns as arrays that cost little to send."""
    return sql, [_array(column) for column in columns]


def _array(column: list[Any]) -> list[Any]:
    kinds = {type(item) for item in column}
    if kinds == {str}:
        return TextArray([item.encode() for item in column])
    if kinds == {int}:
        return BigIntArray(column)
    return column


def is_passing(connection: Connection, error: Exception) -> bool:
    """Whether the failure is of the moment and not of an event."""
    if connection.closed or connection.broken:
        return True
    if isinstance(error, psycopg.errors.PipelineAborted):  # an echo of the failure of a statement before
        return False
    state = getattr(error, "sqlstate", None)
    if state is None:  # psycopg says so itself: it lost the server, or cannot send a value that a view made
        return isinstance(error, psycopg.OperationalError)
    return state[:2] in PASSING or state == MOVED_ON


def run(connection: Connection, events: Sequence[Recorded], table: Routes, parked: Parked, first: Statement) -> None:
    """Apply a batch in one transaction and one pipeline, beginning with `first`."""
    try:
        pipe.run(connection, chain([first], statements(events, table, parked)))
    except psycopg.errors.InvalidSqlStatementName:  # the server forgot what was prepared; it is prepared anew
        pipe.run(connection, chain([first], statements(events, table, parked)))


def run_one(
    connection: Connection, recorded: Recorded, table: Routes, parked: Parked, first: Statement, park: Park
) -> None:
    """Apply one event, each view for itself; a view that fails gets this event's stream parked."""
    failed: Parked = set()
    with connection.transaction():
        connection.execute(first[0], first[1])
        for view in takers(recorded, table):
            key = (views.name(view), recorded.stream)
            if key in parked:
                continue
            try:
                with connection.transaction():
                    if recorded.fault is not None:
                        raise Unreadable(recorded.fault)
                    for sql, parameters in view.apply(recorded):
                        connection.execute(sql, parameters)
            except Exception as error:  # whatever a view does wrong, the others go on
                if is_passing(connection, error):
                    raise
                log.exception("view %s parked %s at %s", *key, recorded.position)
                park(key[0], recorded, _said(error))
                failed.add(key)
    parked |= failed


def _said(error: Exception) -> str:
    """The error as a text that can be stored."""
    text = f"{type(error).__name__}: {error}"[:2_000]
    return text.replace("\0", "").encode("utf-8", "replace").decode()
