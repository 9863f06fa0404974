"""The hub: every push to whom it is for, from the first moment of a process on, whatever fails beside it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from api.hub import Push
from api.pazz.realtime import Realtime
from eventstore.connect import AsyncConnection
from eventstore.mapper import Recorded
from projections import horizon
from tests.support.http import World
from tests.support.sockets import SocketIo
from tests.support.store import broken

GOALS = "/pazz/api/v1/goals"
OCTOBER = {"amount": 25_000, "month": "octubre", "year": 2025}


@pytest.fixture(autouse=True)
def october(world: World) -> None:
    world.time_is(datetime(2025, 10, 15, 18, tzinfo=UTC))


def test_what_happens_right_after_a_process_began_is_told(world: World) -> None:
    partner = world.user()
    look = horizon._checkpoint

    async def slow(connection: AsyncConnection) -> int:
        await asyncio.sleep(0.3)
        return await look(connection)

    world.patch.setattr(horizon, "_checkpoint", slow)
    process = world.another_process()
    client = process.signed_in(partner)
    with SocketIo(process.address, {"token": client.token}) as dashboard:
        client.post(GOALS, json=OCTOBER)
        assert dashboard.event()[0] == "goal:updated"


def test_what_happened_before_a_process_began_is_not_told(world: World) -> None:
    partner = world.user()
    world.signed_in(partner).post(GOALS, json=OCTOBER)
    process = world.another_process()
    client = process.signed_in(partner)
    with SocketIo(process.address, {"token": client.token}) as dashboard:
        assert dashboard.event_if_any() is None


def test_a_command_in_one_process_is_told_by_the_others(world: World) -> None:
    partner = world.user()
    here, there = world.signed_in(partner), world.another_process()
    with SocketIo(there.address, {"token": here.token}) as dashboard:
        answer = here.post(GOALS, json=OCTOBER)
        name, pushed, _ = dashboard.event()
        assert (name, pushed) == ("goal:updated", answer.json["data"])


class Faulty:
    """A frontend that is there only to fail."""

    def __init__(self, error: Exception, at: int = 1) -> None:
        self.error = error
        self.at = at
        self.times = 0

    def wants(self, recorded: Recorded) -> bool:
        return True

    async def pushes(self, connection: AsyncConnection, recorded: Recorded) -> list[Push]:
        self.times += 1
        if self.times == self.at:
            raise self.error
        return []

    async def deliver(self, push: Push) -> None:
        raise AssertionError("nothing to deliver")


@pytest.mark.parametrize("error", [RuntimeError("a fault"), psycopg.OperationalError("the connection broke")])
def test_one_frontends_fault_does_not_silence_the_others(
    world: World, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    process = world.another_process()
    client = process.signed_in(world.user())
    faulty = Faulty(error)
    process.runtime.hub._frontends.insert(0, faulty)
    with SocketIo(process.address, {"token": client.token}) as dashboard:
        client.post(GOALS, json=OCTOBER)
        assert dashboard.event()[0] == "goal:updated"
    assert faulty.times >= 1
    assert caplog.records


def test_what_was_told_before_the_database_went_away_is_not_told_again(world: World) -> None:
    process = world.another_process()
    client = process.signed_in(world.user())
    here, faulty = world.signed_in(world.user()), Faulty(psycopg.OperationalError("the connection broke"), at=3)
    process.runtime.hub._frontends.append(faulty)
    with SocketIo(process.address, {"token": client.token}) as dashboard:
        told = []
        for amount in (25_000, 30_000, 35_000, 40_000):
            client.post(GOALS, json={**OCTOBER, "amount": amount})
            here.post(GOALS, json={**OCTOBER, "amount": amount})
            told.append(dashboard.event()[1]["amount"])
        assert told == [25_000, 30_000, 35_000, 40_000]
    assert faulty.times > 3


def test_an_event_that_cannot_be_read_silences_nobody(world: World) -> None:
    client = world.signed_in(world.user())
    with SocketIo(world.address, {"token": client.token}) as dashboard:
        broken(world.settings.database_url, f"claim-{world.own}-nobody", "ValueReleased")  # no view takes it
        client.post(GOALS, json=OCTOBER)
        assert dashboard.event()[0] == "goal:updated"


def test_a_push_is_made_once_however_many_listen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = world.signed_in(world.user())
    made: list[str] = []
    real = Realtime.pushes

    async def counting(self: Realtime, connection: AsyncConnection, recorded: Recorded) -> Any:
        made.append(recorded.name)
        return await real(self, connection, recorded)

    monkeypatch.setattr(Realtime, "pushes", counting)
    listening = [SocketIo(world.address, {"token": client.token}, name) for name in ("/", "/pazz", "/", "/pazz")]
    try:
        client.post(GOALS, json=OCTOBER)
        assert [browser.event()[1]["amount"] for browser in listening] == [25_000] * 4
    finally:
        for browser in listening:
            browser.close()
    assert made == ["GoalSet"]
