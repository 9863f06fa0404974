"""The feed turns events into jobs: each once, whatever breaks in between."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis

from domain.customer import CustomerErased
from eventstore import jobs
from eventstore.connect import Connection, connect
from eventstore.jobs import Job
from eventstore.mapper import Recorded
from settings import Settings
from tests.support.http import PATIENCE, until
from tests.support.store import NOW, a_log, broken, happened, open_store, some_settings
from tests.support.store import given as given_in
from tests.workers.happenings import PAID, cancelled, earned, stream
from workers import broker, feed, goal_progress
from workers.reaction import Run

KEPT = "select reaction, position from jobs order by position, reaction"
SOON = "update jobs set next_at = now()"


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url, "test") as connection:
        yield connection


def kept(connection: Connection) -> list[Job]:
    return connection.execute(KEPT).fetchall()


def both(*positions: int) -> list[Job]:
    """The two jobs of each of these commissions."""
    return [(name, position) for position in positions for name in ("goal_progress", "level_progress")]


def test_every_event_that_is_answered_leaves_a_job_for_each_reaction(database_url: str, connection: Connection) -> None:
    happened(database_url, stream(), earned(), PAID, cancelled())
    happened(database_url, "customer-acme-cus_1", CustomerErased(customer="cus_1", at=NOW))
    assert feed.advance(connection, a_log(), some_settings(database_url)) == [*both(1, 3), ("erasure", 4)]
    assert kept(connection) == [*both(1, 3), ("erasure", 4)]
    assert jobs.position(connection) == 4


def test_what_leads_to_nothing_leaves_no_job(database_url: str, connection: Connection) -> None:
    happened(database_url, stream(), cancelled(month=None, was_earned=False))
    assert feed.advance(connection, a_log(), some_settings(database_url)) == []
    assert kept(connection) == []
    assert jobs.position(connection) == 1


def test_an_event_is_taken_once(database_url: str, connection: Connection) -> None:
    happened(database_url, stream(), earned())
    settings = some_settings(database_url)
    assert feed.advance(connection, a_log(), settings) == both(1)
    assert feed.advance(connection, a_log(), settings) == []
    happened(database_url, stream(2), earned(2))
    assert feed.advance(connection, a_log(), settings) == both(2)


def test_jobs_and_the_place_in_the_log_are_kept_together(database_url: str, connection: Connection) -> None:
    happened(database_url, stream(), earned())
    connection.execute("alter table jobs add constraint no_jobs check (false)")
    with pytest.raises(psycopg.errors.CheckViolation):
        feed.advance(connection, a_log(), some_settings(database_url))
    assert jobs.position(connection) == 0
    connection.execute("alter table jobs drop constraint no_jobs")
    assert feed.advance(connection, a_log(), some_settings(database_url)) == both(1)


def test_a_long_backlog_is_taken_page_by_page(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    amount = sys.getrecursionlimit() + 100

    async def append() -> None:
        async with open_store(database_url) as store:
            await given_in(store, stream(), *(earned() for _ in range(amount)))

    asyncio.run(append())
    monkeypatch.setattr(feed, "PAGE", 1)
    assert len(feed.advance(connection, a_log(), some_settings(database_url))) == 2 * amount
    assert kept(connection) == both(*range(1, amount + 1))


def test_feeds_beside_each_other_leave_every_job_once(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    happened(database_url, stream(), *(earned() for _ in range(300)))
    monkeypatch.setattr(feed, "PAGE", 7)
    found: list[Job] = []

    def follow() -> None:
        with connect(database_url, "test") as own:
            found.extend(feed.advance(own, a_log(), some_settings(database_url)))

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(found) == sorted(both(*range(1, 301)))
    with connect(database_url, "test") as own:
        assert kept(own) == both(*range(1, 301))


def test_a_reaction_that_fails_holds_up_nobody_and_its_job_shows_it(
    database_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(recorded: Recorded, settings: Settings) -> Iterable[Run]:
        raise ValueError("cannot say")

    happened(database_url, stream(), earned(), earned())
    monkeypatch.setattr(goal_progress, "react", fails)
    assert feed.advance(connection, a_log(), some_settings(database_url)) == both(1, 2)


@pytest.mark.parametrize(("name", "answering"), [("CommissionEarned", True), ("CartSaved", False)])
def test_an_event_that_cannot_be_read_waits_as_jobs_and_holds_up_nobody(
    database_url: str, connection: Connection, name: str, answering: bool
) -> None:
    broken(database_url, stream(), name)
    happened(database_url, stream(2), earned(2))
    assert feed.advance(connection, a_log(), some_settings(database_url)) == [*(both(1) if answering else ()), *both(2)]


# --- nudges


def messages(redis_url: str) -> list[bytes]:
    """The nudges that wait in Redis."""
    with redis.Redis.from_url(redis_url) as client:
        return client.lrange("dramatiq:jobs", 0, -1)  # type: ignore[return-value]


def test_a_nudge_that_was_never_sent_is_made_up_for_by_the_clock(
    database_url: str, redis_url: str, connection: Connection
) -> None:
    """The feed crashed after its commit: the jobs are there, and nobody was asked to look at them."""
    settings = some_settings(database_url, redis_url)
    happened(database_url, stream(), earned())
    with connection.transaction():  # in which no time passes
        feed.advance(connection, a_log(), settings)
        assert messages(redis_url) == []
        assert jobs.claim_due(connection) == []
    connection.execute(SOON)
    due = jobs.claim_due(connection)
    assert sorted(due) == both(1)
    feed.nudge_all(broker.connect(settings), due)
    assert len(messages(redis_url)) == 2


def test_a_redis_that_is_away_stops_nobody(database_url: str, connection: Connection) -> None:
    settings = some_settings(database_url)
    happened(database_url, stream(), earned())
    found = feed.advance(connection, a_log(), settings)
    feed.nudge_all(broker.connect(settings), found)
    assert kept(connection) == both(1)


def test_a_job_that_is_not_done_is_due_again_later_and_later(database_url: str, connection: Connection) -> None:
    assert jobs.add(connection, [("goal_progress", 1)], 0, 1)
    waits: list[float] = []
    wait = "select attempts, extract(epoch from next_at - now())::float8 from jobs"
    for attempt in range(1, 13):
        with connection.transaction():  # in which no time passes
            connection.execute(SOON)
            assert jobs.claim_due(connection) == [("goal_progress", 1)]
            assert jobs.claim_due(connection) == []
            row = connection.execute(wait).fetchone()
        assert row is not None
        assert row[0] == attempt
        waits.append(row[1])
    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == waits[-1] == 600


def test_several_clocks_share_what_is_due(database_url: str, connection: Connection) -> None:
    jobs.add(connection, [("goal_progress", position) for position in range(1, 11)], 0, 10)
    connection.execute(SOON)
    with connect(database_url, "other") as other, other.transaction():
        first = jobs.claim_due(other, 4)
        second = jobs.claim_due(connection, 100)
    assert len(first) == 4
    assert sorted(first + second) == [("goal_progress", position) for position in range(1, 11)]


# --- running


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    ready, stopping = threading.Event(), threading.Event()
    thread = threading.Thread(
        target=feed.run, args=(settings, a_log()), kwargs={"ready": ready.set, "stop": stopping.is_set}, daemon=True
    )
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield
    finally:
        stopping.set()
        thread.join(PATIENCE)
    assert not thread.is_alive()


def test_it_rests_once_for_all_that_it_heard(
    database_url: str, redis_url: str, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BREATH", 0.5)

    async def append() -> None:
        async with open_store(database_url) as store:
            for number in range(200):  # a commit each
                await given_in(store, stream(number), earned(number))

    with running(some_settings(database_url, redis_url=redis_url)):
        asyncio.run(append())
        until(lambda: jobs.position(connection) == 200, "a hundred seconds of rest", PATIENCE)


def there_are(connection: Connection, *positions: int) -> Callable[[], bool]:
    return lambda: kept(connection) == both(*positions)


def test_a_running_feed_hears_of_events_and_outlives_its_connections(
    database_url: str, redis_url: str, connection: Connection
) -> None:
    with running(some_settings(database_url, redis_url)):
        for position in (1, 2, 3):
            happened(database_url, stream(), earned())
            until(there_are(connection, *range(1, position + 1)))
        until(lambda: len(messages(redis_url)) == 6)
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and application_name like 'bitacora feed%'"
        )
        happened(database_url, stream(), earned())
        until(there_are(connection, 1, 2, 3, 4))
