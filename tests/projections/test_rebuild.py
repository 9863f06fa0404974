"""A view can be thrown away and built anew at any moment: the same rows come out, and nobody who reads notices."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from domain.goal import GoalRevised, GoalSet
from domain.model import Event
from eventstore.connect import Connection, connect
from eventstore.mapper import Recorded
from projections import projector, rebuild, status
from projections.view import Statement, View
from tests.support.http import until
from tests.support.store import NOW, Views, a_log, all_of_it, given, happened, keeping, open_store, rows
from tests.support.views import MadeView, lasts, tallies, tally
from tests.support.waiting import PATIENCE

ANA, BEA, CLO = "goal-acme-ana-2025-10", "goal-acme-bea-2025-10", "goal-acme-clo-2025-10"
BAD = 666


def revised(amount: int) -> GoalRevised:
    return GoalRevised(goal="goal_1", partner="p", month="2025-10", amount=amount, at=NOW)


def life(*amounts: int) -> list[Event]:
    """A goal that was set and then revised."""
    first = GoalSet(goal="goal_1", partner="p", month="2025-10", amount=amounts[0], at=NOW)
    return [first, *(revised(amount) for amount in amounts[1:])]


def build(database_url: str, view: View, progress: rebuild.Progress = lambda done, total: None) -> None:
    """As the command line does it."""
    with connect(database_url, "rebuild") as connection:
        rebuild.build(connection, a_log(), view, progress)


def parked(views: Views) -> list[tuple[str, str, int]]:
    return [(entry.view, entry.stream, entry.position) for entry in status.of(views.connection, views.of).parked]


def schemas(connection: Connection) -> list[str]:
    """Where something is being built."""
    found = connection.execute("select nspname from pg_namespace where nspname like 'building%'").fetchall()
    return [name for (name,) in found]


def refusing(recorded: Recorded) -> Iterable[Statement]:
    """`tally`, which cannot take the amount `BAD`."""
    assert isinstance(recorded.event, GoalSet | GoalRevised)
    if recorded.event.amount == BAD:
        raise ValueError("cannot take it")
    return tally(recorded)


# --- the same rows


def test_a_view_that_is_built_anew_has_the_same_rows_and_goes_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "PAGE", 7)
    monkeypatch.setattr(rebuild, "NEAR", 3)
    with keeping(database_url, [tallies(), lasts()]) as views:
        all_of_it(database_url, [(ANA, life(*range(1, 21))), (BEA, life(5, 6)), (CLO, life(*range(1, 31)))])
        views.catch_up()
        before = views.everything()
        steps: list[tuple[int, int]] = []
        build(database_url, views.of[0], lambda done, total: steps.append((done, total)))
        assert views.everything() == before
        assert steps[-1] == (52, 52)
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
        assert len(steps) > 5
        happened(database_url, ANA, revised(1))
        views.catch_up()
        assert views.rows("tallies")[0] == (ANA, 21, 211, 21)
        assert views.rows("lasts")[0] == (ANA, 1)
        assert schemas(views.connection) == []


def test_a_view_is_built_no_further_than_the_live_views_are(database_url: str) -> None:
    """The projector is behind, or does not run: what it has still to apply must not be in the new tables already."""
    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, *life(1, 2))
        views.catch_up()
        happened(database_url, ANA, *(revised(1) for _ in range(rebuild.NEAR + 500)))
        build(database_url, views.of[0])
        assert views.rows("tallies") == [(ANA, 2, 3, 2)]
        views.catch_up()
        assert views.rows("tallies") == [(ANA, 2 + rebuild.NEAR + 500, 3 + rebuild.NEAR + 500, 2 + rebuild.NEAR + 500)]
        assert parked(views) == []


def test_every_view_can_be_dropped_and_comes_back_the_same(database_url: str) -> None:
    with keeping(database_url, [tallies(), lasts()]) as views:
        all_of_it(database_url, [(ANA, life(1, 2, 3)), (BEA, life(4, 5))])
        views.catch_up()
        before = views.everything()
        views.connection.execute("drop schema views cascade; create schema views; truncate live_views")
    with keeping(database_url, [tallies(), lasts()]) as views:
        assert views.everything() == before


# --- what is built, and when


def test_only_what_is_missing_or_changed_is_built(database_url: str) -> None:
    assert rebuild.build_unbuilt(database_url, a_log(), [tallies(), lasts()]) == ["tallies", "lasts"]
    assert rebuild.build_unbuilt(database_url, a_log(), [tallies(), lasts()]) == []
    assert rebuild.build_unbuilt(database_url, a_log(), [tallies(version=2), lasts()]) == ["tallies"]


def test_of_two_who_build_what_is_missing_at_once_one_does(database_url: str) -> None:
    happened(database_url, ANA, *life(1, 2))
    built: list[list[str]] = []

    def start() -> None:
        built.append(rebuild.build_unbuilt(database_url, a_log(), [tallies(), lasts()]))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(name for names in built for name in names) == ["lasts", "tallies"]


def test_a_changed_view_replaces_all_tables_of_the_old_one_and_the_old_one_is_read_until_then(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "NEAR", 0)
    with keeping(database_url, [tallies(), lasts()]) as views:
        happened(database_url, ANA, *life(1, 2))
        views.catch_up()

    def shorter(recorded: Recorded) -> Iterable[Statement]:
        yield (
            "insert into tallies (stream, events) values (%s, 1) on conflict (stream) do update set events = 9",
            (recorded.stream,),
        )

    changed = MadeView("tallies", "create table tallies (stream text primary key, events int)", shorter, 2)
    seen: list[object] = []
    with connect(database_url, "reader") as reader:
        build(
            database_url,
            changed,
            lambda done, total: seen.append(rows(reader, "tallies")) if not seen else None,
        )
        assert seen == [[(ANA, 2, 3, 2)]]
        assert rows(reader, "tallies") == [(ANA, 9)]
        names = reader.execute("select tablename from pg_tables where schemaname = 'views'").fetchall()
        assert sorted(names) == [("lasts",), ("tallies",)]
    with keeping(database_url, [changed, lasts()]) as views:
        assert status.of(views.connection, views.of).views[0].version == 2


def test_a_build_that_fails_leaves_everything_as_it_was(database_url: str) -> None:
    class PowerCut(BaseException):
        pass

    def cut(recorded: Recorded) -> Iterable[Statement]:
        raise PowerCut

    with keeping(database_url, [tallies()]) as views:
        happened(database_url, ANA, *life(1, 2))
        views.catch_up()
        with pytest.raises(PowerCut):
            build(database_url, tallies(cut, version=2))
        assert views.rows("tallies") == [(ANA, 2, 3, 2)]
        assert schemas(views.connection) == []
        build(database_url, tallies())


def test_what_a_killed_build_left_behind_is_in_nobodys_way(database_url: str) -> None:
    with keeping(database_url, [tallies()]) as views:
        views.connection.execute("create schema building_tallies; create table building_tallies.tallies (a int)")
        happened(database_url, ANA, *life(1, 2))
        views.catch_up()
        build(database_url, tallies())
        assert views.rows("tallies") == [(ANA, 2, 3, 2)]


# --- events that a build cannot take


def test_what_a_build_cannot_take_is_parked_where_it_was_and_with_the_switch(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is built, the live view takes what the new one cannot."""
    monkeypatch.setattr(rebuild, "NEAR", 0)
    with keeping(database_url, [tallies(), lasts()]) as views:
        all_of_it(database_url, [(ANA, life(1, 2)), (BEA, life(10, BAD, 20)), (CLO, life(100))])
        views.catch_up()
        meanwhile: list[object] = []
        build(
            database_url,
            tallies(refusing),
            lambda done, total: meanwhile.append(parked(views)) if not meanwhile else None,
        )
        assert meanwhile == [[]]
        assert views.rows("tallies") == [(ANA, 2, 3, 2), (BEA, 1, 10, 1), (CLO, 1, 100, 1)]
        assert parked(views) == [("tallies", BEA, 4)]
        assert "cannot take it" in status.of(views.connection, views.of).parked[0].error
        views.catch_up()
        happened(database_url, BEA, revised(30))
        views.catch_up()
        assert views.rows("tallies")[1] == (BEA, 1, 10, 1)
        assert views.rows("lasts")[1] == (BEA, 30)
        with connect(database_url, "resume") as connection:
            assert rebuild.resume(connection, a_log(), tallies(), BEA) == 3
        assert views.rows("tallies")[1] == (BEA, 4, 10 + BAD + 20 + 30, 4)


def test_a_parked_stream_that_the_new_build_takes_is_parked_no_more(database_url: str) -> None:
    with keeping(database_url, [tallies(refusing)]) as views:
        happened(database_url, BEA, *life(10, BAD))
        views.catch_up()
        assert parked(views) == [("tallies", BEA, 2)]
        build(database_url, tallies())
        happened(database_url, BEA, revised(20))
    with keeping(database_url, [tallies()]) as views:
        assert views.rows("tallies") == [(BEA, 3, 10 + BAD + 20, 3)]
        assert parked(views) == []


# --- under traffic


@contextmanager
def at_the_same_time(*work: Callable[[], None]) -> Iterator[threading.Event]:
    """Do this again and again in threads until the event is set or this ends; whatever they raise is raised here."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def again_and_again(once: Callable[[], None]) -> None:
        try:
            while not stop.is_set():
                once()
        except BaseException as error:
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=again_and_again, args=(once,), daemon=True) for once in work]
    for thread in threads:
        thread.start()
    try:
        yield stop
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    if failures:
        raise failures[0]


JOINED = """
select coalesce(sum(t.count), 0), count(*) filter (where p.position is null)
from tallies t left join places p on p.position < 0
"""


class Reader:
    """Somebody who reads all the time with prepared statements, over a connection of their own. What is read may only
    grow, in every table of the view."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.seen = 0
        self.reads = 0
        self.took: list[float] = []

    def read(self) -> None:
        began = time.monotonic()
        row = self.connection.execute(JOINED, prepare=True).fetchone()
        assert row is not None
        assert row[0] >= self.seen
        self.seen = row[0]
        tally_of_one = self.connection.execute("select count from tallies where stream = %s", [ANA], prepare=True)
        assert tally_of_one.fetchone() is not None
        self.reads += 1
        self.took.append(time.monotonic() - began)


@contextmanager
def reading(database_url: str) -> Iterator[Reader]:
    with connect(database_url, "reader") as connection:
        yield Reader(connection)


def test_views_are_rebuilt_under_traffic_with_identical_rows_and_readers_never_fail(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A projector, writers, readers, and one build after the other."""
    monkeypatch.setattr(rebuild, "NEAR", 20)
    of: Sequence[View] = [tallies(), lasts()]
    happened(database_url, ANA, *life(1))
    with keeping(database_url, of):
        pass
    appended = 0

    def append_some() -> None:
        nonlocal appended
        asyncio.run(_append_some(database_url, appended))
        appended += 15

    stopping = threading.Event()

    def project() -> None:
        projector.run(database_url, a_log(), of, ready=lambda: None, stop=stopping.is_set)

    projecting = threading.Thread(target=project, daemon=True)
    projecting.start()
    try:
        with reading(database_url) as one, reading(database_url) as other:
            with at_the_same_time(append_some, one.read, other.read) as stopped:
                for _ in range(6):
                    build(database_url, of[0])
                    build(database_url, of[1])
                    assert not stopped.is_set()
                until(lambda: (min(one.reads, other.reads) > 50 and appended > 100) or stopped.is_set())
            with connect(database_url, "test") as connection:
                until(lambda: status.of(connection, of).lag_events == 0)
    finally:
        stopping.set()
        projecting.join(20)
    with connect(database_url, "test") as connection:
        live = {table: rows(connection, table) for table in ("tallies", "places", "lasts")}
        assert len(live["places"]) == appended + 1
        for view in of:
            build(database_url, view)
        assert {table: rows(connection, table) for table in live} == live
        assert [view.parked for view in status.of(connection, of).views] == [0, 0]


async def _append_some(database_url: str, number: int) -> None:
    async with open_store(database_url) as store:
        await asyncio.gather(
            *(given(store, f"goal-acme-w{number + nth}-2025-10", *life(1, 2, 3, 4, 5)) for nth in range(3))
        )


def test_somebody_who_reads_for_long_holds_up_neither_other_readers_nor_the_projector(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0
    switch = rebuild.Build._switch

    def counted(build: rebuild.Build) -> bool:
        nonlocal tries
        tries += 1
        return switch(build)

    monkeypatch.setattr(rebuild.Build, "_switch", counted)
    monkeypatch.setattr(rebuild, "PAUSES", (0.1,))
    of = [tallies()]
    with (
        keeping(database_url, of) as views,
        connect(database_url, "report") as report,
        reading(database_url) as reader,
    ):
        happened(database_url, ANA, *life(1, 2))
        views.catch_up()
        for held_up in (reader, views):  # otherwise it would be for ever
            held_up.connection.execute("set statement_timeout = '30s'")
        building = threading.Thread(target=build, args=(database_url, of[0]), daemon=True)
        with report.transaction():
            report.execute("select * from tallies")
            building.start()
            until(lambda: _tries(views.connection) > 0)
            amount = 0
            while tries < 7:
                amount += 1
                reader.read()
                happened(database_url, BEA, *life(amount) if amount == 1 else [revised(amount)])
                began = time.monotonic()
                views.catch_up()
                reader.took.append(time.monotonic() - began)
            assert building.is_alive()
        building.join(PATIENCE)
        assert not building.is_alive()
        # Both queue behind a try of the switch, for a tenth of a second at most, and there were seven tries: what
        # takes longer once or twice is a machine that stood still.
        assert sorted(reader.took)[-3] < 1.5
        views.catch_up()
        assert views.rows("tallies") == [(ANA, 2, 3, 2), (BEA, amount, sum(range(1, amount + 1)), amount)]


def _tries(connection: Connection) -> int:
    """Whether somebody waits for a lock on a table."""
    row: Any = connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database()"
        " and wait_event_type = 'Lock' and wait_event = 'relation'"
    ).fetchone()
    return row[0]
