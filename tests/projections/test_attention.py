"""The clients that a partner is shown, against a plain reading of the same events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from domain import attention as rules
from domain import customer, deal, pipeline
from domain.customer import AddCustomer, AssignCustomer, EraseCustomer
from domain.deal import (
    AddDealDocument,
    ChangeDealValue,
    LoseDeal,
    MoveDeal,
    NoticeAttention,
    OpenDeal,
    ProgressDeal,
    ReassignDeal,
    RecordDealActivity,
)
from domain.model import Command, Conflict, Event, NotFound
from eventstore.connect import AsyncConnection, connect_async
from eventstore.mapper import Meta, Recorded
from projections import attention

T0 = datetime(2025, 10, 1, 12, tzinfo=UTC)
ORG = "acme"
CUSTOMERS, PARTNERS, DEALS = ("client_1", "client_2"), ("usr_1", "usr_2"), ("deal_1", "deal_2", "deal_3")
STAGES = pipeline.VEHICLE_FINANCING
QUESTIONS = [T0 + timedelta(hours=hours) for hours in (0, 48, 48.01, 72, 72.01, 168, 168.01, 240, 400, 1_000)]


@dataclass
class Reading:
    """What happened, folded by the aggregates, and what follows from it by the rules, without any table."""

    deals: dict[str, deal.State] = field(default_factory=dict)
    customers: dict[str, customer.State] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def decide(self, command: Any) -> list[Event]:
        """What the command leads to; nothing when it is refused."""
        name = getattr(command, "deal", None) or command.customer
        states, decider = (self.deals, deal.DECIDER) if hasattr(command, "deal") else (self.customers, customer.DECIDER)
        state: Any = states.get(name, decider.initial)
        try:
            events = decider.decide(state, command)
        except (Conflict, NotFound):
            return []
        states[name] = decider.fold(state, events)
        if isinstance(command, OpenDeal) and events:
            self.order.append(name)
        return events

    def closed(self, name: str) -> bool:
        state = self.deals[name]
        return state.lost or STAGES.stage(state.stage).terminal

    def shown(self) -> dict[str, str]:
        """The file of each customer who has one: the newest that is open, else the newest."""
        found: dict[str, str] = {}
        for is_closed in (True, False):
            for name in sorted(self.order, key=lambda name: (self.opened(name).at, name)):
                if self.closed(name) is is_closed:
                    found[self.opened(name).customer] = name
        return {who: name for who, name in found.items() if not self.customers.get(who, customer.State()).erased}

    def opened(self, name: str) -> deal.DealOpened:
        known = self.deals[name].opened
        assert known is not None
        return known

    def partner(self, name: str) -> str:
        owner = self.customers.get(self.opened(name).customer, customer.State()).assigned_to
        return owner or self.deals[name].partner

    def due(self, name: str) -> datetime | None:
        state = self.deals[name]
        assert state.touched is not None
        return None if self.closed(name) else rules.due(state.stage, self.opened(name).at, state.touched)[0]

    def waiting(self, partner: str, now: datetime) -> list[tuple[str, int]]:
        """The files that a partner is shown, in their order, with their priority."""
        rows = []
        for name in self.shown().values():
            due, state = self.due(name), self.deals[name]
            assert state.touched is not None
            idle = now - state.touched
            if due is not None and due < now and self.partner(name) == partner:
                high = idle > rules.IDLE or state.value > rules.HIGH_VALUE
                rank = 1 if high else 2 if idle >= rules.SOON else 3
                rows.append((rank, state.touched, self.opened(name).customer, name))
        return [(name, rank) for rank, _, _, name in sorted(rows)]

    def to_notice(self, now: datetime) -> set[str]:
        return {
            name
            for name in self.shown().values()
            if (due := self.due(name)) is not None and due < now and self.deals[name].noticed != due
        }


def step() -> st.SearchStrategy[Any]:
    """A command, without its time."""
    which, who, whom = st.sampled_from(DEALS), st.sampled_from(CUSTOMERS), st.sampled_from(PARTNERS)
    stage = st.sampled_from(STAGES.names)
    return st.one_of(
        st.tuples(st.just(AddCustomer), st.fixed_dictionaries({"customer": who, "assigned_to": st.none() | whom})),
        st.tuples(st.just(AssignCustomer), st.fixed_dictionaries({"customer": who, "assigned_to": st.none() | whom})),
        st.tuples(st.just(EraseCustomer), st.fixed_dictionaries({"customer": who})),
        st.tuples(
            st.just(OpenDeal),
            st.fixed_dictionaries(
                {"deal": which, "customer": who, "partner": whom, "stage": stage | st.none(),
                 "value": st.sampled_from([1, rules.HIGH_VALUE, rules.HIGH_VALUE + 1])}
            ),
        ),
        st.tuples(st.just(MoveDeal), st.fixed_dictionaries({"deal": which, "stage": stage})),
        st.tuples(
            st.sampled_from([LoseDeal, NoticeAttention, NoticeAttention]), st.fixed_dictionaries({"deal": which})
        ),
        st.tuples(st.just(ProgressDeal), st.fixed_dictionaries({"deal": which, "percentage": st.integers(0, 100)})),
        st.tuples(
            st.just(RecordDealActivity),
            st.fixed_dictionaries({"deal": which, "activity": st.uuids().map(str), "kind": st.just("call")}),
        ),
        st.tuples(
            st.just(AddDealDocument),
            st.fixed_dictionaries({"deal": which, "document": st.uuids().map(str), "name": st.just("INE")}),
        ),
        st.tuples(st.just(ReassignDeal), st.fixed_dictionaries({"deal": which, "partner": whom})),
        st.tuples(st.just(ChangeDealValue), st.fixed_dictionaries({"deal": which, "value": st.just(9**9)})),
    )  # fmt: skip


FILLED: dict[Any, dict[str, Any]] = {
    AddCustomer: {"name": "Ana"},
    OpenDeal: {"pipeline": "vehicle_financing", "title": "BMW"},
}


def commands(told: list[tuple[tuple[Any, dict[str, Any]], float]]) -> Iterator[Command]:
    """The commands of a story, each so many hours after the one before."""
    now = T0
    for (kind, fields), hours in told:
        now += timedelta(hours=hours)
        yield kind(**FILLED.get(kind, {}), **fields, now=now)


BEGINNING: list[Any] = [
    ((AddCustomer, {"customer": "client_1", "assigned_to": None}), 0),
    ((AddCustomer, {"customer": "client_2", "assigned_to": "usr_1"}), 0),
    ((OpenDeal, {"deal": "deal_1", "customer": "client_1", "partner": "usr_1", "stage": None, "value": 1}), 0),
    ((OpenDeal, {"deal": "deal_2", "customer": "client_2", "partner": "usr_2", "stage": "approval", "value": 1}), 0),
]
STORY = st.lists(st.tuples(step(), st.sampled_from([0, 1, 24, 47, 49, 100])), min_size=1, max_size=20).flatmap(
    lambda rest: st.sampled_from([BEGINNING + rest, BEGINNING + rest, rest])
)


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@settings(
    max_examples=120, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@example([*BEGINNING[2:3], ((AddCustomer, {"customer": "client_1", "assigned_to": "usr_2"}), 0)])
@given(STORY)
def test_whatever_happens_the_same_clients_are_shown_as_a_plain_reading_shows(
    database_url: str, loop: asyncio.Runner, story: list[Any]
) -> None:
    loop.run(check(database_url, story))


async def check(database_url: str, story: list[Any]) -> None:
    reading, position = Reading(), 0
    async with await connect_async(database_url, "test") as connection:
        await connection.execute("drop schema views cascade; create schema views")
        await connection.execute(attention.TABLES)
        for command in commands(story):
            for event in reading.decide(command):
                position += 1
                recorded = Recorded(position, "", 1, "", event, Meta(organization=ORG), T0)
                for sql, parameters in attention.apply(recorded):
                    await connection.execute(sql, parameters)
        for now in QUESTIONS:
            await compare(connection, reading, now)


async def compare(connection: AsyncConnection, reading: Reading, now: datetime) -> None:
    for partner in PARTNERS:
        expected = reading.waiting(partner, now)
        rows = await attention.waiting(connection, ORG, partner, now, None, 50)
        assert [(row.deal, row.rank) for row in rows] == expected
        counted = await attention.count(connection, ORG, partner, now)
        assert sum(counted.values()) == len(expected)
        for stage, number in counted.items():
            rows = await attention.waiting(connection, ORG, partner, now, stage, 50)
            assert [row.stage for row in rows] == [stage] * number
    due = {name for _, name in await attention.due(connection, now, 100)}
    assert due == reading.to_notice(now)
    for who in CUSTOMERS:
        file = await attention.of_customer(connection, ORG, who)
        assert (file and file.deal) == reading.shown().get(who)
        if file:
            state = reading.deals[file.deal]
            assert (file.stage, file.value, file.percentage) == (state.stage, state.value, state.percentage)
            assert (file.touched_at, file.due_at) == (state.touched, reading.due(file.deal))
