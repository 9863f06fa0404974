"""The projector: follows the log and keeps every live view, with one checkpoint for all of them.

A batch is one transaction: the views, the checkpoint and the announcement on channel `views`, which PostgreSQL delivers
when the transaction commits. Commits here need not wait for the disk: what a crash loses is replayed from the log.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import psycopg

from eventstore import log as logs
from eventstore.connect import Connection, connect
from eventstore.log import Log
from eventstore.mapper import Recorded
from projections import batch, rebuild
from projections import view as views
from projections.view import View

logger = logging.getLogger(__name__)

BATCH = 5000
BUILD_AGAIN = 2.0
RUNNER_LOCK = 8_317_002_116

TRY_LOCK = "select pg_try_advisory_lock(%s)"
KNOWN = """
select (select position from checkpoints where follower = 'views'),
       (select generation from view_generation)
"""
LIVE = "select view, version from live_views"
PARKED = "select view, stream from parked_streams"
MOVE = "select move_views(%s, %s, %s)"
PARK = "insert into parked_streams (view, stream, position, error) values (%s, %s, %s, %s) on conflict do nothing"


class Projector:
    """Keeps the views that are live. Views whose code says another version are left to `projections.rebuild`."""

    def __init__(self, connection: Connection, log: Log, of: Sequence[View], other: Connection | None = None) -> None:
        """The views are kept through `connection`. With an `other`, the next events are read meanwhile."""
        self._connection = connection
        self._other = other
        self._ahead = ThreadPoolExecutor(1, "ahead")
        self._log = log
        self._views = of
        self.position = 0
        connection.execute("set synchronous_commit = off")
        self.refresh()

    def refresh(self) -> None:
        """Learn which views are live, which streams are parked, and where the views are."""
        row = self._connection.execute(KNOWN).fetchone()
        assert row is not None
        self.position, self._generation = row
        live = dict(self._connection.execute(LIVE).fetchall())
        self._routes = batch.routes(view for view in self._views if live.get(views.name(view)) == view.VERSION)
        self._parked: batch.Parked = set(self._connection.execute(PARKED).fetchall())

    def catch_up(self, stop: Callable[[], bool] = lambda: False) -> int:
        """Apply everything that is in the log; returns how many events there were. `stop` is asked between batches."""
        count = 0
        events: Sequence[Recorded] | None = self._read(self._connection, self.position)
        while events and not stop():
            last, is_full = events[-1].position, len(events) == BATCH
            ahead = self._ahead.submit(self._read, self._other, last) if is_full and self._other else None
            try:
                self._apply(events)
            finally:
                following = ahead.result() if ahead else None
            count += len(events)
            if self.position != last or (is_full and following is None):  # the set of views has changed; or no other
                following = self._read(self._connection, self.position)
            events = following
        return count

    def _read(self, connection: Connection, after: int) -> Sequence[Recorded]:
        return self._log.followed_now(connection, after, after + BATCH)

    def _apply(self, events: Sequence[Recorded]) -> None:
        """Apply a batch; in halves where it fails, and an event that fails alone view by view."""
        first = (MOVE, [self.position, events[-1].position, self._generation])
        try:
            batch.run(self._connection, events, self._routes, self._parked, first)
        except Exception as error:
            if getattr(error, "sqlstate", None) == batch.MOVED_ON:
                logger.info("the set of views changed, starting the batch over")
                return self.refresh()
            if batch.is_passing(self._connection, error):
                raise
            if len(events) > 1:
                logger.warning("a batch of %s events failed (%s), taking it in halves", len(events), error)
                return self._apply_halves(events)
            batch.run_one(self._connection, events[0], self._routes, self._parked, first, self._park)
        self.position = events[-1].position
        return None

    def _park(self, view: str, recorded: Recorded, error: str) -> None:
        self._connection.execute(PARK, [view, recorded.stream, recorded.position, error])

    def _apply_halves(self, events: Sequence[Recorded]) -> None:
        half = len(events) // 2
        for part in (events[:half], events[half:]):
            if part[0].position == self.position + 1:  # not after a refresh that went back
                self._apply(part)


def run(
    database_url: str,
    log: Log,
    of: Sequence[View],
    *,
    ready: Callable[[], None],
    stop: Callable[[], bool],
) -> None:
    """Follow the log until `stop`. A second projector waits here, standing by, until the first one is gone.

    Views that are missing or changed are built beside the live ones meanwhile, in a thread of its own.
    """
    over = threading.Event()
    try:
        _follow(database_url, log, of, ready, stop, over)
    finally:
        over.set()  # the log may have turned out to be cut: nobody builds on


def _follow(
    database_url: str,
    log: Log,
    of: Sequence[View],
    ready: Callable[[], None],
    stop: Callable[[], bool],
    over: threading.Event,
) -> None:
    builder: threading.Thread | None = None
    while not stop():
        try:
            with connect(database_url, "projector") as connection, connect(database_url, "projector ear") as ear:
                ear.execute("listen log")
                ready()
                while not _lock(connection):
                    if stop():
                        return
                    time.sleep(0.2)
                if builder is None or not builder.is_alive():
                    building = (database_url, log, of, lambda: stop() or over.is_set())
                    builder = threading.Thread(target=_build, args=building, name="builder", daemon=True)
                    builder.start()
                projector = Projector(connection, log, of, ear)
                while not stop():
                    # Asked only where nothing was new: whoever wrote something waits for the views.
                    if not projector.catch_up(stop) and logs.head(connection) < projector.position:
                        raise RuntimeError("the log ends before the views do: it was cut; run `bitacora audit verify`")
                    list(ear.notifies(timeout=1.0, stop_after=1))
        except psycopg.OperationalError as error:
            logger.warning("database away (%s), trying again", str(error).strip())
            time.sleep(0.5)


def _build(database_url: str, log: Log, of: Sequence[View], stop: Callable[[], bool]) -> None:
    """Build what is missing or changed; when that fails, again a little later."""
    while not stop():
        try:
            rebuild.build_unbuilt(database_url, log, of)
            return
        except psycopg.OperationalError as error:
            logger.warning("database away (%s) while views are built, trying again", str(error).strip())
        except Exception:  # the live views are kept all the same
            logger.exception("a view cannot be built, trying again")
        again = time.monotonic() + BUILD_AGAIN
        while not stop() and time.monotonic() < again:
            time.sleep(0.1)


def _lock(connection: Connection) -> bool:
    row = connection.execute(TRY_LOCK, [RUNNER_LOCK]).fetchone()
    return row is not None and bool(row[0])
