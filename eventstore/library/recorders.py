"""The library's recorders on the log. Every method raises the exceptions of `eventsourcing.persistence`.

What meets a lost connection is tried again for two seconds, as the library's own recorders do. A write that was stored
before its connection broke is then told `IntegrityError`: it is never stored twice, and loading again shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
)

from eventstore.commit import TextArray
from eventstore.library import stored
from eventstore.library.database import Database, again_when_connection_lost
from eventstore.library.subscription import LogSubscription
from eventstore.library.tracking import LogTrackingRecorder

APPEND = """
select append_library_events(%b::text, %b, %b, %b::bigint[], %b, %b, %b, %b, %b::text, %b::text, %b::bigint)
"""
EVENTS = """
select p.originator_id, p.is_uuid, p.originator_version, e.name, e.data
  from library_places p join events e using (position)
 where p.application = %(application)s and p.originator_id = %(originator_id)s
   and p.originator_version > %(gt)s and p.originator_version <= %(lte)s
 order by p.originator_version limit %(limit)s
"""
EVENTS_BACKWARDS = EVENTS.replace("version limit", "version desc limit")
NOTIFICATIONS = """
select position, p.originator_id, p.is_uuid, p.originator_version, e.name, e.data
  from library_places p join events e using (position)
 where p.application = %(application)s and p.position > %(after)s and p.position <= %(stop)s
   and (%(names)s::text[] is null or e.name = any(%(names)s))
 order by p.position limit %(limit)s
"""
NEWEST = "select max(position) from library_places where application = %s"
LOWEST, HIGHEST = -(2**63), 2**63 - 1


class LogAggregateRecorder(AggregateRecorder):
    """The events of one application, by aggregate. A version may be any number that the aggregate does not have yet."""

    def __init__(self, database: Database, application: str) -> None:
        self.database = database
        self.application = application

    @again_when_connection_lost
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append the events, all or none; returns None. Raises `IntegrityError` where a version is there already."""
        self._append(stored_events)

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
        """The events of one aggregate with `gt` < version <= `lte`, in the order of their versions."""
        parameters = {
            "application": self.application,
            "originator_id": str(originator_id),
            "gt": LOWEST if gt is None else gt,
            "lte": HIGHEST if lte is None else lte,
            "limit": limit,
        }
        with self.database.cursor() as cursor:
            cursor.execute(EVENTS_BACKWARDS if desc else EVENTS, parameters, prepare=True, binary=True)
            return [
                StoredEvent(stored.originator_id(id, is_uuid), version, stored.topic(name), stored.state(data))
                for id, is_uuid, version, name, data in cursor
            ]

    def _append(
        self, events: Sequence[StoredEvent], follower: str | None = None, tracking: Tracking | None = None
    ) -> list[int]:
        """One round trip and one transaction. Returns the positions of the events."""
        if not events:
            return []
        parameters = [
            self.application,
            TextArray([stored.stream(self.application, event.originator_id).encode() for event in events]),
            TextArray([str(event.originator_id).encode() for event in events]),
            [event.originator_version for event in events],
            [isinstance(event.originator_id, UUID) for event in events],
            TextArray([stored.name(event.topic).encode() for event in events]),
            TextArray([stored.data(event.state) for event in events]),
            TextArray([stored.meta(self.application, event) for event in events]),
            follower,
            tracking.application_name if tracking else None,
            tracking.notification_id if tracking else None,
        ]
        with self.database.cursor() as cursor:
            row = cursor.execute(APPEND, parameters, prepare=True, binary=True).fetchone()
        assert row is not None
        return list(range(row[0] + 1, row[0] + 1 + len(events)))


class LogApplicationRecorder(LogAggregateRecorder, ApplicationRecorder):
    """The events of one application, by aggregate and in the order of the log. A notification's id is its position in
    the log: it rises in commit order, one by one when no one else writes to the database."""

    @again_when_connection_lost
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append the events, all or none; returns their notification ids. Raises `IntegrityError` where a version is
        there already."""
        return self._append(stored_events)

    @again_when_connection_lost
    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """At most `limit` events from `start` to `stop`, only those with one of `topics` if any is named."""
        parameters = {
            "application": self.application,
            "after": 0 if start is None else start - 1 if inclusive_of_start else start,
            "stop": HIGHEST if stop is None else stop,
            "names": [stored.name(topic) for topic in topics] or None,
            "limit": limit,
        }
        with self.database.cursor() as cursor:
            cursor.execute(NOTIFICATIONS, parameters, prepare=True, binary=True)
            return [
                Notification(
                    stored.originator_id(id, is_uuid), version, stored.topic(name), stored.state(data), id=position
                )
                for position, id, is_uuid, version, name, data in cursor
            ]

    @again_when_connection_lost
    def max_notification_id(self) -> int | None:
        """The id of the application's newest event, None before the first."""
        with self.database.cursor() as cursor:
            row = cursor.execute(NEWEST, [self.application], prepare=True).fetchone()
        assert row is not None
        return row[0]

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Follow the application's events after `gt`: each once, in order. Stop it, or use it as a context."""
        return LogSubscription(self, gt=gt, topics=topics)


class LogProcessRecorder(LogTrackingRecorder, LogApplicationRecorder, ProcessRecorder):
    """An application that follows others: its events are appended together with how far it got."""

    def __init__(self, database: Database, application: str) -> None:
        LogTrackingRecorder.__init__(self, database, application)
        LogApplicationRecorder.__init__(self, database, application)

    @again_when_connection_lost
    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """As `LogApplicationRecorder`, atomically with `tracking` if given; `IntegrityError` also where that
        notification or a later one was tracked before."""
        tracking: Tracking | None = kwargs.get("tracking")
        if tracking is not None and not stored_events:
            self.insert_tracking(tracking)
            return []
        return self._append(stored_events, self.follower, tracking)
