"""Applying events to views: statements of a whole batch in one pipeline, and the one bad event set aside."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import psycopg

from domain.model import Event
from eventstore.connect import Connection
from eventstore.mapper import Recorded
from projections import view as views
from projections.view import Statement, View

log = logging.getLogger(__name__)

PARK = """
insert into parked_streams (view, stream, position, error) values (%s, %s, %s, %s) on conflict do nothing
"""

MOVED_ON = "BT002"

Parked = set[tuple[str, str]]
"""(view, stream) that are left out."""

Routes = Mapping[type[Event], Sequence[View]]


def routes(of: Iterable[View]) -> Routes:
    """Which views take which event."""
    table: dict[type[Event], list[View]] = {}
    for view in of:
        for event in view.EVENTS:
            table.setdefault(event, []).append(view)
    return table


def statements(events: Iterable[Recorded], table: Routes, parked: Parked) -> Iterable[Statement]:
    """Everything these events lead to, in order."""
    for recorded in events:
        for view in table.get(type(recorded.event), ()):  # type: ignore[arg-type]
            if not parked or (views.name(view), recorded.stream) not in parked:
                yield from view.apply(recorded)


def is_passing(connection: Connection, error: Exception) -> bool:
    """Whether the failure is of the moment (connection, resources, a lock) and not of an event."""
    state = getattr(error, "sqlstate", None)
    if isinstance(error, psycopg.Error):
        return connection.closed or state is None or state[:2] in {"08", "40", "53", "55", "57"} or state == MOVED_ON
    return False


def run(connection: Connection, events: Sequence[Recorded], table: Routes, parked: Parked, first: Statement) -> None:
    """Apply a batch in one transaction and one pipeline, beginning with `first`."""
    with connection.pipeline(), connection.transaction(), connection.cursor() as cursor:
        cursor.execute(first[0], first[1], prepare=True)
        for sql, parameters in statements(events, table, parked):
            cursor.execute(sql, parameters, prepare=True)


def run_one(connection: Connection, recorded: Recorded, table: Routes, parked: Parked, first: Statement) -> None:
    """Apply one event, each view for itself; a view that fails gets this event's stream parked."""
    with connection.transaction():
        connection.execute(first[0], first[1])
        for view in table.get(type(recorded.event), ()):  # type: ignore[arg-type]
            key = (views.name(view), recorded.stream)
            if key in parked:
                continue
            try:
                with connection.transaction():
                    for sql, parameters in view.apply(recorded):
                        connection.execute(sql, parameters)
            except Exception as error:  # whatever a view does wrong, the others go on
                if is_passing(connection, error):
                    raise
                log.exception("view %s parked %s at %s", *key, recorded.position)
                connection.execute(PARK, [*key, recorded.position, f"{type(error).__name__}: {error}"])
                parked.add(key)
