"""Whatever two processes are asked at random, they decide as one would that remembers everything."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain import goal
from domain.model import Command, Event, Refused
from eventstore.commit import KeyReused
from tests.eventstore.asking import (
    GOAL,
    OCTOBER,
    ask,
    count,
    history,
    keyed,
    set_goal,
)
from tests.support.store import ASKED, NOW, connected, open_store

COMMANDS = st.one_of(
    st.builds(set_goal, st.sampled_from([150_000, 160_000]), create_only=st.booleans()),
    st.builds(count, st.sampled_from(["c1", "c2"]), st.sampled_from([100_000, 150_000])),
    st.builds(
        lambda id: goal.UncountCommission(commission=id, partner="ana", month=OCTOBER, now=NOW),
        st.sampled_from(["c1", "c2"]),
    ),
)
ASKING = st.tuples(st.integers(0, 1), COMMANDS, st.sampled_from([None, None, None, "k1", "k2"]))


class Alone:
    """The same commands decided by one that remembers everything."""

    def __init__(self) -> None:
        self.state = goal.DECIDER.initial
        self.events: list[Event] = []
        self.keys: dict[str, tuple[Command, tuple[Event, ...]]] = {}

    def ask(self, command: Any, key: str | None) -> object:
        if key in self.keys:
            asked, events = self.keys[key]
            return events if asked == command else KeyReused
        try:
            events = tuple(goal.decide(self.state, command))
        except Refused as refusal:
            return type(refusal)
        self.state = goal.DECIDER.fold(self.state, events)
        self.events += events
        if key is not None:
            self.keys[key] = (command, events)
        return events


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ASKING, min_size=1, max_size=12))
def test_two_processes_decide_as_one_would(database_url: str, asked: Sequence[tuple[int, Command, str | None]]) -> None:
    alone = Alone()

    async def story() -> None:
        async with connected(database_url) as connection:
            await connection.execute("truncate events, accepted_commands")
        async with open_store(database_url) as one, open_store(database_url) as other:
            for number, command, key in asked:
                store = (one, other)[number]
                request = ASKED if key is None else keyed(key, repr(command))
                try:
                    answer: object = (await ask(store, command, request)).events
                except (Refused, KeyReused) as error:
                    answer = type(error)
                assert answer == alone.ask(command, key)
            for store in (one, other):
                assert await store.state(goal.DECIDER, GOAL) == alone.state
            assert [recorded.event for recorded in await history(one, GOAL)] == alone.events

    asyncio.run(story())
