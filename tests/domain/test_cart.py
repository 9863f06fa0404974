"""A shopper's cart, told by example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import UNSET

from domain import cart, catalogue
from domain.cart import (
    DECIDER,
    MAX_CART,
    MAX_LINES,
    MAX_QUANTITY,
    MAX_SNAPSHOT,
    CartCleared,
    CartRestored,
    CartSaved,
    ClearIdleCart,
    Line,
    RestoreCart,
    SaveCart,
)
from domain.model import Command, Invalid, Refused
from tests.support.commands import commands
from tests.support.spec import given

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)
DOOR, WINDOW = {"nombre": "Puerta", "precio": 250.5}, {"nombre": "Ventana"}


def save(*lines: Line, known: frozenset[str] | None = None, **other: Any) -> SaveCart:
    inventory = frozenset(line.item for line in lines) if known is None else known
    return SaveCart(shopper="ana", lines=lines, known=inventory, now=NOW, **other)


def saved(*lines: Line, at: datetime = NOW) -> CartSaved:
    return CartSaved(shopper="ana", lines=lines, at=at)


def test_a_first_save_tells_everything() -> None:
    given(DECIDER).when(save(Line("door", 2, DOOR))).then(saved(Line("door", 2, DOOR)))


def test_an_empty_cart_can_be_saved_too() -> None:
    given(DECIDER).when(save()).then(saved())


def test_the_same_cart_again_is_no_news() -> None:
    before = given(DECIDER, saved(Line("door", 2, DOOR), Line("window", 1, WINDOW)))
    before.when(save(Line("door", 2, DOOR), Line("window", 1, WINDOW))).then_nothing()
    before.when(save(Line("door", 2, dict(reversed(DOOR.items()))), Line("window", 1, WINDOW))).then_nothing()
    before.when(save(Line("door", 1, DOOR), Line("window", 1, WINDOW), Line("door", 1, DOOR))).then_nothing()


def test_another_quantity_does_not_repeat_what_the_product_looks_like() -> None:
    given(DECIDER, saved(Line("door", 2, DOOR))).when(save(Line("door", 3, DOOR))).then(saved(Line("door", 3)))


def test_another_order_is_another_cart() -> None:
    given(DECIDER, saved(Line("door", 1, DOOR), Line("window", 1, WINDOW))).when(
        save(Line("window", 1, WINDOW), Line("door", 1, DOOR))
    ).then(saved(Line("window", 1), Line("door", 1)))


def test_another_look_is_told_whole() -> None:
    changed = {**DOOR, "precio": 300}
    given(DECIDER, saved(Line("door", 2, DOOR))).when(save(Line("door", 2, changed))).then(
        saved(Line("door", 2, changed))
    )


def test_what_was_taken_out_and_comes_back_is_told_again() -> None:
    given(DECIDER, saved(Line("door", 2, DOOR)), saved()).when(save(Line("door", 2, DOOR))).then(
        saved(Line("door", 2, DOOR))
    )


def test_what_the_inventory_does_not_have_is_named() -> None:
    given(DECIDER).when(save(Line("door", 1, DOOR), Line("ghost", 1, {}), known=frozenset({"door"}))).refuses(
        Invalid, "ITEMS_UNKNOWN", field="items", items=["ghost"]
    )


def test_lines_of_one_product_are_one_line_in_the_place_of_the_first_with_the_look_of_the_last() -> None:
    given(DECIDER).when(save(Line("door", 1, DOOR), Line("window", 1, WINDOW), Line("door", 2, WINDOW))).then(
        saved(Line("door", 3, WINDOW), Line("window", 1, WINDOW))
    )


@pytest.mark.parametrize("quantities", [(0,), (-1,), (MAX_QUANTITY + 1,), (MAX_QUANTITY, 1)])
def test_a_quantity_has_its_limits(quantities: tuple[int, ...]) -> None:
    given(DECIDER).when(save(*(Line("door", quantity, DOOR) for quantity in quantities))).refuses(
        Invalid, "QUANTITY_OUT_OF_RANGE", item="door", minimum=1, maximum=MAX_QUANTITY
    )


def test_a_cart_has_its_limits() -> None:
    lines = [Line(f"p{number}", 1, {}) for number in range(MAX_LINES + 1)]
    given(DECIDER).when(save(*lines[:MAX_LINES])).then(saved(*lines[:MAX_LINES]))
    given(DECIDER).when(save(*lines)).refuses(Invalid, "LINES_TOO_MANY", maximum=MAX_LINES)


def sized(bytes_: int) -> dict[str, str]:
    return {"x": "a" * (bytes_ - len('{"x":""}'))}


def test_snapshots_have_their_limits() -> None:
    given(DECIDER).when(save(Line("door", 1, sized(MAX_SNAPSHOT)))).then(saved(Line("door", 1, sized(MAX_SNAPSHOT))))
    given(DECIDER).when(save(Line("door", 1, sized(MAX_SNAPSHOT + 1)))).refuses(
        Invalid, "SNAPSHOT_TOO_LARGE", item="door", maximum=MAX_SNAPSHOT
    )
    most = [Line(f"p{number}", 1, sized(MAX_SNAPSHOT)) for number in range(MAX_CART // MAX_SNAPSHOT)]
    given(DECIDER).when(save(*most)).then(saved(*most))
    given(DECIDER).when(save(*most, Line("door", 1, {}))).refuses(Invalid, "CART_TOO_LARGE", maximum=MAX_CART)


@pytest.mark.parametrize("snapshot", [UNSET, {"x": object()}])
def test_a_snapshot_that_is_no_json_is_refused(snapshot: Any) -> None:
    given(DECIDER).when(save(Line("door", 1, snapshot))).refuses(Invalid, "SNAPSHOT_INVALID", item="door")


def test_an_empty_cart_may_be_kept_from_replacing_one_that_holds_something() -> None:
    full = given(DECIDER, saved(Line("door", 1, DOOR)))
    full.when(save(spare=True)).then_nothing()
    full.when(save()).then(saved())
    full.when(save(Line("window", 1, WINDOW), spare=True)).then(saved(Line("window", 1, WINDOW)))
    given(DECIDER).when(save(spare=True)).then(saved())


def test_a_cart_is_restored_with_what_it_lost() -> None:
    lines = (Line("door", 2, DOOR), Line("window", 1, WINDOW))
    asked = RestoreCart(shopper="ana", version=1, lines=lines, now=NOW)
    given(DECIDER, saved(*lines), saved(Line("door", 1))).when(asked).then(
        CartRestored(shopper="ana", version=1, lines=(Line("door", 2), Line("window", 1, WINDOW)), at=NOW)
    )
    given(DECIDER, saved(*lines)).when(asked).then_nothing()


def test_only_a_cart_that_holds_something_and_stood_still_is_cleared() -> None:
    idle = ClearIdleCart(shopper="ana", idle_before=NOW + timedelta(seconds=1), now=NOW)
    given(DECIDER, saved(Line("door", 1, DOOR))).when(idle).then(CartCleared(shopper="ana", idle_since=NOW, at=NOW))
    just = ClearIdleCart(shopper="ana", idle_before=NOW, now=NOW)
    given(DECIDER, saved(Line("door", 1, DOOR))).when(just).then_nothing()
    given(DECIDER, saved()).when(idle).then_nothing()
    given(DECIDER).when(idle).then_nothing()


def test_after_it_was_cleared_everything_is_told_again() -> None:
    cleared = CartCleared(shopper="ana", idle_since=NOW, at=NOW)
    before = given(DECIDER, saved(Line("door", 1, DOOR)), cleared)
    before.when(save(Line("door", 1, DOOR))).then(saved(Line("door", 1, DOOR)))
    before.when(save()).then(saved())


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given_any(st.lists(commands(catalogue.commands_of(cart)), max_size=20))
def test_what_a_cart_holds_can_be_told_from_its_events_alone(asked: list[Command]) -> None:
    """Each command's lines, whole, are what the events add up to, though these repeat nothing."""
    state, lines = DECIDER.initial, ()
    for command in asked:
        try:
            events = DECIDER.decide(state, command)
        except Refused:
            continue
        for event in events:
            lines = cart.contents(lines, event)
            state = DECIDER.evolve(state, event)
        if events and isinstance(command, SaveCart | RestoreCart):
            assert lines == cart.checked(command.lines)[0]
        assert [line.item for line in state.lines] == [line.item for line in lines]
        assert [kept.digest for kept in state.lines] == [
            cart.digest(line.snapshot) for line in lines if line.snapshot is not UNSET
        ]
