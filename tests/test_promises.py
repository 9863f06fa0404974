"""The promises of the system, one after the other. Each test fails without what keeps its promise; where that is cheap,
the test breaks it on purpose and looks whether it would have noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest

import projections
from domain import customer, goal
from domain.goal import GoalRevised
from domain.model import Decider
from domain.values import Month
from eventstore import jobs
from eventstore.connect import connect
from eventstore.mapper import Recorded
from eventstore.schema import migrate
from eventstore.writer import Writer
from projections import goals, rebuild
from projections.view import Statement
from scripts.postgres import Postgres
from settings import Settings
from tests.eventstore import crowd
from tests.support.http import World, until
from tests.support.routes import manners
from tests.support.sockets import SocketIo
from tests.support.store import (
    NOW,
    a_log,
    all_of_it,
    commit,
    entries,
    happened,
    keeping,
    some_settings,
)
from tests.support.views import SLEEP, MadeView
from tests.workers.happenings import GOAL, earned, stream
from workers import feed, perform
from workers.perform import Performer
from workers.reaction import Run

GOALS = "/pazz/api/v1/goals"
OCTOBER = {"amount": 25_000, "month": "octubre", "year": 2025}


def slow_down(world: World, seconds: float) -> None:
    """From now on the views take their time for every event about a goal."""
    quick = goals.apply

    def slowly(recorded: Recorded) -> Iterable[Statement]:
        yield SLEEP, (seconds,)
        yield from quick(recorded)

    world.patch.setattr(goals, "apply", slowly)
    world.time_is(datetime(2025, 10, 15, 18, tzinfo=UTC))


@contextmanager
def held_up(world: World) -> Iterator[None]:
    """In here the views do not get past any event about a goal."""
    quick = goals.apply

    def not_now(recorded: Recorded) -> Iterable[Statement]:
        yield "select pg_advisory_xact_lock(1)", ()
        yield from quick(recorded)

    world.patch.setattr(goals, "apply", not_now)
    world.time_is(datetime(2025, 10, 15, 18, tzinfo=UTC))
    with connect(world.settings.database_url, "test") as connection:
        connection.execute("select pg_advisory_lock(1)")
        yield


# --- 1


def test_1_acknowledged_means_durable(durable_postgres: Postgres) -> None:
    """The server is killed, with all its processes, the moment that commands are acknowledged. Its default is not to
    wait for the disk: what was stored by somebody who does not ask for more is gone, what was acknowledged is not."""
    url = durable_postgres.url()
    migrate(url)
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("alter system set wal_writer_delay = '10s'")
        admin.execute("alter database bitacora set synchronous_commit = off")
    durable_postgres.restart()
    for round in range(3):
        acknowledged = asyncio.run(_acknowledged(url, f"round{round}"))
        with psycopg.connect(url, autocommit=True) as careless:
            careless.execute("insert into published_heads values (1, '')")
            durable_postgres.kill()
        durable_postgres.start()
        stored = {entry[0]: entry[1] for entry in entries(url)}
        assert {position: stored.get(position) for position in acknowledged} == acknowledged
        with psycopg.connect(url) as connection:
            assert connection.execute("select position from published_heads").fetchall() == []


async def _acknowledged(url: str, name: str) -> dict[int, str]:
    """Positions and streams of what was acknowledged, in many flushes."""
    found: dict[int, str] = {}
    async with Writer(url) as writer:

        async def one(stream: str) -> None:
            for version in range(10):
                committed = await writer.append(commit(stream, version))
                found[committed.last] = stream

        await asyncio.gather(*(one(f"{name}-{number}") for number in range(10)))
    return found


# --- 2

CARELESS = """
create sequence places;
create or replace function append_events(stream text[], version integer[], name text[], data text[], meta text[])
returns bigint language plpgsql as $$
#variable_conflict use_column
declare
    place bigint[];
begin
    select array_agg(nextval('places')) into place from generate_series(1, cardinality(append_events.stream));
    perform pg_sleep(random() * 0.003);
    insert into events (position, stream, version, name, data, meta, recorded_at, hash)
    select new.place, new.stream, new.version, new.name, new.data::json, new.meta::json, now(), ''
      from unnest(place, append_events.stream, append_events.version, append_events.name, append_events.data,
                  append_events.meta) as new(place, stream, version, name, data, meta);
    return place[1] - 1;
end
$$;
"""
"""How most stores number their events: whoever commits later may have the smaller number."""


def test_2_positions_are_commit_order_without_gaps(database_url: str) -> None:
    stored, missed = crowd.watched(database_url)
    assert missed == []
    assert [entry[0] for entry in entries(database_url)] == list(range(1, stored + 1))


def test_2_positions_in_another_order_would_be_noticed(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(CARELESS)
    _, missed = crowd.watched(database_url, 320, enough=lambda looks, missed: bool(missed))
    assert missed


# --- 3


def test_3_whoever_wrote_reads_what_they_wrote(world: World) -> None:
    """Through every process, however slow the views are, as long as somebody has the patience."""
    client = world.signed_in(world.user())
    there = world.another_process()
    slow_down(world, 0.4)
    for amount in (25_000, 30_000):
        answer = client.post(GOALS, json={**OCTOBER, "amount": amount})
        assert answer.status in (200, 201), answer
        assert "bitacora-lag" not in answer.headers
        assert answer.json["data"]["amount"] == amount
        assert client.get(f"{GOALS}/current").json["data"] == answer.json["data"]
        elsewhere = there.visitor().with_headers(**client.headers)
        seen = elsewhere.with_headers(bitacora_at_least=answer.headers["bitacora-position"]).get(f"{GOALS}/current")
        assert seen.json["data"] == answer.json["data"]


def test_3_an_answer_that_could_not_wait_says_so_and_a_reading_can_wait_for_it(world: World) -> None:
    client = world.signed_in(world.user())
    hasty = world.another_process(view_wait_seconds=0.05)
    with held_up(world):
        answer = hasty.visitor().with_headers(**client.headers).post(GOALS, json=OCTOBER)
        assert answer.status == 201, answer
        assert float(answer.headers["bitacora-lag"]) >= 0.05
        position = answer.headers["bitacora-position"]
        late = hasty.visitor().with_headers(**client.headers, bitacora_at_least=position).get(f"{GOALS}/current")
        assert float(late.headers["bitacora-lag"]) >= 0.05
    seen = client.with_headers(bitacora_at_least=position).get(f"{GOALS}/current")
    assert "bitacora-lag" not in seen.headers
    assert seen.json["data"]["amount"] == 25_000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/office/customers", {"name": "Pedro Juan"}),
        ("/office/products", {"code": "PTA-1", "name": "Puerta", "price": 10}),
        ("/scheduler/api/groups", {"name": "Clientes"}),
        ("/scheduler/api/contacts", {"name": "Luz", "phone": "+5215598772310"}),
        ("/scheduler/api/messages", {"content": "Hola"}),
    ],
)
def test_3_what_was_made_and_cannot_be_shown_yet_is_not_said_to_be_missing(
    world: World, path: str, body: dict[str, Any]
) -> None:
    """Who would be told that it does not exist would make it again."""
    client = world.signed_in(world.user("manager")).with_headers(idempotency_key="once")
    hasty = world.another_process(view_wait_seconds=0.05).visitor()
    with connect(world.settings.database_url, "test") as connection, connection.transaction():
        connection.execute("lock table checkpoints in exclusive mode")
        late = hasty.post(path, json=body, headers=client.headers)
        assert late.status == 503, late
        assert "bitacora-lag" in late.headers
        assert manners(path).code(late).upper() == "STORED_NOT_SHOWN"
    seen = client.post(path, json=body)
    assert (seen.status, seen.headers["idempotency-replayed"]) == (201, "true")
    assert seen.headers["bitacora-position"] == late.headers["bitacora-position"]
    assert all(seen.json[field] == value for field, value in body.items())


# --- 4


def test_4_views_are_disposable(database_url: str) -> None:
    """Every view of the product, dropped and replayed, has the same rows; a view that depends on anything but the
    events has not, and this test sees that."""

    def by_the_clock(recorded: Recorded) -> Iterable[Statement]:
        yield "insert into clocks (position, at) values (%s, clock_timestamp())", (recorded.position,)

    careless = MadeView("clocks", "create table clocks (position bigint primary key, at timestamptz)", by_the_clock)
    of = [*projections.VIEWS, careless]
    zoe = customer.CustomerAdded(customer="zoe", name="Zoë", email="zoe@example.mx", at=NOW)
    with keeping(database_url, of) as views:
        for number in range(3):
            happened(database_url, stream(number), earned(number))
            views.catch_up()
        all_of_it(
            database_url,
            [
                (customer.stream("acme", "zoe"), [zoe]),
                (
                    GOAL,
                    [GoalRevised(goal="g", partner="ana", month="2025-10", amount=amount, at=NOW) for amount in (1, 2)],
                ),
            ],
        )
        views.catch_up()
        before = views.everything()
        views.connection.execute("drop schema views cascade; create schema views; truncate live_views")
    with keeping(database_url, of) as views:
        after = views.everything()
    assert len(before["clocks"]) == 2
    assert after.pop("clocks") != before.pop("clocks")
    assert after == before
    assert len(before["commissions"]) == 3
    assert len(before["customers"]) == 1


def test_4_a_view_is_built_anew_under_traffic(world: World) -> None:
    """Somebody reads all the time, and every answer is right, while the view they read is replaced."""
    client = world.signed_in(world.user())
    world.time_is(datetime(2025, 10, 15, 18, tzinfo=UTC))
    expected = client.post(GOALS, json=OCTOBER).json["data"]

    async def read_on(built: asyncio.Event) -> int:
        reads = 0
        while not built.is_set() or reads < 20:
            answer = await client.asking("GET", f"{GOALS}/current")
            assert answer.status == 200, answer
            assert answer.json["data"] == expected
            reads += 1
            world.forget_limits()
        return reads

    async def story() -> int:
        built = asyncio.Event()
        reading = asyncio.create_task(read_on(built))
        for _ in range(5):
            await asyncio.to_thread(_build_goals, world.settings.database_url)
        built.set()
        return await reading

    assert world.loop.run(story()) >= 20


def _build_goals(database_url: str) -> None:
    with connect(database_url, "rebuild") as connection:
        rebuild.build(connection, a_log(), projections.VIEWS[[*projections.VIEWS].index(goals)])  # type: ignore[arg-type]


# --- 5


def again_and_again(state: object, command: goal.SetGoal) -> list[Any]:
    """A decision that sees no harm in happening twice."""
    return [GoalRevised(goal="goal_1", partner="ana", month="2025-10", amount=command.amount, at=command.now)]


FORGETFUL = Decider(initial=None, evolve=lambda state, event: None, decide=again_and_again)


class Careless:
    """A reaction whose effect would be had once for each time that it is done."""

    __name__ = "careless"

    def react(self, recorded: Recorded, settings: Settings) -> Iterable[Run]:
        asked = goal.SetGoal(
            goal="g", partner="ana", month=Month(2025, 10), amount=1, current_month=Month(2025, 10), now=NOW
        )
        yield Run(FORGETFUL, GOAL, asked)


def test_5_reactions_happen_once_in_effect(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Redelivered, done by several at once, done again after a crash between effect and acknowledgement, and replayed
    from the beginning of the log."""
    monkeypatch.setitem(perform.BY_NAME, "goal_progress", Careless())
    settings = some_settings(database_url)
    for number in range(3):
        happened(database_url, stream(number), earned(number))

    async def story() -> None:
        one, other = Performer(settings), Performer(settings)
        for _ in range(3):
            with connect(database_url, "feed") as connection:
                found = feed.advance(connection, a_log(), settings)
                await asyncio.gather(*(worker.perform(*job) for job in found * 2 for worker in (one, other)))
                connection.execute("update checkpoints set position = 0 where follower = 'feed'")  # it was set back
                jobs.add(connection, found, 0, 0)  # the crash: the effect is there, and so is the job
                await asyncio.gather(*(one.perform(*job) for job in found))
        await one.close()
        await other.close()

    asyncio.run(story())
    assert [entry[3] for entry in entries(database_url) if entry[1] == GOAL] == ["GoalRevised"] * 3


# --- 6


def test_6_redis_may_be_emptied_at_any_moment(world: World) -> None:
    """Before and after every step: nobody is signed out, no key is forgotten, no reaction is lost."""
    client = world.signed_in(world.user())
    world.time_is(datetime(2025, 10, 15, 18, tzinfo=UTC))
    keyed = client.with_headers(idempotency_key="k1")
    empty = world.house.redis.flushdb
    empty()
    first = keyed.post(GOALS, json=OCTOBER)
    empty()
    again = keyed.post(GOALS, json=OCTOBER)
    assert (first.status, again.status) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    empty()
    assert client.get(f"{GOALS}/current").json["data"] == first.json["data"]
    partner = client.signed.user.id if client.signed else ""
    world.given(f"commission-{world.own}-com_1", msgspec.structs.replace(earned(), partner=partner, amount=10_000_00))
    found = feed.advance(world.house.connection, world.runtime.log, world.settings)
    assert len(found) == 2
    empty()  # with the nudges
    world.house.connection.execute("update jobs set next_at = now()")
    for job in jobs.claim_due(world.house.connection):
        empty()
        world.loop.run(world.house.performer.perform(*job))
    world.settle()
    assert client.get(f"{GOALS}/current").json["data"]["currentAmount"] == 10_000


# --- 7


def test_7_a_retried_command_decides_once(world: World) -> None:
    client = world.signed_in(world.user())
    world.time_is(datetime(2025, 10, 15, 18, tzinfo=UTC))
    keyed = client.with_headers(idempotency_key="k1")
    before = world.head
    answers = world.at_once(*(keyed.asking("POST", GOALS, json=OCTOBER) for _ in range(50)))
    assert {answer.status for answer in answers} == {201}
    assert {answer.body for answer in answers} == {answers[0].body}
    assert [recorded.name for recorded in world.events(before)] == ["GoalSet"]
    client.post(GOALS, json={**OCTOBER, "amount": 40_000})
    with world.unchanged():
        assert keyed.post(GOALS, json=OCTOBER).headers["bitacora-position"] == answers[0].headers["bitacora-position"]
        assert keyed.post(GOALS, json={**OCTOBER, "amount": 50_000}).status == 409
    assert client.get(f"{GOALS}/current").json["data"]["amount"] == 40_000


# --- 8


def test_8_a_push_says_what_get_says_and_comes_when_get_says_it(world: World) -> None:
    client = world.signed_in(world.user())
    slow_down(world, 0.3)
    with SocketIo(world.address, {"token": client.token}) as dashboard:
        for amount in (25_000, 30_000):
            position = world.head
            calls = asyncio.run_coroutine_threadsafe(
                client.asking("POST", GOALS, json={**OCTOBER, "amount": amount}), world.loop.loop
            )
            until(lambda position=position: world.head > position)
            name, pushed, _ = dashboard.event()
            seen = client.get(f"{GOALS}/current").json["data"]
            assert name == "goal:updated"
            assert pushed == seen
            assert pushed["amount"] == amount
            assert calls.result(20).json["data"] == pushed
        assert dashboard.event_if_any() is None
