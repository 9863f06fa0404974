"""A partner's level and what they have sold, told by example."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from domain import level
from domain.level import (
    DECIDER,
    LADDER,
    AccumulateSale,
    LevelUpgraded,
    ReviewLevel,
    Rung,
    SaleAccumulated,
    SaleWithdrawn,
    WithdrawSale,
)
from domain.model import Invalid
from tests.support.spec import given

NOW = datetime(2025, 10, 5, tzinfo=UTC)
MASTER, LEGEND = LADDER[1].sales, LADDER[2].sales


def accumulate(
    commission: str, sale: int, ladder: tuple[Rung, ...] = LADDER, deal: str | None = None
) -> AccumulateSale:
    """The sale of a commission; each is on a deal of its own unless the test says otherwise."""
    deal = deal or f"deal of {commission}"
    return AccumulateSale(commission=commission, deal=deal, partner="usr_1", sale=sale, ladder=ladder, now=NOW)


def sold(commission: str, sale: int, deal: str | None = None, value: int | None = None) -> SaleAccumulated:
    return SaleAccumulated(
        commission=commission,
        partner="usr_1",
        sale=sale,
        deal=deal or f"deal of {commission}",
        value=sale if value is None else value,
        at=NOW,
    )


def withdrawn(commission: str, sale: int) -> SaleWithdrawn:
    return SaleWithdrawn(commission=commission, partner="usr_1", sale=sale, at=NOW)


def upgraded(to: str, previous: str = "starter") -> LevelUpgraded:
    return LevelUpgraded(partner="usr_1", level=to, previous=previous, at=NOW)


def withdraw(commission: str) -> WithdrawSale:
    return WithdrawSale(commission=commission, partner="usr_1", now=NOW)


def test_a_sale_is_added_once() -> None:
    given(DECIDER).when(accumulate("c_1", 250_000_00)).then(sold("c_1", 250_000_00))


def test_a_sale_worth_nothing_is_added_too() -> None:
    given(DECIDER).when(accumulate("c_1", 0)).then(sold("c_1", 0))


def test_reaching_the_sales_of_a_level_exactly_upgrades() -> None:
    given(DECIDER, sold("c_1", MASTER - 1)).when(accumulate("c_2", 1)).then(sold("c_2", 1), upgraded("master"))


def test_one_centavo_short_does_not() -> None:
    given(DECIDER).when(accumulate("c_1", MASTER - 1)).then(sold("c_1", MASTER - 1))


def test_one_great_sale_can_pass_over_a_level() -> None:
    given(DECIDER).when(accumulate("c_1", LEGEND)).then(sold("c_1", LEGEND), upgraded("legend"))


def test_a_master_becomes_a_legend() -> None:
    given(DECIDER, sold("c_1", MASTER), upgraded("master")).when(accumulate("c_2", LEGEND - MASTER)).then(
        sold("c_2", LEGEND - MASTER), upgraded("legend", "master")
    )


def test_at_the_top_sales_go_on_being_added() -> None:
    given(DECIDER, sold("c_1", LEGEND), upgraded("legend")).when(accumulate("c_2", 1)).then(sold("c_2", 1))


def test_a_cancelled_sale_lowers_the_sales_but_never_the_level() -> None:
    master = given(DECIDER, sold("c_1", MASTER), upgraded("master"))
    master.when(withdraw("c_1")).then(withdrawn("c_1", MASTER))
    master.after(withdraw("c_1")).when(accumulate("c_2", 1)).then(sold("c_2", 1))
    master.after(withdraw("c_1")).when(accumulate("c_2", MASTER)).then(sold("c_2", MASTER))
    assert master.after(withdraw("c_1")).state.accumulated == 0
    assert master.after(withdraw("c_1")).state.level == "master"


def test_a_cancelled_sale_is_never_added_again_even_when_the_cancellation_came_first() -> None:
    given(DECIDER, sold("c_1", 5), withdrawn("c_1", 5)).when(accumulate("c_1", 5)).then_nothing()
    given(DECIDER).when(withdraw("c_1")).then(withdrawn("c_1", 0))
    given(DECIDER, withdrawn("c_1", 0)).when(accumulate("c_1", LEGEND)).then_nothing()


def test_a_deal_counts_once_however_many_commissions_are_earned_on_it() -> None:
    half = given(DECIDER, sold("c_1", MASTER - 1, "d_1"))
    half.when(accumulate("c_2", MASTER - 1, deal="d_1")).then(sold("c_2", 0, "d_1", MASTER - 1))
    half.when(accumulate("c_2", 1, deal="d_2")).then(sold("c_2", 1, "d_2"), upgraded("master"))


def test_a_deal_counts_with_the_highest_value_that_its_commissions_say() -> None:
    first = given(DECIDER, sold("c_1", 500, "d_1"))
    first.when(accumulate("c_2", 700, deal="d_1")).then(sold("c_2", 200, "d_1", 700))
    first.when(accumulate("c_2", 300, deal="d_1")).then(sold("c_2", 0, "d_1", 300))


def test_a_deal_is_taken_off_when_none_of_its_commissions_stands() -> None:
    both = given(DECIDER, sold("c_1", 500, "d_1"), sold("c_2", 200, "d_1", 700))
    both.when(withdraw("c_1")).then(withdrawn("c_1", 0))
    both.when(withdraw("c_2")).then(withdrawn("c_2", 200))
    both.after(withdraw("c_1")).when(withdraw("c_2")).then(withdrawn("c_2", 700))
    both.after(withdraw("c_2")).when(withdraw("c_1")).then(withdrawn("c_1", 500))


def test_sales_of_which_no_deal_was_noted_count_each() -> None:
    old = [SaleAccumulated(commission=name, partner="usr_1", sale=500, at=NOW) for name in ("c_1", "c_2")]
    assert given(DECIDER, *old).state.accumulated == 1_000
    given(DECIDER, *old).when(withdraw("c_1")).then(withdrawn("c_1", 500))


def test_what_a_level_asks_for_is_a_setting() -> None:
    lower = (LADDER[0], Rung(level="master", sales=100, rate=250), Rung(level="legend", sales=200, rate=300))
    given(DECIDER).when(accumulate("c_1", 100, lower)).then(sold("c_1", 100), upgraded("master"))


def test_under_a_lower_ladder_a_review_upgrades_and_under_a_higher_one_it_takes_nothing_back() -> None:
    lower = (LADDER[0], Rung(level="master", sales=100, rate=250), Rung(level="legend", sales=200, rate=300))
    review: dict[str, Any] = {"partner": "usr_1", "now": NOW}
    given(DECIDER, sold("c_1", 150)).when(ReviewLevel(ladder=lower, **review)).then(upgraded("master"))
    given(DECIDER, sold("c_1", 150), upgraded("master")).when(ReviewLevel(**review)).then_nothing()


@pytest.mark.parametrize(
    "ladder",
    [
        (),
        LADDER[::-1],
        LADDER[:2],
        (*LADDER, LADDER[-1]),
        (Rung(level="starter", sales=1, rate=200), *LADDER[1:]),
        (LADDER[0], Rung(level="master", sales=9, rate=250), Rung(level="legend", sales=8, rate=300)),
    ],
)
def test_a_ladder_with_a_missing_or_misplaced_rung_is_refused(ladder: tuple[Rung, ...]) -> None:
    given(DECIDER).when(accumulate("c_1", 1, ladder)).refuses(Invalid, "LADDER_INVALID")
    given(DECIDER).when(ReviewLevel(partner="usr_1", ladder=ladder, now=NOW)).refuses(Invalid, "LADDER_INVALID")


def test_a_negative_sale_is_refused() -> None:
    given(DECIDER).when(accumulate("c_1", -1)).refuses(Invalid, "AMOUNT_OUT_OF_RANGE", field="sale")


def test_the_ladder_of_the_document() -> None:
    assert [(rung.level, rung.sales, rung.rate) for rung in LADDER] == [
        ("starter", 0, 200),
        ("master", 4_500_000_00, 250),
        ("legend", 8_000_000_00, 300),
    ]
    assert level.rung("master").rate == 250
    assert level.next_rung("starter") == LADDER[1]
    assert level.next_rung("legend") is None


def test_each_partner_has_one_level() -> None:
    assert level.stream("org", "usr_1") == "level-org-usr_1"
