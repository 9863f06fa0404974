"""How the views are: how far behind the log, which are live, what is parked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from psycopg.rows import class_row

from eventstore.connect import Connection
from projections import view as viewing
from projections.view import View

# Behind in seconds: how old the first event is that the views do not show yet.
LAG = """
select (select coalesce(max(position), 0) from events) - c.position,
       coalesce(extract(epoch from clock_timestamp() - (
           select e.recorded_at from events e where e.position = c.position + 1))::float8, 0)
from checkpoints c where c.follower = 'views'
"""
LIVE = "select view, version from live_views"
PARKED = "select view, stream, position, error, parked_at from parked_streams order by parked_at, view, stream"


class ViewStatus(msgspec.Struct, frozen=True):
    """One view: the version of its code, and whether that version is live, building or missing."""

    name: str
    version: int
    state: str
    parked: int


class ParkedStream(msgspec.Struct, frozen=True, kw_only=True):
    """A stream that a view leaves out since an event of it failed."""

    view: str
    stream: str
    position: int
    error: str
    parked_at: datetime


class Status(msgspec.Struct, frozen=True):
    """All views."""

    lag_events: int
    lag_seconds: float
    views: list[ViewStatus]
    parked: list[ParkedStream]


def of(connection: Connection, of: Sequence[View]) -> Status:
    """The status of these views now."""
    row = connection.execute(LAG).fetchone()
    assert row is not None
    live = dict(connection.execute(LIVE).fetchall())
    with connection.cursor(row_factory=class_row(ParkedStream)) as cursor:
        parked = cursor.execute(PARKED).fetchall()
    views = []
    for view in of:
        name = viewing.name(view)
        version = live.get(name)
        state = "live" if version == view.VERSION else "missing" if version is None else f"live as version {version}"
        views.append(ViewStatus(name, view.VERSION, state, sum(entry.view == name for entry in parked)))
    return Status(row[0], max(0.0, row[1]), views, parked)
