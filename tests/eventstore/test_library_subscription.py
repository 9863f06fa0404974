"""A subscription of the library on our log delivers every written event once, in order, whoever writes meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    OperationalError,
    StoredEvent,
    Subscription,
    Tracking,
)
from eventsourcing.projection import Projection, ProjectionRunner

from eventstore import audit
from eventstore.library.database import Connection, Database
from eventstore.library.recorders import LogApplicationRecorder
from eventstore.library.tracking import LogTrackingRecorder

WRITERS = 8
APPENDS = 60  # of each writer, of one to three events each
WRITTEN = WRITERS * APPENDS * 2
PATIENCE = 30.0


@pytest.fixture
def recorder(database_url: str) -> Iterator[LogApplicationRecorder]:
    database = Database(database_url, "test")
    yield LogApplicationRecorder(database, "Test")
    database.close()


def write(recorder: LogApplicationRecorder, appends: int = APPENDS, topic: str = "written") -> list[int]:
    """Append as fast as it goes; returns the ids of the events."""
    originator_id, version, ids = uuid4(), 0, []
    for number in range(appends):
        events = [StoredEvent(originator_id, version + nth, topic, b"{}") for nth in range(number % 3 + 1)]
        ids += recorder.insert_events(events) or ()
        version += len(events)
    return ids


def write_for_the_product(database_url: str, appends: int = APPENDS) -> list[int]:
    """Append events that are none of the application's, one at a time."""
    stream = f"goal-acme-{uuid4()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        for version in range(1, appends + 1):
            connection.execute(
                "select append_events(array[%s], array[%s::integer], array['GoalSet'], array['{}'], array['{}'])",
                [stream, version],
            )
    return []


def at_once(*jobs: Callable[[], list[int]]) -> list[int]:
    """Do the jobs in a thread each, all starting at the same moment; returns all their ids, in order."""
    start = threading.Barrier(len(jobs))

    def do(job: Callable[[], list[int]]) -> list[int]:
        start.wait()
        return job()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return sorted(id for ids in threads.map(do, jobs) for id in ids)


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


Delivered = Future[list[int]]


@pytest.fixture
def delivery(threads: ThreadPoolExecutor) -> Iterator[Callable[[Subscription[ApplicationRecorder], int], Delivered]]:
    """Starts to receive that many notifications from a subscription, whose ids are then the future's result."""
    subscriptions: list[Subscription[ApplicationRecorder]] = []

    def start(subscription: Subscription[ApplicationRecorder], count: int) -> Delivered:
        if subscription not in subscriptions:
            subscriptions.append(subscription.__enter__())
        return threads.submit(lambda: [notification.id for notification in islice(subscription, count)])

    yield start
    for subscription in subscriptions:
        subscription.__exit__()


Delivery = Callable[[Subscription[ApplicationRecorder], int], Delivered]


def test_nothing_is_lost_under_eight_writers(
    recorder: LogApplicationRecorder, database_url: str, delivery: Delivery
) -> None:
    delivered = delivery(recorder.subscribe(), WRITTEN + 1)
    written = at_once(*[lambda: write(recorder)] * WRITERS)
    written += write(recorder, 1)  # nothing is delivered twice: this one comes right after the others
    assert delivered.result(PATIENCE) == written == list(range(1, WRITTEN + 2))
    assert audit.verify(database_url).events == len(written)


def test_nothing_is_lost_where_the_product_and_another_application_write_too(
    recorder: LogApplicationRecorder, database_url: str, delivery: Delivery
) -> None:
    other = LogApplicationRecorder(recorder.database, "Other")
    delivered = delivery(recorder.subscribe(), 4 * APPENDS * 2)
    of_the_other = delivery(other.subscribe(), 2 * APPENDS * 2)
    in_both: dict[str, list[int]] = {"mine": [], "other": []}

    def keep(whose: str, ids: list[int]) -> list[int]:
        in_both[whose] += ids
        return ids

    at_once(
        *[lambda: keep("mine", write(recorder))] * 4,
        *[lambda: keep("other", write(other))] * 2,
        *[lambda: write_for_the_product(database_url)] * 2,
    )
    assert delivered.result(PATIENCE) == sorted(in_both["mine"])
    assert of_the_other.result(PATIENCE) == sorted(in_both["other"])


def test_a_subscription_takes_up_where_an_earlier_one_was_left(
    recorder: LogApplicationRecorder, delivery: Delivery
) -> None:
    first = delivery(recorder.subscribe(), 700)
    written = at_once(*[lambda: write(recorder)] * WRITERS)
    assert first.result(PATIENCE) == written[:700]
    assert delivery(recorder.subscribe(gt=700), len(written) - 700).result(PATIENCE) == written[700:]


def test_a_subscription_to_a_topic_gets_all_of_that_topic(recorder: LogApplicationRecorder, delivery: Delivery) -> None:
    rare = delivery(recorder.subscribe(topics=["rare"]), 6)
    jobs = [lambda: write(recorder)] * 6 + [lambda: write(recorder, 2, topic="rare")] * 2
    at_once(*jobs)
    expected = [notification.id for notification in recorder.select_notifications(1, 10, topics=["rare"])]
    assert rare.result(PATIENCE) == expected
    assert len(expected) == 6


def test_lost_connections_lose_nothing(recorder: LogApplicationRecorder, database_url: str, delivery: Delivery) -> None:
    delivered = delivery(recorder.subscribe(), 60)
    written = write(recorder, 15)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name = 'library test'"
        )
    written += write(recorder, 15)
    assert delivered.result(PATIENCE) == written


def test_what_is_written_before_it_listens_is_delivered_without_a_further_append(
    database_url: str, delivery: Delivery
) -> None:
    has_read = threading.Event()

    class LateToListen(Database):
        @contextmanager
        def listening(self) -> Iterator[Connection]:
            has_read.wait(PATIENCE)
            write(recorder, 1)
            with super().listening() as connection:
                yield connection

    database = LateToListen(database_url, "late")
    recorder = LogApplicationRecorder(database, "Test")
    write(recorder, 1)
    subscription = recorder.subscribe()
    assert delivery(subscription, 1).result(PATIENCE) == [1]
    has_read.set()
    assert delivery(subscription, 1).result(PATIENCE) == [2]
    database.close()


def test_connections_that_do_not_come_back_end_the_subscription_with_the_error(
    recorder: LogApplicationRecorder, database_url: str, delivery: Delivery
) -> None:
    elsewhere = Database(database_url, "elsewhere")
    write(recorder, 1)
    subscription = recorder.subscribe()
    delivery(subscription, 1).result(PATIENCE)
    recorder.database.close()
    write(LogApplicationRecorder(elsewhere, "Test"), 1)
    elsewhere.close()
    with pytest.raises(OperationalError):
        next(subscription)


def test_a_subscription_that_was_stopped_leaves_no_thread_behind(recorder: LogApplicationRecorder) -> None:
    write(recorder, 3)
    with recorder.subscribe() as subscription:
        threads = subscription._pull_thread, subscription._listen_thread
        assert len(list(islice(subscription, 6))) == 6
        subscription.stop()
        assert list(subscription) == []
    assert not any(thread.is_alive() for thread in threads)


class Ship(Aggregate):
    def __init__(self) -> None:
        self.sightings = 0

    @event("Sighted")
    def sight(self) -> None:
        self.sightings += 1


class Lookout(Application[UUID]):
    def watch(self, sightings: int) -> list[int]:
        ship, ids = Ship(), []
        for _ in range(sightings):
            ship.sight()
            ids += [recording.notification.id for recording in self.save(ship)]
        return ids


class SightingsView(LogTrackingRecorder):
    """Sightings per ship, in a table that is recorded together with the tracking."""

    def __init__(self, database: Database, follower: str) -> None:
        super().__init__(database, follower)
        with database.cursor() as cursor:
            cursor.execute("create table if not exists sightings (ship uuid primary key, count integer)")

    def add(self, ship: UUID, tracking: Tracking) -> None:
        with self.database.transaction() as cursor:
            self.track(cursor, tracking)
            cursor.execute(
                "insert into sightings values (%s, 1) on conflict (ship) do update set count = sightings.count + 1",
                [ship],
            )

    def counts(self) -> list[int]:
        with self.database.cursor() as cursor:
            return [count for (count,) in cursor.execute("select count from sightings")]


class Sightings(Projection[SightingsView]):
    @singledispatchmethod
    def process_event(self, domain_event: Aggregate.Event, tracking: Tracking) -> None:
        if type(domain_event).__name__ == "Sighted":
            self.view.add(domain_event.originator_id, tracking)
        else:
            self.view.insert_tracking(tracking)


def test_a_projection_sees_what_many_threads_wrote_and_goes_on_after_a_pause(database_url: str) -> None:
    environment = {"PERSISTENCE_MODULE": "eventstore", "DATABASE_URL": database_url}

    def run(threads: int) -> tuple[list[int], IntegrityError | None]:
        with ProjectionRunner(
            application_class=Lookout, projection_class=Sightings, view_class=SightingsView, env=environment
        ) as runner:
            written = at_once(*[lambda: runner.app.watch(20)] * threads)
            runner.wait(written[-1], timeout=PATIENCE)
            try:
                runner.view.insert_tracking(Tracking("Lookout", written[-1]))
            except IntegrityError as error:
                return runner.view.counts(), error
            return runner.view.counts(), None

    counts, refusal = run(threads=4)
    assert counts == [20] * 4
    assert refusal is not None
    counts, _ = run(threads=2)
    assert counts == [20] * 6
