"""Reactions: an event in, intentions out."""

from __future__ import annotations

from typing import Any

import pytest

from domain import goal, level
from domain.commission import CommissionEarned
from domain.customer import CustomerErased
from domain.model import Event
from domain.user import UserErased
from eventstore.mapper import Meta, Recorded
from settings import Settings
from tests.support.store import NOW, some_settings
from tests.workers.happenings import GOAL, LEVEL, OCTOBER, PAID, cancelled, earned
from workers import REACTIONS, erasure, goal_progress, level_progress
from workers.reaction import Forget, Run, name

SETTINGS = some_settings("")


def recorded(event: Event, stream: str = "commission-acme-com_1") -> Recorded:
    return Recorded(7, stream, 1, type(event).__name__, event, Meta(organization="acme"), NOW)


def asked(reaction: Any, event: Event, settings: Settings = SETTINGS) -> list[object]:
    return list(reaction.react(recorded(event), settings))


def test_an_earned_commission_counts_towards_the_goal_of_its_month() -> None:
    counted = goal.CountCommission(commission="com_1", partner="ana", month=OCTOBER, amount=500_00, now=NOW)
    assert asked(goal_progress, earned()) == [Run(goal.DECIDER, GOAL, counted)]


def test_a_cancelled_commission_no_longer_counts_if_it_had_been_earned() -> None:
    uncounted = goal.UncountCommission(commission="com_1", partner="ana", month=OCTOBER, now=NOW)
    assert asked(goal_progress, cancelled()) == [Run(goal.DECIDER, GOAL, uncounted)]
    assert asked(goal_progress, cancelled(month=None, was_earned=False)) == []


def test_an_earned_commission_adds_its_sale_by_the_ladder_of_the_settings() -> None:
    accumulated = level.AccumulateSale(
        commission="com_1", deal="deal_1", partner="ana", sale=25_000_00, ladder=level.LADDER, now=NOW
    )
    assert asked(level_progress, earned()) == [Run(level.DECIDER, LEVEL, accumulated)]


def test_a_cancelled_commission_takes_its_sale_off_if_it_had_been_earned() -> None:
    withdrawn = level.WithdrawSale(commission="com_1", partner="ana", now=NOW)
    assert asked(level_progress, cancelled()) == [Run(level.DECIDER, LEVEL, withdrawn)]
    assert asked(level_progress, cancelled(month=None, was_earned=False)) == []


@pytest.mark.parametrize("event", [CustomerErased(customer="c", at=NOW), UserErased(user="u", at=NOW)])
def test_whoever_is_erased_is_forgotten(event: Event) -> None:
    assert asked(erasure, event) == [Forget("commission-acme-com_1")]


@pytest.mark.parametrize("reaction", [goal_progress, level_progress, erasure])
def test_what_a_reaction_does_not_answer_leads_to_nothing(reaction: Any) -> None:
    assert not isinstance(PAID, reaction.EVENTS)
    assert reaction is erasure or asked(reaction, PAID) == []


@pytest.mark.parametrize("reaction", REACTIONS, ids=name)
def test_a_reaction_asked_twice_says_the_same(reaction: Any) -> None:
    """However often it is asked, and whenever: it has no clock and no dice."""
    if CommissionEarned in reaction.EVENTS:
        assert asked(reaction, earned()) == asked(reaction, earned())
