"""A partner's goal for a month, told by example. Amounts are centavos."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain.goal import (
    DECIDER,
    CommissionCounted,
    CommissionUncounted,
    CountCommission,
    GoalAchieved,
    GoalRevised,
    GoalSet,
    SetGoal,
    UncountCommission,
    stream,
)
from domain.model import Conflict, Invalid
from domain.values import Month
from tests.support.spec import given

NOW = datetime(2025, 10, 14, 18, 30, tzinfo=UTC)
OCTOBER = Month(2025, 10)
WHOSE: dict[str, Any] = {"partner": "usr_1", "month": "2025-10", "at": NOW}


def set_goal(amount: int = 25_000_00, **other: Any) -> SetGoal:
    asked = {"goal": "goal_1", "partner": "usr_1", "month": OCTOBER, "current_month": OCTOBER, "now": NOW, **other}
    return SetGoal(amount=amount, **asked)


def count(commission: str, amount: int) -> CountCommission:
    return CountCommission(commission=commission, partner="usr_1", month=OCTOBER, amount=amount, now=NOW)


def uncount(commission: str) -> UncountCommission:
    return UncountCommission(commission=commission, partner="usr_1", month=OCTOBER, now=NOW)


def was_set(amount: int = 25_000_00) -> GoalSet:
    return GoalSet(goal="goal_1", amount=amount, **WHOSE)


def revised(amount: int) -> GoalRevised:
    return GoalRevised(goal="goal_1", amount=amount, **WHOSE)


def counted(commission: str, amount: int) -> CommissionCounted:
    return CommissionCounted(commission=commission, amount=amount, **WHOSE)


def uncounted(commission: str, amount: int) -> CommissionUncounted:
    return CommissionUncounted(commission=commission, amount=amount, **WHOSE)


def achieved(amount: int, earned: int) -> GoalAchieved:
    return GoalAchieved(goal="goal_1", amount=amount, earned=earned, **WHOSE)


def test_a_partner_sets_a_goal_for_the_month() -> None:
    given(DECIDER).when(set_goal()).then(was_set())


def test_another_amount_revises_the_goal_under_its_first_id() -> None:
    given(DECIDER, was_set()).when(set_goal(30_000_00, goal="goal_2")).then(revised(30_000_00))


def test_the_same_amount_again_changes_nothing() -> None:
    given(DECIDER, was_set()).when(set_goal(goal="goal_2")).then_nothing()
    given(DECIDER, was_set(), revised(30_000_00)).when(set_goal(30_000_00)).then_nothing()


@pytest.mark.parametrize(
    ("amount", "right"), [(99_999, False), (100_000, True), (100_000_000, True), (100_000_001, False)]
)
def test_a_goal_lies_between_one_thousand_and_one_million_pesos_both_included(amount: int, right: bool) -> None:
    when = given(DECIDER).when(set_goal(amount))
    if right:
        when.then(was_set(amount))
    else:
        when.refuses(
            Invalid, "AMOUNT_OUT_OF_RANGE", field="amount", minimum=100_000, maximum=100_000_000, amount=amount
        )


@pytest.mark.parametrize("amount", [0, -1, -25_000_00])
def test_a_goal_of_nothing_or_less_is_refused(amount: int) -> None:
    given(DECIDER).when(set_goal(amount)).refuses(Invalid, "AMOUNT_OUT_OF_RANGE", field="amount")


def test_a_goal_out_of_limits_is_refused_also_for_a_month_that_has_one() -> None:
    given(DECIDER, was_set()).when(set_goal(1)).refuses(Invalid, "AMOUNT_OUT_OF_RANGE")


@pytest.mark.parametrize(
    ("month", "current", "code", "field"),
    [
        (Month(2025, 9), Month(2025, 10), "MONTH_CLOSED", "month"),
        (Month(2025, 10), Month(2025, 10), None, None),
        (Month(2025, 11), Month(2025, 10), None, None),
        (Month(2025, 12), Month(2026, 1), "MONTH_CLOSED", "year"),
        (Month(2026, 1), Month(2025, 12), None, None),
        (Month(2024, 11), Month(2025, 10), "MONTH_CLOSED", "year"),
        (Month(2030, 12), Month(2025, 10), None, None),
        (Month(2031, 1), Month(2025, 12), "MONTH_TOO_FAR", "year"),
    ],
)
def test_a_goal_is_for_this_month_or_a_later_one_at_most_five_years_ahead(
    month: Month, current: Month, code: str | None, field: str | None
) -> None:
    when = given(DECIDER).when(set_goal(month=month, current_month=current))
    if code is None:
        when.then(GoalSet(goal="goal_1", partner="usr_1", month=str(month), amount=25_000_00, at=NOW))
    else:
        when.refuses(Invalid, code, field=field)


def test_asked_to_create_only_a_goal_that_is_there_is_refused() -> None:
    given(DECIDER, was_set()).when(set_goal(30_000_00, goal="goal_2", create_only=True)).refuses(
        Conflict, "GOAL_ALREADY_EXISTS", goal="goal_1", month="2025-10"
    )
    given(DECIDER, was_set()).when(set_goal(goal="goal_2", create_only=True)).refuses(Conflict, "GOAL_ALREADY_EXISTS")


def test_asked_to_create_only_a_new_goal_is_set_and_a_retry_with_its_id_adds_nothing() -> None:
    given(DECIDER).when(set_goal(create_only=True)).then(was_set())


def test_a_commission_counted_before_does_not_make_a_goal() -> None:
    given(DECIDER, counted("c_1", 5_000_00)).when(set_goal(create_only=True)).then(was_set())


def test_a_commission_counts_once() -> None:
    given(DECIDER, was_set()).when(count("c_1", 5_000_00)).then(counted("c_1", 5_000_00))
    given(DECIDER, was_set(), counted("c_1", 5_000_00)).when(count("c_1", 5_000_00)).then_nothing()


def test_a_commission_counts_before_any_goal_is_set() -> None:
    given(DECIDER).when(count("c_1", 5_000_00)).then(counted("c_1", 5_000_00))


@pytest.mark.parametrize("amount", [0, -1])
def test_a_commission_of_nothing_is_refused(amount: int) -> None:
    given(DECIDER).when(count("c_1", amount)).refuses(Invalid, "AMOUNT_OUT_OF_RANGE", field="amount", minimum=1)


def test_a_goal_is_achieved_by_the_commission_that_reaches_it_exactly() -> None:
    given(DECIDER, was_set(10_000_00), counted("c_1", 9_999_99)).when(count("c_2", 1)).then(
        counted("c_2", 1), achieved(10_000_00, 10_000_00)
    )


def test_one_centavo_short_is_not_achieved() -> None:
    given(DECIDER, was_set(10_000_00)).when(count("c_1", 9_999_99)).then(counted("c_1", 9_999_99))


def test_a_goal_is_achieved_once() -> None:
    given(DECIDER, was_set(10_000_00), counted("c_1", 10_000_00), achieved(10_000_00, 10_000_00)).when(
        count("c_2", 5_000_00)
    ).then(counted("c_2", 5_000_00))


def test_lowering_the_amount_below_what_is_earned_achieves_the_goal() -> None:
    given(DECIDER, was_set(25_000_00), counted("c_1", 20_000_00)).when(set_goal(20_000_00)).then(
        revised(20_000_00), achieved(20_000_00, 20_000_00)
    )


def test_setting_a_goal_that_is_reached_already_achieves_it() -> None:
    given(DECIDER, counted("c_1", 20_000_00)).when(set_goal(15_000_00)).then(
        was_set(15_000_00), achieved(15_000_00, 20_000_00)
    )


def test_raising_the_amount_after_the_achievement_takes_nothing_back_and_reaching_it_again_is_no_news() -> None:
    after = given(DECIDER, was_set(10_000_00), counted("c_1", 10_000_00), achieved(10_000_00, 10_000_00))
    after.when(set_goal(30_000_00)).then(revised(30_000_00))
    after.after(set_goal(30_000_00)).when(count("c_2", 20_000_00)).then(counted("c_2", 20_000_00))


def test_a_cancelled_commission_is_taken_off_once() -> None:
    given(DECIDER, counted("c_1", 5_000_00)).when(uncount("c_1")).then(uncounted("c_1", 5_000_00))


def test_a_cancelled_commission_no_longer_helps_to_achieve() -> None:
    given(DECIDER, was_set(10_000_00), counted("c_1", 6_000_00), uncounted("c_1", 6_000_00)).when(
        count("c_2", 6_000_00)
    ).then(counted("c_2", 6_000_00))


def test_a_cancelled_commission_is_never_counted_again() -> None:
    given(DECIDER, counted("c_1", 5_000_00), uncounted("c_1", 5_000_00)).when(count("c_1", 5_000_00)).then_nothing()


def test_a_commission_cancelled_before_it_was_counted_is_never_counted() -> None:
    given(DECIDER, was_set()).when(uncount("c_1")).then(uncounted("c_1", 0))
    given(DECIDER, was_set(), uncounted("c_1", 0)).when(count("c_1", 30_000_00)).then_nothing()


def test_what_was_achieved_stays_achieved_when_a_commission_is_cancelled() -> None:
    given(DECIDER, was_set(10_000_00), counted("c_1", 10_000_00), achieved(10_000_00, 10_000_00)).after(
        uncount("c_1")
    ).when(count("c_2", 10_000_00)).then(counted("c_2", 10_000_00))


def test_each_partner_has_one_goal_a_month() -> None:
    assert stream("org", "usr_1", OCTOBER) == "goal-org-usr_1-2025-10"
