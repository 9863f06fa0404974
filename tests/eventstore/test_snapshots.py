"""Snapshots of long streams make loading quick and never change what is decided."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import Any, LiteralString

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from psycopg import sql

from domain import cart, catalogue
from domain.cart import Line, SaveCart
from domain.model import Command, Refused
from eventstore import snapshots
from eventstore.execute import Store
from eventstore.log import Log
from eventstore.mapper import Recorded
from tests.support.commands import commands
from tests.support.store import ASKED, NOW, a_log, in_event_loop, open_store

EVERY_THIRD = replace(cart.DECIDER, snapshot_every=3)
NEVER = replace(cart.DECIDER, snapshot_every=0)
KEPT = "select stream, version, position from state_snapshots order by stream"


class CountingLog(Log):
    """Counts the events of streams that it hands out."""

    read = 0

    async def stream(self, connection: Any, stream: str, after: int = 0) -> AsyncIterator[Recorded]:
        async for recorded in super().stream(connection, stream, after):
            self.read += 1
            yield recorded


def counting() -> CountingLog:
    log = a_log()
    return CountingLog(log.mapper, log.vault)


def save(quantity: int) -> SaveCart:
    lines = (Line("door", quantity, {"nombre": "Puerta"}),)
    return SaveCart(shopper="ana", lines=lines, known=frozenset({"door"}), now=NOW)


async def saved(store: Store, stream: str, times: int, decider: Any = EVERY_THIRD) -> None:
    for quantity in range(1, times + 1):
        await store.execute(decider, stream, save(quantity), ASKED)


def kept(database_url: str) -> list[tuple[str, int, int]]:
    with psycopg.connect(database_url) as connection:
        return connection.execute(KEPT).fetchall()


def change_kept(database_url: str, what: LiteralString) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("update state_snapshots set ") + sql.SQL(what))


STREAMS = (f"cart-acme-s{number}" for number in itertools.count())


@settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=st.lists(commands(catalogue.commands_of(cart)), min_size=1, max_size=20))
def test_every_decision_is_the_same_with_snapshots_and_without(database_url: str, asked: list[Command]) -> None:
    stream, plain = next(STREAMS), next(STREAMS)

    async def told(store: Store, decider: Any, stream: str, command: Command) -> Any:
        store._folded.clear()  # as a process that starts: everything is loaded
        try:
            return (await store.execute(decider, stream, command, ASKED)).events
        except Refused as refusal:
            return refusal.code, refusal.facts

    @in_event_loop
    async def both() -> None:
        async with open_store(database_url) as store:
            for command in asked:
                with_snapshots = await told(store, EVERY_THIRD, stream, command)
                assert with_snapshots == await told(store, NEVER, plain, command)
            store._folded.clear()
            assert await store.state(EVERY_THIRD, stream) == await store.state(NEVER, plain)

    both()


@in_event_loop
async def test_a_long_stream_is_loaded_from_its_last_snapshot(database_url: str) -> None:
    async with open_store(database_url) as store:
        await saved(store, "cart-acme-ana", 8)
    assert kept(database_url) == [("cart-acme-ana", 6, 6)]
    log = counting()
    async with open_store(database_url, log) as store:
        state = await store.state(EVERY_THIRD, "cart-acme-ana")
    assert [line.quantity for line in state.lines] == [8]
    assert log.read == 2


@in_event_loop
async def test_a_stream_that_grew_without_snapshots_gets_one_when_it_is_loaded(database_url: str) -> None:
    async with open_store(database_url) as store:
        await saved(store, "cart-acme-ana", 8, NEVER)
    assert kept(database_url) == []
    async with open_store(database_url) as store:
        await store.state(EVERY_THIRD, "cart-acme-ana")
    assert kept(database_url) == [("cart-acme-ana", 8, 8)]


@pytest.mark.parametrize(
    "change",
    [
        "shape = 'of other code'",
        "position = position + 1",
        "version = version - 1",
        r"hash = '\x00'",
        "state = 'not a state'",
    ],
)
@in_event_loop
async def test_a_snapshot_that_does_not_fit_the_log_and_the_code_is_not_used(
    database_url: str, change: LiteralString
) -> None:
    async with open_store(database_url) as store:
        await saved(store, "cart-acme-ana", 8)
        expected = await store.state(NEVER, "cart-acme-ana")
    change_kept(database_url, r"""state = '{"saved": true, "lines": [["door", 99, "x"]]}'""")
    change_kept(database_url, change)
    log = counting()
    async with open_store(database_url, log) as store:
        assert await store.state(EVERY_THIRD, "cart-acme-ana") == expected
    assert log.read == 8


@in_event_loop
async def test_without_its_snapshots_a_store_decides_the_same(database_url: str) -> None:
    async with open_store(database_url) as store:
        await saved(store, "cart-acme-ana", 8)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("delete from state_snapshots")
    async with open_store(database_url) as store:
        assert (await store.execute(EVERY_THIRD, "cart-acme-ana", save(8), ASKED)).events == ()
        assert len((await store.execute(EVERY_THIRD, "cart-acme-ana", save(9), ASKED)).events) == 1


@in_event_loop
async def test_a_command_is_stored_although_its_snapshot_cannot_be(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("alter table state_snapshots add constraint nothing check (false)")
    async with open_store(database_url) as store:
        await saved(store, "cart-acme-ana", 4)
        store._folded.clear()
        assert [line.quantity for line in (await store.state(EVERY_THIRD, "cart-acme-ana")).lines] == [4]


def test_the_shape_of_a_snapshot_is_that_of_its_aggregate() -> None:
    def other(state: cart.State, event: object) -> cart.State:
        return state

    assert snapshots.shape(cart.evolve, cart.State) == snapshots.shape(EVERY_THIRD.evolve, cart.State)
    assert snapshots.shape(cart.evolve, cart.State) != snapshots.shape(other, cart.State)


def test_no_aggregate_with_personal_data_is_kept_in_snapshots() -> None:
    for module in catalogue.AGGREGATES:
        if module.DECIDER.snapshot_every:
            assert not any(catalogue.personal_fields(event) for event in catalogue.events_of(module)), module.__name__
