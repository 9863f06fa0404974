"""A partner's commission on a deal, told by example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.commission import (
    DECIDER,
    CancelCommission,
    CommissionCancelled,
    CommissionEarned,
    CommissionPaid,
    CommissionPromised,
    EarnCommission,
    PayCommission,
    PromiseCommission,
    stream,
)
from domain.model import Conflict, Invalid, NotFound
from domain.values import Month
from tests.support.spec import given

NOW = datetime(2025, 10, 5, 10, 0, tzinfo=UTC)
OCTOBER = Month(2025, 10)
TERMS: dict[str, Any] = {
    "commission": "com_1",
    "partner": "usr_1",
    "deal": "deal_1",
    "customer": "client_1",
    "amount": 5_000_00,
    "rate": 200,
    "sale": 250_000_00,
    "vehicle_make": "BMW",
    "vehicle_model": "Serie 4",
}
PROMISED = CommissionPromised(**TERMS, at=NOW)
EARNED = CommissionEarned(**TERMS, month="2025-10", at=NOW)
PAID = CommissionPaid(commission="com_1", partner="usr_1", month="2025-10", amount=5_000_00, at=NOW)
CANCELLED = CommissionCancelled(
    commission="com_1", partner="usr_1", month=None, amount=5_000_00, sale=250_000_00, was_earned=False, at=NOW
)
PENDING = given(DECIDER, PROMISED)
EARNED_ONE = given(DECIDER, PROMISED, EARNED)
PAID_ONE = given(DECIDER, PROMISED, EARNED, PAID)
CANCELLED_ONE = given(DECIDER, PROMISED, CANCELLED)

EARN = EarnCommission(commission="com_1", month=OCTOBER, now=NOW)
PAY = PayCommission(commission="com_1", now=NOW)
CANCEL = CancelCommission(commission="com_1", now=NOW)


def promise(**other: Any) -> PromiseCommission:
    return PromiseCommission(**{**TERMS, "now": NOW, **other})


def test_a_commission_is_promised_then_earned_then_paid() -> None:
    given(DECIDER).when(promise()).then(PROMISED)
    PENDING.when(EARN).then(EARNED)
    EARNED_ONE.when(PAY).then(PAID)


def test_a_commission_can_be_promised_and_earned_in_one_go() -> None:
    given(DECIDER).when(promise(earned_in=OCTOBER)).then(PROMISED, EARNED)


def test_what_was_promised_is_earned_on_the_terms_of_the_finished_deal() -> None:
    final = {**TERMS, "amount": 6_000_00, "sale": 300_000_00}
    PENDING.when(promise(amount=6_000_00, sale=300_000_00, earned_in=OCTOBER)).then(
        CommissionEarned(**final, month="2025-10", at=NOW)
    )


def test_the_same_promise_later_adds_nothing() -> None:
    PENDING.when(promise(now=NOW + timedelta(days=1))).then_nothing()
    EARNED_ONE.when(promise(earned_in=OCTOBER, now=NOW + timedelta(days=1))).then_nothing()
    PAID_ONE.when(promise(earned_in=OCTOBER)).then_nothing()


def test_another_promise_for_the_same_commission_is_refused() -> None:
    PENDING.when(promise(amount=1)).refuses(Conflict, "COMMISSION_ALREADY_PROMISED", commission="com_1")
    EARNED_ONE.when(promise(amount=1)).refuses(Conflict, "COMMISSION_ALREADY_PROMISED")


def test_a_commission_is_earned_in_one_month_and_on_one_set_of_terms() -> None:
    EARNED_ONE.when(EarnCommission(commission="com_1", month=OCTOBER.next(), now=NOW)).refuses(
        Conflict, "COMMISSION_ALREADY_EARNED", month="2025-10"
    )
    EARNED_ONE.when(promise(amount=1, earned_in=OCTOBER)).refuses(Conflict, "COMMISSION_ALREADY_EARNED")
    PAID_ONE.when(EARN).then_nothing()


def test_only_what_is_earned_can_be_paid() -> None:
    PENDING.when(PAY).refuses(Conflict, "COMMISSION_NOT_EARNED", commission="com_1")
    PAID_ONE.when(PAY).then_nothing()


def test_a_pending_commission_can_be_cancelled() -> None:
    PENDING.when(CANCEL).then(CANCELLED)


def test_an_earned_commission_can_be_cancelled_and_tells_the_month_it_is_taken_from() -> None:
    EARNED_ONE.when(CANCEL).then(
        CommissionCancelled(
            commission="com_1",
            partner="usr_1",
            month="2025-10",
            amount=5_000_00,
            sale=250_000_00,
            was_earned=True,
            at=NOW,
        )
    )


def test_a_paid_commission_cannot_be_cancelled() -> None:
    PAID_ONE.when(CANCEL).refuses(Conflict, "COMMISSION_PAID", commission="com_1")


@pytest.mark.parametrize("command", [EARN, PAY, promise(), promise(earned_in=OCTOBER)])
def test_a_cancelled_commission_stays_cancelled(command: Any) -> None:
    CANCELLED_ONE.when(command).refuses(Conflict, "COMMISSION_CANCELLED", commission="com_1")
    CANCELLED_ONE.when(CANCEL).then_nothing()


@pytest.mark.parametrize("command", [EARN, PAY, CANCEL])
def test_a_commission_that_was_never_promised_is_unknown(command: Any) -> None:
    given(DECIDER).when(command).refuses(NotFound, "COMMISSION_NOT_FOUND", commission="com_1")


@pytest.mark.parametrize(
    ("field", "wrong", "code"),
    [
        ("amount", 0, "AMOUNT_OUT_OF_RANGE"),
        ("amount", 10**15 + 1, "AMOUNT_OUT_OF_RANGE"),
        ("sale", -1, "AMOUNT_OUT_OF_RANGE"),
        ("rate", -1, "NUMBER_OUT_OF_RANGE"),
        ("rate", 10_001, "NUMBER_OUT_OF_RANGE"),
    ],
)
def test_terms_outside_their_limits_are_refused(field: str, wrong: int, code: str) -> None:
    given(DECIDER).when(promise(**{field: wrong})).refuses(Invalid, code, field=field)


def test_each_commission_has_a_stream_of_its_own() -> None:
    assert stream("org", "com_1") == "commission-org-com_1"
