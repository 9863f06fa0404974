"""What holds for every aggregate, whatever was asked of it before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain import catalogue
from domain.model import Command, Conflict, Decider, Event, Refused
from tests.support.commands import OPENINGS, commands
from tests.support.commands import command as command_of

THOROUGH = settings(max_examples=300, deadline=None, database=None, derandomize=True)


def holds(
    decider: Decider[Any], classes: Sequence[type[Command]], openings: Sequence[Sequence[Command]] = ()
) -> set[str]:
    """From any state that commands lead to, a command is refused with facts, or leads to events after which it adds
    nothing; deciding changes no state. Some histories begin with one of `openings`. Returns the names of the events
    that were met."""
    met: set[str] = set()
    asked = commands(classes)
    each = {kind: command_of(kind) for kind in classes}
    # Some of the kinds only, so that what ends a life does not end every history early.
    some = st.lists(st.sampled_from(classes), min_size=1, unique=True).flatmap(
        lambda kinds: st.lists(st.one_of([each[kind] for kind in kinds]), min_size=10, max_size=30)
    )
    histories = st.lists(asked, min_size=1, max_size=6) | st.lists(asked, min_size=15, max_size=30)
    if openings:
        histories |= st.builds(lambda opening, rest: [*opening, *rest], st.sampled_from(openings), some)

    @THOROUGH
    @given(histories)
    def check(history: list[Command]) -> None:
        state = decider.initial
        for command in history:
            before = repr(state)
            try:
                events = decider.decide(state, command)
            except Refused as refusal:
                msgspec.json.encode({"code": refusal.code, **refusal.facts})
                events = []
            after = decider.fold(state, events)
            assert repr(state) == before, f"deciding {command!r} changed the state it was decided on"
            if events:
                again = decider.decide(after, command)
                assert again == [], f"{command!r} led to {events!r}, and a second time to {again!r}"
            for event in events:
                stored = msgspec.json.encode(event)
                assert msgspec.json.decode(stored, type=type(event)) == event, f"{event!r} is stored as {stored!r}"
                met.add(type(event).__name__)
            state = after

    for opening in openings:
        check.hypothesis.inner_test([*opening])
    check()
    return met


def named(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


@pytest.mark.parametrize("module", catalogue.AGGREGATES, ids=named)
def test_asked_twice_an_aggregate_does_nothing_the_second_time(module: ModuleType) -> None:
    met = holds(module.DECIDER, catalogue.commands_of(module), OPENINGS.get(named(module), ()))
    assert met == {event.__name__ for event in catalogue.events_of(module)}, "some events were never met"


class Counted(Event):
    at: datetime


class Count(Command):
    now: datetime


class Tally(msgspec.Struct, frozen=True):
    total: int = 0
    days: list[datetime] = []


def decide_carelessly(state: Tally, command: Count) -> list[Event]:
    if state.total > 2:
        raise Conflict("ENOUGH")
    return [Counted(at=command.now)]


def decide_clumsily(state: Tally, command: Count) -> list[Event]:
    if state.total > 1:
        return {}["enough"]
    return [] if state.days else [Counted(at=command.now)]


def add(state: Tally, event: Counted) -> Tally:
    return replace(state, total=state.total + 1, days=[*state.days, event.at])


def add_in_place(state: Tally, event: Counted) -> Tally:
    state.days.append(event.at)
    return replace(state, total=state.total + 1)


@pytest.mark.parametrize(
    ("decider", "complaint"),
    [
        (Decider(initial=Tally(), evolve=add, decide=decide_carelessly), "a second time"),
        (Decider(initial=Tally(), evolve=add_in_place, decide=decide_clumsily), "changed the state"),
        (Decider(initial=Tally(total=2), evolve=add, decide=decide_clumsily), "enough"),
    ],
    ids=["counts again", "changes the state in place", "fails instead of refusing"],
)
def test_an_aggregate_that_breaks_the_rule_is_found(decider: Decider[Any], complaint: str) -> None:
    with pytest.raises(BaseException, match=complaint):
        holds(decider, [Count])
