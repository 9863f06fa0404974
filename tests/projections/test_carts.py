"""The view of carts shows what the events add up to, whatever was saved, restored or cleared."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import cart, catalogue
from domain.cart import CartCleared, CartSaved, Line
from domain.model import Command, Event, Refused
from projections import carts
from tests.support.commands import commands
from tests.support.store import NOW, connected, happened, in_event_loop, keeping

SHOPPERS = (f"{number:024x}" for number in itertools.count())


def decided(asked: list[Command], shopper: str) -> list[Event]:
    """What happens to a cart of which all this is asked."""
    state, events = cart.State(), list[Event]()
    for command in asked:
        try:
            new = cart.decide(state, msgspec.structs.replace(command, shopper=shopper))  # type: ignore[arg-type]
        except Refused:
            continue
        state = cart.DECIDER.fold(state, new)
        events += new
    return events


def contents(events: list[Event]) -> list[tuple[str, int, Any]]:
    lines: tuple[Line, ...] = ()
    for event in events:
        lines = cart.contents(lines, event)  # type: ignore[arg-type]
    return [(line.item, line.quantity, line.snapshot) for line in lines]


@in_event_loop
async def shows(database_url: str, shopper: str, events: list[Event]) -> None:
    """What the query finds is what the events say."""
    async with connected(database_url) as connection:
        row = await carts.of_shopper(connection, "acme", shopper)
    if not events:
        assert row is None
        return
    assert row is not None
    assert [(item.item, item.quantity, msgspec.json.decode(item.snapshot)) for item in row.items] == contents(events)
    assert row.version == len(events)
    assert row.saved is not isinstance(events[-1], CartCleared)


def test_the_view_shows_what_the_events_add_up_to(database_url: str) -> None:
    with keeping(database_url) as views:

        @settings(max_examples=60, deadline=None, database=None, derandomize=True)
        @given(st.lists(commands(catalogue.commands_of(cart)), max_size=15))
        def check(asked: list[Command]) -> None:
            shopper = next(SHOPPERS)
            events = decided(asked, shopper)
            if events:
                happened(database_url, f"cart-acme-{shopper}", *events)
            views.catch_up()
            shows(database_url, shopper, events)

        check()


@in_event_loop
async def idle_before(database_url: str, moment: datetime, limit: int, expected: list[str]) -> None:
    async with connected(database_url) as connection:
        assert [owner.shopper for owner in await carts.idle(connection, moment, limit)] == expected


def test_idle_carts_are_those_that_hold_something_the_longest_idle_first(database_url: str) -> None:
    door = Line("door", 1, {})
    for shopper, days, lines in (("fresh", 1, (door,)), ("old", 40, (door,)), ("older", 50, (door,)), ("none", 60, ())):
        saved = CartSaved(shopper=shopper, lines=lines, at=NOW - timedelta(days=days))
        happened(database_url, f"cart-acme-{shopper}", saved)
    with keeping(database_url):
        idle_before(database_url, NOW - timedelta(days=30), 10, ["older", "old"])
        idle_before(database_url, NOW, 1, ["older"])
