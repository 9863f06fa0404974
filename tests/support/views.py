"""Views made for tests: one that shows every mistake of its keeper, and ways to make it fail or dawdle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import LiteralString

from domain.goal import GoalRevised, GoalSet
from domain.model import Event
from eventstore.mapper import Recorded
from projections.view import Statement

Apply = Callable[[Recorded], Iterable[Statement]]

SLEEP = "select pg_sleep(%s)"


class MadeView:
    """A view as an object instead of a module."""

    def __init__(
        self, name: str, tables: LiteralString, apply: Apply, version: int = 1, events: tuple[type[Event], ...] = ()
    ) -> None:
        self.__name__ = f"tests.views.{name}"
        self.VERSION = version
        self.TABLES: LiteralString = tables
        self.EVENTS = events or (GoalSet, GoalRevised)
        self._apply = apply

    def apply(self, recorded: Recorded) -> Iterable[Statement]:
        return self._apply(recorded)


TALLIES: LiteralString = """
create table tallies (stream text primary key, count integer not null, sum bigint not null, last integer not null);
create table places (position bigint primary key);
"""
TALLY = """
insert into tallies (stream, count, sum, last) values (%s, 1, %s, %s)
on conflict (stream) do update
set count = tallies.count + 1, sum = tallies.sum + excluded.sum, last = excluded.last
"""
PLACE = "insert into places (position) values (%s)"


def tally(recorded: Recorded) -> Iterable[Statement]:
    """An event applied twice counts twice and breaks a key; one left out, or taken out of order, is seen in `last`."""
    assert isinstance(recorded.event, GoalSet | GoalRevised)
    yield TALLY, (recorded.stream, recorded.event.amount, recorded.version)
    yield PLACE, (recorded.position,)


def tallies(apply: Apply = tally, version: int = 1) -> MadeView:
    """The view of `tally`."""
    return MadeView("tallies", TALLIES, apply, version)


LASTS: LiteralString = "create table lasts (stream text primary key, amount bigint not null)"
LAST = """
insert into lasts (stream, amount) values (%s, %s) on conflict (stream) do update set amount = excluded.amount
"""


def last(recorded: Recorded) -> Iterable[Statement]:
    """Only the newest amount counts."""
    assert isinstance(recorded.event, GoalSet | GoalRevised)
    yield LAST, (recorded.stream, recorded.event.amount)


def lasts(apply: Apply = last, version: int = 1) -> MadeView:
    """The view of `last`."""
    return MadeView("lasts", LASTS, apply, version)
