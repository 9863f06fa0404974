"""Reading the log: a stream or everything, in order, in pieces of any size, with or without an event loop."""

from __future__ import annotations

import pytest

from domain import customer, goal
from domain.customer import CustomerAdded
from domain.goal import GoalRevised, GoalSet
from domain.values import Month
from eventstore import log as logs
from eventstore.connect import connect
from eventstore.log import head, head_of
from tests.support.store import NOW, a_log, commit, connected, given, in_event_loop, open_store

GOAL = goal.stream("acme", "ana", Month(2025, 10))
CUSTOMER = customer.stream("acme", "zoe")


def revised(amount: int) -> GoalRevised:
    return GoalRevised(goal="goal_1", partner="ana", month="2025-10", amount=amount, at=NOW)


SET = GoalSet(goal="goal_1", partner="ana", month="2025-10", amount=1, at=NOW)
ZOE = CustomerAdded(customer="zoe", name="Zoë", at=NOW)


@in_event_loop
async def test_a_stream_is_read_from_any_version_on_however_it_is_paged(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(database_url) as store:
        await given(store, GOAL, SET, *(revised(amount) for amount in range(2, 13)))
        await given(store, CUSTOMER, ZOE)
        for page in (1, 3, 4, 12, 5_000):
            monkeypatch.setattr(logs, "PAGE", page)
            for after in (0, 1, 5, 11, 12, 99):
                async with store.pool.connection() as connection:
                    found = [recorded async for recorded in store.log.stream(connection, GOAL, after)]
                with connect(database_url, "test") as follower:
                    assert list(store.log.stream_now(follower, GOAL, after)) == found
                assert [recorded.version for recorded in found] == list(range(after + 1, 13))


@in_event_loop
async def test_everything_is_read_between_two_positions_across_streams(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, GOAL, SET)
        await given(store, CUSTOMER, ZOE)
        await store.writer.append(commit("other-application", 0))
        await given(store, GOAL, revised(2))
        async with store.pool.connection() as connection:
            found = await store.log.between(connection, 1, 4)
            assert await store.log.between(connection, 4, 100) == []
            assert await head_of(connection) == 4
        with connect(database_url, "test") as follower:
            assert store.log.followed_now(follower, 1, 4) == found
            assert head(follower) == 4
    assert [(recorded.position, recorded.stream, recorded.event) for recorded in found] == [
        (2, CUSTOMER, ZOE),
        (3, "other-application", None),
        (4, GOAL, revised(2)),
    ]


@in_event_loop
async def test_an_empty_log_has_nothing_and_ends_at_zero(database_url: str) -> None:
    async with connected(database_url) as connection:
        assert await head_of(connection) == 0
        assert await a_log().between(connection, 0, 100) == []
        assert [recorded async for recorded in a_log().stream(connection, GOAL)] == []
