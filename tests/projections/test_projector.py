"""The projector applies every event to every view once, in order, whatever becomes of it or of the database."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.goal import CommissionCounted, CommissionUncounted, GoalAchieved, GoalRevised, GoalSet
from domain.model import Event
from eventstore.connect import Connection, connect
from eventstore.log import Log
from eventstore.mapper import Mapper, Recorded, Unreadable
from eventstore.sealing import Vault
from projections import goals, projector, rebuild, status
from projections.projector import Projector
from projections.rebuild import NotParked
from projections.view import Statement, View
from tests.projections import keeper
from tests.support.http import until
from tests.support.store import (
    MASTER_KEY,
    NOW,
    Views,
    a_log,
    all_of_it,
    broken,
    happened,
    in_another_process,
    keeping,
    rows,
)
from tests.support.views import lasts, tallies, tally

ANA, BEA, CLO = "goal-acme-ana-2025-10", "goal-acme-bea-2025-10", "goal-acme-clo-2025-10"
BAD = 666
REACHED = "select position from checkpoints where follower = 'views'"


def revised(amount: int) -> GoalRevised:
    return GoalRevised(goal="goal_1", partner="p", month="2025-10", amount=amount, at=NOW)


def life(*amounts: int) -> list[Event]:
    """A goal that was set and then revised."""
    first = GoalSet(goal="goal_1", partner="p", month="2025-10", amount=amounts[0], at=NOW)
    return [first, *(revised(amount) for amount in amounts[1:])]


def parked(views: Views) -> list[tuple[str, str, int]]:
    """Who is left out of what, since when."""
    return [(entry.view, entry.stream, entry.position) for entry in status.of(views.connection, views.of).parked]


# --- applying


def test_events_arrive_in_the_view_in_order(database_url: str) -> None:
    happened(database_url, ANA, *life(1, 2, 3))
    with keeping(database_url, [tallies(), lasts()]) as views:
        assert views.rows("tallies") == [(ANA, 3, 6, 3)]
        assert views.rows("lasts") == [(ANA, 3)]
        assert views.rows("places") == [(1,), (2,), (3,)]


def test_a_projector_goes_on_where_the_last_one_ended(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, *life(1, 2))
        assert views.catch_up() == 2
    happened(database_url, ANA, revised(3))
    with keeping(database_url, [tallies()]) as views:
        assert views.rows("tallies") == [(ANA, 3, 6, 3)]
        assert views.catch_up() == 0


def test_catching_up_takes_as_many_batches_as_it_needs(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "BATCH", 7)
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, *life(*range(1, 51)))
        assert views.catch_up() == 50
        assert views.rows("tallies") == [(ANA, 50, sum(range(1, 51)), 50)]


def test_what_is_read_ahead_is_applied_once_and_in_order(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "BATCH", 7)
    happened(database_url, ANA, *life(*range(1, 51)))
    with keeping(database_url, [tallies(), lasts()]) as views, connect(database_url, "test") as other:
        happened(database_url, ANA, *(revised(amount) for amount in range(51, 200)))
        reader = Projector(views.connection, views.log, views.of, other)
        assert reader.catch_up() == 149
        assert views.rows("tallies") == [(ANA, 199, sum(range(1, 200)), 199)]
        assert sorted(views.rows("places")) == [(place,) for place in range(1, 200)]


def test_statements_that_are_merged_keep_their_place_among_the_others(database_url: str) -> None:
    month = {"partner": "ana", "month": "2025-10", "at": NOW}
    earned = [CommissionCounted(commission=f"c{n}", amount=100 * n, **month) for n in range(1, 6)]
    happened(
        database_url,
        ANA,
        earned[0],
        GoalSet(goal="goal_1", amount=1_000, **month),
        *earned[1:4],
        GoalRevised(goal="goal_1", amount=300, **month),
        CommissionUncounted(commission="c2", amount=200, **month),
        GoalAchieved(goal="goal_1", amount=300, earned=800, **month),
        earned[4],
    )
    with keeping(database_url, [goals]) as views:
        assert [row[1:6] for row in views.rows("goals")] == [("ana", "2025-10", "goal_1", 300, 1_300)]
        assert views.rows("goals")[0][7] == NOW


def test_catching_up_can_be_stopped_between_two_batches(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "BATCH", 7)
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, *life(*range(1, 51)))
        assert views.projector.catch_up(lambda: views.projector.position >= 14) == 14
        assert len(views.rows("places")) == 14


def test_events_of_other_applications_are_passed_over(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, *life(1))
        with psycopg.connect(database_url) as other:
            other.execute("select append_events(array['x-y'], array[1], array['Other'], array['[]'], array['{}'])")
        happened(database_url, ANA, revised(2))
        views.catch_up()
        assert views.rows("places") == [(1,), (3,)]
        assert views.projector.position == 3


def test_where_the_views_are_is_announced_when_readers_can_see_it(database_url: str) -> None:
    with (
        keeping(database_url, [tallies()]) as views,
        connect(database_url, "ear") as ear,
        connect(database_url, "reader") as reader,
    ):
        ear.execute("listen views")
        happened(database_url, ANA, *life(1, 2, 3))
        views.catch_up()
        heard = [(notice.payload, rows(reader, "places")) for notice in ear.notifies(timeout=10, stop_after=1)]
    assert heard == [("3", [(1,), (2,), (3,)])]


def test_a_batch_that_is_broken_off_leaves_nothing_behind(database_url: str) -> None:
    class PowerCut(BaseException):
        pass

    def cut(recorded: Recorded) -> Iterable[Statement]:
        yield from tally(recorded)
        if recorded.position == 40:
            raise PowerCut

    with keeping(database_url, [tallies(cut)]) as views:
        happened(database_url, ANA, *life(*range(1, 51)))
        with pytest.raises(PowerCut):
            views.catch_up()
        assert views.rows("places") == []
        assert views.connection.execute(REACHED).fetchone() == (0,)
    with keeping(database_url, [tallies()]) as views:
        assert views.rows("tallies") == [(ANA, 50, sum(range(1, 51)), 50)]


def test_a_projector_that_was_overtaken_applies_nothing_twice(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as slow, keeping(database_url, [tallies()]) as fast:
        happened(database_url, ANA, *life(1, 2))
        fast.catch_up()
        slow.catch_up()
        happened(database_url, ANA, revised(3))
        slow.catch_up()
        fast.catch_up()
        assert fast.rows("tallies") == [(ANA, 3, 6, 3)]
        assert parked(fast) == []


# --- an event that a view cannot take


def failing(how: str, bad: int = BAD) -> Callable[[Recorded], Iterable[Statement]]:
    """`tally`, which cannot take one amount."""

    def apply(recorded: Recorded) -> Iterable[Statement]:
        yield from tally(recorded)
        assert isinstance(recorded.event, GoalSet | GoalRevised)
        if recorded.event.amount == bad:
            if how == "it raises":
                raise ValueError("cannot\0take it")
            if how == "a statement fails":
                yield "insert into places (position) values (null)", ()
            if how == "a value cannot be sent":
                yield "select %s", (object(),)
            if how == "a text holds a NUL":
                yield "select %s", ("a\0b",)
            if how == "a statement is none":
                yield "selekt", ()

    return apply


FAULTS = ("it raises", "a statement fails", "a value cannot be sent", "a text holds a NUL", "a statement is none")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failing_event_parks_its_stream_in_that_view_and_all_else_goes_on(database_url: str, fault: str) -> None:
    with keeping(database_url, [tallies(failing(fault)), lasts()]) as views:
        all_of_it(
            database_url,
            [(ANA, life(1, 2)), (BEA, life(10, BAD, 20)), (CLO, life(100, 200)), (BEA, [revised(30)])],
        )
        views.catch_up()
        assert views.rows("tallies") == [(ANA, 2, 3, 2), (BEA, 1, 10, 1), (CLO, 2, 300, 2)]
        assert views.rows("lasts") == [(ANA, 2), (BEA, 30), (CLO, 200)]
        assert parked(views) == [("tallies", BEA, 4)]
        assert views.projector.position == 8


def moved(value: int | None = None) -> Log:
    """The log of a build that reads an event of before, `GoalMoved`; with `value`, also one that does not say it."""

    def upcast(fields: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        amount = fields["value"] if value is None else fields.get("value", value)
        return "GoalRevised", {**msgspec.to_builtins(revised(0)), "amount": amount}

    return a_log(Mapper(upcasts={"GoalMoved": upcast}))


@pytest.mark.parametrize(
    ("name", "of"), [("GoalRevised", ["lasts", "tallies"]), ("GoalMoved", ["lasts", "tallies"]), ("CartSaved", [])]
)
def test_an_event_that_cannot_be_read_parks_its_stream_where_it_may_belong(
    database_url: str, name: str, of: list[str]
) -> None:
    all_of_it(database_url, [(ANA, life(1, 2)), (BEA, life(10))])
    broken(database_url, BEA, name)
    all_of_it(database_url, [(BEA, [revised(20)]), (ANA, [revised(3)])])
    with keeping(database_url, [lasts(), tallies()], moved()) as views:  # built with it
        assert parked(views) == [(view, BEA, 4) for view in of]
        assert views.rows("lasts") == [(ANA, 3), (BEA, 10 if of else 20)]
        broken(database_url, ANA, name)
        all_of_it(database_url, [(CLO, life(100)), (ANA, [revised(4)])])
        assert views.catch_up() == 3  # kept with it
        assert views.rows("lasts") == [(ANA, 3 if of else 4), (BEA, 10 if of else 20), (CLO, 100)]
        assert {stream for _, stream, _ in parked(views)} == ({ANA, BEA} if of else set())


def test_its_stream_goes_on_with_a_build_that_can_read_it(database_url: str) -> None:
    all_of_it(database_url, [(BEA, life(10))])
    broken(database_url, BEA, "GoalMoved")
    all_of_it(database_url, [(BEA, [revised(30)])])
    with keeping(database_url, [tallies()], moved()) as views, connect(database_url, "resume") as connection:
        with pytest.raises(Unreadable, match="GoalMoved at position 2 cannot be read: KeyError"):
            rebuild.resume(connection, views.log, tallies(), BEA)
        assert parked(views) == [("tallies", BEA, 2)]
        assert rebuild.resume(connection, moved(20), tallies(), BEA) == 2
        assert views.rows("tallies") == [(BEA, 3, 60, 3)]
        assert parked(views) == []


def test_a_parked_stream_stays_parked_for_the_next_projector(database_url: str) -> None:
    view = tallies(failing("it raises"))
    with keeping(database_url, [view]) as views:
        happened(database_url, BEA, *life(10, BAD))
        views.catch_up()
    happened(database_url, BEA, revised(20))
    with keeping(database_url, [view]) as views:
        assert views.rows("tallies") == [(BEA, 1, 10, 1)]
        assert parked(views) == [("tallies", BEA, 2)]


def test_a_resumed_stream_gets_what_it_missed_in_order_and_goes_on(database_url: str) -> None:
    with keeping(database_url, [tallies(failing("a statement fails")), lasts()]) as views:
        all_of_it(database_url, [(BEA, life(10, BAD, 20)), (ANA, life(1))])
        views.catch_up()
        happened(database_url, BEA, revised(30))  # the views are not there yet
        with connect(database_url, "resume") as connection:
            assert rebuild.resume(connection, a_log(), tallies(), BEA) == 2
        assert views.rows("tallies") == [(ANA, 1, 1, 1), (BEA, 3, 10 + BAD + 20, 3)]
        views.catch_up()
        happened(database_url, BEA, revised(40))
        views.catch_up()
        assert views.rows("tallies") == [(ANA, 1, 1, 1), (BEA, 5, 10 + BAD + 20 + 30 + 40, 5)]
        assert views.rows("lasts") == [(ANA, 1), (BEA, 40)]
        assert parked(views) == []


def test_a_stream_that_still_cannot_be_taken_stays_parked(database_url: str) -> None:
    view = tallies(failing("a statement fails"))
    with keeping(database_url, [view]) as views:
        happened(database_url, BEA, *life(10, BAD))
        views.catch_up()
        with connect(database_url, "resume") as connection, pytest.raises(psycopg.errors.NotNullViolation):
            rebuild.resume(connection, a_log(), view, BEA)
        assert views.rows("tallies") == [(BEA, 1, 10, 1)]
        assert parked(views) == [("tallies", BEA, 2)]


def test_only_what_is_parked_can_be_resumed_and_only_by_the_code_that_is_live(database_url: str) -> None:
    with keeping(database_url, [tallies(failing("it raises"))]) as views:
        all_of_it(database_url, [(BEA, life(10, BAD)), (ANA, life(1))])
        views.catch_up()
        with connect(database_url, "resume") as connection:
            with pytest.raises(NotParked):
                rebuild.resume(connection, a_log(), tallies(), ANA)
            with pytest.raises(NotParked):
                rebuild.resume(connection, a_log(), tallies(version=2), BEA)


def test_a_failure_of_the_moment_parks_nobody(database_url: str) -> None:
    """A lock that could not be had says nothing about the event: the batch is tried again as it is."""
    busy = True

    def at_times(recorded: Recorded) -> Iterable[Statement]:
        yield from tally(recorded)
        if busy and recorded.position == 3:
            yield "do $$ begin raise lock_not_available; end $$", ()

    with keeping(database_url, [tallies(at_times)]) as views:
        happened(database_url, ANA, *life(1, 2, 3, 4))
        with pytest.raises(psycopg.OperationalError):
            views.catch_up()
        assert views.rows("places") == []
        assert parked(views) == []
        busy = False
        views.catch_up()
        assert views.rows("tallies") == [(ANA, 4, 10, 4)]


STORIES = st.lists(
    st.tuples(st.sampled_from([ANA, BEA, CLO]), st.sampled_from([1, 2, 3, 4, BAD])), min_size=1, max_size=40
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STORIES, st.lists(st.integers(1, 20), min_size=1, max_size=4), st.sampled_from(FAULTS))
def test_whatever_the_batches_a_stream_is_shown_up_to_the_event_that_it_fails_at(
    database_url: str, story: Sequence[tuple[str, int]], sizes: Sequence[int], fault: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "truncate events, parked_streams, live_views; update checkpoints set position = 0;"
            " drop schema views cascade; create schema views"
        )
    shown: dict[str, tuple[str, int, int, int]] = {}
    left_out: dict[str, int] = {}
    newest: dict[str, int] = {}
    versions: dict[str, int] = {}
    for position, (stream, amount) in enumerate(story, 1):
        versions[stream] = versions.get(stream, 0) + 1
        newest[stream] = amount
        if amount == BAD:
            left_out.setdefault(stream, position)
        if stream not in left_out:
            _, count, sum, _ = shown.get(stream, (stream, 0, 0, 0))
            shown[stream] = (stream, count + 1, sum + amount, versions[stream])
    with keeping(database_url, [tallies(failing(fault)), lasts()]) as views, pytest.MonkeyPatch.context() as patch:
        for nth, (stream, amount) in enumerate(story):
            happened(database_url, stream, *life(amount))
            if nth % len(sizes) == 0:
                patch.setattr(projector, "BATCH", sizes[nth % len(sizes)])
                views.catch_up()
        views.catch_up()
        assert views.rows("tallies") == sorted(shown.values())
        assert views.rows("lasts") == sorted(newest.items())
        assert sorted(parked(views)) == sorted(("tallies", stream, at) for stream, at in left_out.items())


# --- running


@contextmanager
def running(database_url: str, of: Sequence[View], stop: threading.Event | None = None) -> Iterator[threading.Event]:
    """A projector as its process runs it, in a thread; ready when this begins. Setting the event stops it."""
    ready, stopping = threading.Event(), stop or threading.Event()
    kwargs: dict[str, Any] = {"ready": ready.set, "stop": stopping.is_set}
    thread = threading.Thread(target=projector.run, args=(database_url, a_log(), of), kwargs=kwargs, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield stopping
    stopping.set()
    thread.join(20)
    assert not thread.is_alive()


def has(database_url: str, table: str, expected: list[tuple[Any, ...]]) -> Callable[[], bool]:
    """Whether a table, once there, holds just these rows."""

    def look() -> bool:
        with connect(database_url, "test") as connection:
            try:
                return rows(connection, table) == expected
            except psycopg.errors.UndefinedTable:
                return False

    return look


def test_a_running_projector_builds_what_is_missing_and_shows_what_happens(database_url: str) -> None:
    happened(database_url, ANA, *life(1))
    with running(database_url, [tallies(), lasts()]):
        until(has(database_url, "tallies", [(ANA, 1, 1, 1)]))
        happened(database_url, ANA, revised(2))
        until(has(database_url, "tallies", [(ANA, 2, 3, 2)]))
        until(has(database_url, "lasts", [(ANA, 2)]))


def test_a_view_that_could_not_be_built_is_tried_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "BUILD_AGAIN", 0.01)
    broken = lasts()
    broken.TABLES = "create table lasts (stream text primary key, amount no_such_type)"
    with running(database_url, [tallies(), broken]):
        happened(database_url, ANA, *life(1))
        until(has(database_url, "tallies", [(ANA, 1, 1, 1)]))
        broken.TABLES = lasts().TABLES
        until(has(database_url, "lasts", [(ANA, 1)]))


def test_a_projector_outlives_the_connections_that_it_loses(database_url: str) -> None:
    with running(database_url, [tallies()]):
        happened(database_url, ANA, *life(1))
        until(has(database_url, "tallies", [(ANA, 1, 1, 1)]))
        with psycopg.connect(database_url) as admin:
            ended = admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and application_name like 'bitacora projector%'"
            ).fetchall()
        assert len(ended) == 2
        happened(database_url, ANA, revised(2))
        until(has(database_url, "tallies", [(ANA, 2, 3, 2)]))


def test_a_second_projector_stands_by_and_takes_over(database_url: str) -> None:
    with running(database_url, [tallies()]) as first, running(database_url, [tallies()]):
        happened(database_url, ANA, *life(1))
        until(has(database_url, "tallies", [(ANA, 1, 1, 1)]))
        first.set()
        happened(database_url, ANA, revised(2))
        until(has(database_url, "tallies", [(ANA, 2, 3, 2)]))


def test_a_log_that_ends_before_the_views_do_is_not_followed(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, *life(1, 2))
        views.catch_up()
        views.connection.execute("delete from events where position = 2")
    with pytest.raises(RuntimeError, match="bitacora audit verify"):
        projector.run(database_url, a_log(), [tallies()], ready=lambda: None, stop=lambda: False)


def test_a_run_that_fails_leaves_nobody_building(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = builders()
    tries: list[str] = []

    def cannot(url: str, *_: object) -> list[str]:
        tries.append(url)
        raise psycopg.OperationalError("the database is away")

    class Cut(Log):
        def followed_now(self, connection: Connection, after: int, upto: int) -> list[Recorded]:
            until(lambda: database_url in tries)
            raise RuntimeError("the log was cut")

    monkeypatch.setattr(rebuild, "build_unbuilt", cannot)
    cut = Cut(Mapper(), Vault(MASTER_KEY))
    with pytest.raises(RuntimeError, match="the log was cut"):
        projector.run(database_url, cut, [tallies()], ready=lambda: None, stop=lambda: False)
    until(lambda: builders() <= before)


def builders() -> set[threading.Thread]:
    """The threads that build views; another projector of this process may have one."""
    return {thread for thread in threading.enumerate() if thread.name == "builder"}


def test_a_projector_killed_in_the_midst_of_a_batch_again_and_again_applies_everything_once(database_url: str) -> None:
    """Each time the next one is standing by already, and the one that is killed waits for the gate in its batch."""
    with keeping(database_url, [tallies(), lasts()]):
        pass
    processes: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        process = in_another_process(keeper.keep, database_url)
        processes.append(process)
        return process

    def wait_until_ready(process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

    with connect(database_url, "test") as connection:
        try:
            current, standby = start(), start()
            wait_until_ready(current)
            until(lambda: _has_the_lock(connection))
            streams = [f"goal-acme-p{number}-2025-10" for number in range(10)]
            for number in range(3):
                wait_until_ready(standby)
                connection.execute("select pg_advisory_lock(%s)", [keeper.GATE])
                all_of_it(
                    database_url,
                    [(stream, life(*range(1, 21)) if number == 0 else [revised(1)] * 20) for stream in streams],
                )
                until(lambda: _in_a_batch(connection))
                current.kill()
                current.wait()
                connection.execute("select pg_advisory_unlock(%s)", [keeper.GATE])
                current, standby = standby, start()
            until(lambda: connection.execute(REACHED).fetchone() == (600,))
            assert rows(connection, "tallies") == sorted((stream, 60, 210 + 40, 60) for stream in streams)
            assert rows(connection, "places") == sorted([(position,) for position in range(1, 601)], key=repr)
            assert rows(connection, "lasts") == sorted((stream, 1) for stream in streams)
        finally:
            for process in processes:
                process.kill()
                process.communicate()


def _has_the_lock(connection: psycopg.Connection[Any]) -> bool:
    """Whether a projector holds the lock of the one that runs."""
    return _locks(connection, projector.RUNNER_LOCK % 2**32, granted=True) == 1


def _in_a_batch(connection: psycopg.Connection[Any]) -> bool:
    """Whether a projector is in the midst of one: before the gate."""
    return _locks(connection, keeper.GATE, granted=False) == 1


def _locks(connection: psycopg.Connection[Any], number: int, *, granted: bool) -> int:
    row = connection.execute(
        "select count(*) from pg_locks where locktype = 'advisory' and granted = %s and objid = %s"
        " and database = (select oid from pg_database where datname = current_database())",
        [granted, number],
    ).fetchone()
    assert row is not None
    return row[0]
