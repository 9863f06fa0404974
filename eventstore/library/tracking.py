"""How far a projection has followed an application, recorded together with what it shows."""

from __future__ import annotations

from eventsourcing.persistence import Tracking, TrackingRecorder

from eventstore.library.database import Cursor, Database, again_when_connection_lost

TRACK = "select track_library(%s::text, %s::text, %s::bigint)"
TRACKED = "select notification_id from library_tracking where follower = %s and application = %s"


class LogTrackingRecorder(TrackingRecorder):
    """A view of the library extends this: its method that changes the view opens `self.database.transaction()`, calls
    `self.track(cursor, tracking)` and executes its own statements with the same cursor."""

    def __init__(self, database: Database, follower: str) -> None:
        self.database = database
        self.follower = follower

    @again_when_connection_lost
    def insert_tracking(self, tracking: Tracking) -> None:
        """Record it alone. Raises `IntegrityError` where that notification or a later one was recorded before."""
        with self.database.cursor() as cursor:
            self.track(cursor, tracking)

    def track(self, cursor: Cursor, tracking: Tracking) -> None:
        """Record it in the cursor's transaction; raises as `insert_tracking`."""
        cursor.execute(TRACK, [self.follower, tracking.application_name, tracking.notification_id], prepare=True)

    @again_when_connection_lost
    def max_tracking_id(self, application_name: str) -> int | None:
        """The id of the application's last notification that was tracked, None before the first."""
        with self.database.cursor() as cursor:
            row = cursor.execute(TRACKED, [self.follower, application_name], prepare=True).fetchone()
        return row[0] if row else None
