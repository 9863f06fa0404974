"""The horizon: whoever waits for the views is told when they are there, or that they are not, and is then forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from eventstore.connect import AsyncConnection
from projections import goals
from projections import horizon as horizons
from projections.horizon import Horizon
from tests.support.store import connected, eventually, in_event_loop, keeping

MOVE = "select move_views((select position from checkpoints where follower = 'views'), %s, 0)"
SET = "update checkpoints set position = %s where follower = 'views'"


@asynccontextmanager
async def standing(database_url: str, at: int = 0) -> AsyncIterator[tuple[Horizon, AsyncConnection]]:
    """A horizon, and a connection that moves the views; they are at a position, and the horizon knows."""
    async with connected(database_url) as views:
        await views.execute(SET, [at])
        async with Horizon(database_url) as horizon:
            assert await horizon.reached(at, 10) == 0.0
            await eventually(lambda: listens(views))
            yield horizon, views


async def listens(connection: AsyncConnection) -> bool:
    cursor = await connection.execute(
        "select 1 from pg_stat_activity where datname = current_database()"
        " and application_name = 'bitacora horizon' and state = 'idle'"
    )
    return await cursor.fetchone() is not None


@in_event_loop
async def test_what_the_views_show_already_is_not_waited_for(database_url: str) -> None:
    async with standing(database_url, at=5) as (horizon, _):
        assert await horizon.reached(5, 0) == 0.0
        assert await horizon.reached(1, 0) == 0.0


@in_event_loop
async def test_those_who_wait_are_told_as_soon_as_the_views_are_there(database_url: str) -> None:
    async with standing(database_url) as (horizon, views):
        calls = [asyncio.create_task(horizon.reached(position, 30)) for position in (3, 1, 2, 9)]
        await asyncio.sleep(0)
        await views.execute(MOVE, [3])
        assert await asyncio.gather(*calls[:3]) == [0.0] * 3
        assert not calls[3].done()
        await views.execute(MOVE, [20])
        assert await calls[3] == 0.0


@pytest.mark.parametrize("patience", [0.0, 0.01, 0.1])
@in_event_loop
async def test_who_waits_in_vain_is_told_for_how_long(database_url: str, patience: float) -> None:
    async with standing(database_url) as (horizon, _):
        assert patience <= await horizon.reached(1, patience) < patience + 30
        assert await horizon.reached(1, patience) > 0


@in_event_loop
async def test_who_gives_up_is_forgotten(database_url: str) -> None:
    """A position that will never be reached, as anybody may ask for, must not be remembered for ever."""
    async with standing(database_url) as (horizon, views):
        patient = asyncio.create_task(horizon.reached(7, 30))
        await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.gather(*(horizon.reached(10**15, 0.0) for _ in range(100)))
        assert len(horizon._waiting) < 400
        await views.execute(MOVE, [7])
        assert await patient == 0.0


@in_event_loop
async def test_who_goes_away_is_in_nobodys_way(database_url: str) -> None:
    async with standing(database_url) as (horizon, views):
        calls = [asyncio.create_task(horizon.reached(1, 30)) for _ in range(3)]
        await asyncio.sleep(0)
        calls[0].cancel()
        await views.execute(MOVE, [1])
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == [0.0, 0.0]


@in_event_loop
async def test_listeners_hear_of_every_move_forward(database_url: str) -> None:
    async with standing(database_url) as (horizon, views):
        heard: list[int] = []
        horizon.on_move(heard.append)
        for position in (1, 4, 9):
            await views.execute(MOVE, [position])
            assert await horizon.reached(position, 30) == 0.0
    assert heard == [1, 4, 9]


@in_event_loop
async def test_a_move_that_nobody_announced_is_noticed_all_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizons, "LOOK", 0.05)
    async with standing(database_url) as (horizon, views):
        await views.execute(SET, [3])
        assert await horizon.reached(3, 30) == 0.0


@in_event_loop
async def test_a_lost_connection_is_made_again(database_url: str) -> None:
    async with standing(database_url) as (horizon, views):
        await _end(views)
        await views.execute(MOVE, [3])
        assert await horizon.reached(3, 30) == 0.0


@in_event_loop
async def test_views_that_lost_something_in_a_crash_are_waited_for_again(database_url: str) -> None:
    """Their commits are not waited for: a server that crashed may come back with views that are older."""
    async with standing(database_url, at=9) as (horizon, views):
        await views.execute(SET, [5])
        await _end(views)
        await eventually(lambda: _is_at(horizon, 5))
        assert await horizon.reached(9, 0.01) > 0
        await views.execute(MOVE, [9])
        assert await horizon.reached(9, 30) == 0.0


async def _is_at(horizon: Horizon, position: int) -> bool:
    return horizon.position == position


async def _end(connection: AsyncConnection) -> None:
    cursor = await connection.execute(
        "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
        " where datname = current_database() and application_name = 'bitacora horizon'"
    )
    assert await cursor.fetchall() == [(True,)]


@in_event_loop
async def test_while_a_view_is_built_anew_nobody_is_told_that_it_shows_everything(database_url: str) -> None:
    with keeping(database_url, [goals]):
        pass
    async with connected(database_url) as views:
        await views.execute("update live_views set version = version - 1 where view = 'goals'")
        async with Horizon(database_url, [goals]) as horizon:
            assert await horizon.known(10)
            assert await horizon.reached(0, 10) == horizons.UNSURE
            await views.execute("update live_views set version = version + 1 where view = 'goals'")

            async def is_sure() -> bool:
                return await horizon.reached(0, 10) == 0.0

            await eventually(is_sure)
