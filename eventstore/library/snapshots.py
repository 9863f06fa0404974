"""Snapshots of the library's aggregates: not events, so in a table of their own, which may be emptied at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import AggregateRecorder, StoredEvent

from eventstore.library import stored
from eventstore.library.database import Database, again_when_connection_lost
from eventstore.library.recorders import HIGHEST, LOWEST

INSERT = """
insert into library_snapshots (application, purpose, originator_id, originator_version, is_uuid, topic, state)
values (%s, %s, %s, %s, %s, %s, %s)
"""
SELECT = """
select originator_id, is_uuid, originator_version, topic, state from library_snapshots
 where application = %(application)s and purpose = %(purpose)s and originator_id = %(originator_id)s
   and originator_version > %(gt)s and originator_version <= %(lte)s
 order by originator_version limit %(limit)s
"""
SELECT_BACKWARDS = SELECT.replace("version limit", "version desc limit")


class SnapshotRecorder(AggregateRecorder):
    """The snapshots of one application. `purpose` is what the application calls the store, usually "snapshots"."""

    def __init__(self, database: Database, application: str, purpose: str = "snapshots") -> None:
        self.database = database
        self.application = application
        self.purpose = purpose

    @again_when_connection_lost
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Keep the snapshots, all or none; returns None. Raises `IntegrityError` where that version has one."""
        rows = [
            (self.application, self.purpose, str(snapshot.originator_id), snapshot.originator_version,
             isinstance(snapshot.originator_id, UUID), snapshot.topic, snapshot.state)
            for snapshot in stored_events
        ]  # fmt: skip
        with self.database.transaction() as cursor:
            cursor.executemany(INSERT, rows)

    @again_when_connection_lost
    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The snapshots of one aggregate with `gt` < version <= `lte`, in the order of their versions."""
        parameters = {
            "application": self.application,
            "purpose": self.purpose,
            "originator_id": str(originator_id),
            "gt": LOWEST if gt is None else gt,
            "lte": HIGHEST if lte is None else lte,
            "limit": limit,
        }
        with self.database.cursor() as cursor:
            cursor.execute(SELECT_BACKWARDS if desc else SELECT, parameters, prepare=True, binary=True)
            return [
                StoredEvent(stored.originator_id(id, is_uuid), version, topic, state)
                for id, is_uuid, version, topic, state in cursor
            ]
