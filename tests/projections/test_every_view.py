"""What holds for every view there is, whatever happens: it takes every event, in batches of any size, and comes out the
same when it is built anew."""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Sequence
from itertools import zip_longest
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import projections
from domain import catalogue
from domain.model import Command, Event, Refused
from projections import projector, rebuild, status
from projections import view as views
from projections.view import View
from tests.support import store
from tests.support.commands import OPENINGS, command
from tests.support.store import a_log, keeping, open_store

ORGANIZATIONS = 40
UNIQUE = ("email", "phone", "username", "request")
"""What belongs to one of a kind only: the product sees to it with a claim, or makes it up."""

COUNTED = ("attempt", "run", "revision")
"""Numbers that the product counts by itself, and that stay small."""

Story = list[tuple[str, list[Event]]]


def named(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def lives(module: ModuleType) -> list[list[Command]]:
    """What is asked of an aggregate in each organization; the same at every run."""
    found: list[list[Command]] = []
    classes = catalogue.commands_of(module)
    each = {kind: command(kind) for kind in classes}
    # Some of the kinds only, so that what ends a life does not end every one early.
    asked = st.lists(st.sampled_from(classes), min_size=1, unique=True).flatmap(
        lambda kinds: st.lists(st.one_of([each[kind] for kind in kinds]), min_size=15, max_size=30)
    )
    if openings := OPENINGS.get(named(module)):
        asked = st.builds(lambda opening, rest: [*opening, *rest], st.sampled_from([(), *openings]), asked)

    @settings(
        max_examples=ORGANIZATIONS,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),  # type: ignore[arg-type]
    )
    @given(asked)
    def collect(life: list[Command]) -> None:
        found.append(life)

    collect()
    return found


class Organization:
    """What happens in one organization, decided by its aggregates."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.story: Story = []
        self._states: dict[str, Any] = {}
        self._owners: dict[tuple[str, str, str], str] = {}

    def ask(self, module: ModuleType, asked: Any) -> None:
        """Run a command, as far as it is not refused."""
        if any((getattr(asked, field, None) or 0) > 1_000 for field in COUNTED):
            return
        if "@" in (getattr(asked, "email", None) or ""):
            asked = replace(asked, email=f"{self.name}.{asked.email.strip()}")
        try:
            stream = self._stream(module, asked)
            state = self._states.get(stream, module.DECIDER.initial)
            events = module.DECIDER.decide(state, asked)
        except Refused:
            return
        if events and all(self._is_free(named(module), stream, event) for event in events):
            self._states[stream] = module.DECIDER.fold(state, events)
            self.story.append((stream, events))

    def _stream(self, module: ModuleType, asked: Any) -> str:
        names = inspect.signature(module.stream).parameters
        return module.stream(**{name: self.name if name == "organization" else getattr(asked, name) for name in names})

    def _is_free(self, kind: str, stream: str, event: Event) -> bool:
        for field in UNIQUE:
            value = getattr(event, field, None)
            if isinstance(value, str) and self._owners.setdefault((kind, field, value), stream) != stream:
                return False
        return True


def organizations() -> list[Organization]:
    """All that happens, the aggregates of an organization taking turns."""
    found = [Organization(f"o{number}") for number in range(ORGANIZATIONS)]
    modules = [module for module in catalogue.AGGREGATES if named(module) not in ("organization", "claim")]
    every = {module: lives(module) for module in modules}
    for number, organization in enumerate(found):
        lived = [every[module][number % len(every[module])] for module in modules]
        for turn in [*zip_longest(*lived)] * 3:  # what was refused at first may be right later
            for module, asked in zip(modules, turn, strict=True):
                if asked is not None:
                    organization.ask(module, asked)
    return found


async def happen(database_url: str, found: Sequence[Organization]) -> None:
    async with open_store(database_url) as open:

        async def one(organization: Organization) -> None:
            for stream, events in organization.story:
                await store.given(open, stream, *events)

        await asyncio.gather(*(one(organization) for organization in found))


def test_every_view_takes_whatever_happens_and_comes_out_the_same_when_built_anew(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = organizations()
    met = {type(event) for organization in found for _, events in organization.story for event in events}
    shown = {event for view in projections.VIEWS for event in view.EVENTS}
    with keeping(database_url) as kept:
        asyncio.run(happen(database_url, found))
        for size in itertools.cycle((1, 700, 13, 2_000, 50)):
            monkeypatch.setattr(projector, "BATCH", size)
            before = kept.projector.position
            kept.projector.catch_up(lambda before=before: kept.projector.position > before)
            if kept.projector.position == before:
                break
        assert {(entry.view, entry.error) for entry in status.of(kept.connection, projections.VIEWS).parked} == set()
        live = kept.everything()
        for view in projections.VIEWS:
            rebuild.build(kept.connection, a_log(), view)
        assert {(entry.view, entry.error) for entry in status.of(kept.connection, projections.VIEWS).parked} == set()
        assert kept.everything() == live
    assert len(shown & met) > 0.85 * len(shown), sorted(event.__name__ for event in shown - met)


def test_no_two_views_have_a_table_of_the_same_name(database_url: str) -> None:
    """Their tables live in one schema."""
    with keeping(database_url) as kept:
        assert len(kept.everything()) == sum(view.TABLES.count("create table ") for view in projections.VIEWS)


@pytest.mark.parametrize("view", projections.VIEWS, ids=views.name)
def test_every_view_takes_events_that_there_are_each_named_once(view: View) -> None:
    assert set(view.EVENTS) <= set(catalogue.EVENTS.values())
    assert len(set(view.EVENTS)) == len(view.EVENTS)
