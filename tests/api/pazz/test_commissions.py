"""A month's commissions: what was earned, what is still to come, and the month that a moment belongs to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.pazz.conftest import Broker

NOTHING = {"amount": 0, "currency": "MXN", "deals": 0}


def sums(broker: Broker, **query: Any) -> tuple[float, int, float, int]:
    found = broker.get("commissions/summary", params=query)
    return (
        found["earned"]["amount"],
        found["earned"]["deals"],
        found["pending"]["amount"],
        found["pending"]["deals"],
    )


def test_a_partner_without_commissions_earned_nothing(broker: Broker) -> None:
    assert broker.get("commissions/summary") == {
        "period": {"month": "Octubre", "year": 2025, "monthNumber": 10},
        "earned": NOTHING,
        "pending": NOTHING,
        "breakdown": [],
    }


def test_a_commission_is_pending_then_earned_then_paid(broker: Broker) -> None:
    commission = broker.commission(amount=5_000)
    assert sums(broker) == (0, 0, 5_000, 1)
    assert broker.get("commissions/summary")["breakdown"][0]["status"] == "pending"
    broker.settle(commission, "earn")
    assert sums(broker) == (5_000, 1, 0, 0)
    assert broker.get("commissions/summary")["breakdown"][0]["status"] == "pending"  # C17: not paid yet
    broker.later(days=1)
    broker.settle(commission, "pay")
    assert sums(broker) == (5_000, 1, 0, 0)
    (row,) = broker.get("commissions/summary")["breakdown"]
    assert (row["status"], row["paidAt"], row["commissionRate"]) == ("paid", "2025-10-15T18:30:00Z", 2.0)
    assert (row["clientName"], row["vehicleMake"], row["vehicleModel"]) == (
        "Pedro Juan Gutiérrez González",
        "BMW",
        "Serie 4",
    )


@pytest.mark.parametrize("earned", [True, False])
def test_a_cancelled_commission_is_gone(broker: Broker, earned: bool) -> None:
    commission = broker.commission(amount=5_000, earned=earned)
    broker.settle(commission, "cancel")
    assert broker.get("commissions/summary")["breakdown"] == []
    assert sums(broker) == (0, 0, 0, 0)
    assert broker.get("goals/current")["currentAmount"] == 0


def test_two_commissions_on_one_deal_are_one_deal(broker: Broker) -> None:
    file = broker.file()
    broker.commission(file, amount=1_000, earned=True)
    broker.commission(file, amount=500.5, earned=True)
    assert sums(broker) == (1_500.5, 1, 0, 0)


def test_the_goal_of_a_month_counts_what_the_summary_calls_earned(broker: Broker) -> None:
    for amount in (5_000, 3_000.25, 12_800):
        broker.commission(amount=amount, earned=True)
    broker.commission(amount=900)
    assert broker.get("goals/current")["currentAmount"] == sums(broker)[0] == 20_800.25


@pytest.mark.parametrize(
    ("moment", "month"),
    [
        (datetime(2025, 10, 1, 5, 59, 59, tzinfo=UTC), 9),
        (datetime(2025, 10, 1, 6, tzinfo=UTC), 10),
        (datetime(2025, 11, 1, 5, 59, 59, tzinfo=UTC), 10),
        (datetime(2025, 11, 1, 6, tzinfo=UTC), 11),
        (datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC), 12),
        (datetime(2026, 1, 1, 6, tzinfo=UTC), 1),
    ],
)
def test_a_month_begins_and_ends_at_midnight_in_mexico_city(broker: Broker, moment: datetime, month: int) -> None:
    broker.time_is(moment)
    broker.commission(amount=5_000, earned=True)
    broker.commission(amount=700)
    assert broker.get("commissions/summary")["period"]["monthNumber"] == month
    assert sums(broker) == (5_000, 1, 700, 1)
    year = 2026 if month == 1 else 2025
    for other in {9, 10, 11, 12} - {month}:
        earned, _, pending, _ = sums(broker, month=other, year=2025)
        assert earned == 0
        assert pending == 0, "a month before it was promised, or one to come"
    assert sums(broker, month=month, year=year) == (5_000, 1, 700, 1)


def test_a_promise_is_pending_until_it_is_earned_in_whatever_month(broker: Broker) -> None:
    commission = broker.commission(amount=5_000)
    broker.time_is(datetime(2025, 12, 5, tzinfo=UTC))
    assert sums(broker) == sums(broker, month=11) == sums(broker, month=10) == (0, 0, 5_000, 1)
    assert sums(broker, month=9) == sums(broker, month=1, year=2026) == (0, 0, 0, 0)
    broker.settle(commission, "earn")
    assert sums(broker) == (5_000, 1, 0, 0)
    assert sums(broker, month=10) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("query", "period"),
    [
        ({}, ("Octubre", 2025, 10)),
        ({"month": 1}, ("Enero", 2025, 1)),
        ({"month": 12}, ("Diciembre", 2025, 12)),
        ({"year": 2024}, ("Octubre", 2024, 10)),
        ({"month": 2, "year": 2000}, ("Febrero", 2000, 2)),
        ({"month": 12, "year": 2100}, ("Diciembre", 2100, 12)),
    ],
)
def test_month_and_year_are_this_ones_when_not_given(broker: Broker, query: dict[str, int], period: Any) -> None:
    found = broker.get("commissions/summary", params=query)["period"]
    assert (found["month"], found["year"], found["monthNumber"]) == period


@pytest.mark.parametrize(
    "query",
    [{"month": 0}, {"month": 13}, {"month": "octubre"}, {"year": 1999}, {"year": 2101}, {"month": 1.5}, {"year": ""}],
)
def test_a_month_or_year_out_of_bounds_is_refused(broker: Broker, query: dict[str, Any]) -> None:
    answer = broker.pazz.get("/pazz/api/v1/commissions/summary", params=query)
    assert (answer.status, answer.json["error"]["code"]) == (400, "VALIDATION_FAILED"), answer
    assert list(answer.json["error"]["details"]) == list(query)


def test_another_partners_commissions_are_not_shown(broker: Broker) -> None:
    bea = broker.world.user("partner", name="Bea")
    broker.commission(broker.file(partner=bea), amount=5_000, earned=True)
    assert sums(broker) == (0, 0, 0, 0)


def test_the_last_earned_come_first_and_the_pending_after_them(broker: Broker) -> None:
    broker.commission(amount=100)
    broker.later(hours=1)
    broker.commission(amount=200, earned=True)
    broker.later(hours=1)
    broker.commission(amount=300, earned=True)
    broker.later(hours=1)
    broker.commission(amount=400)
    rows = broker.get("commissions/summary")["breakdown"]
    assert [row["commissionAmount"] for row in rows] == [300, 200, 400, 100]


@pytest.mark.parametrize(
    ("sales", "level", "required", "percentage", "rate"),
    [
        ([], "starter", 4_500_000, 0.0, 2.0),
        ([4_499_999.99], "starter", 4_500_000, 100.0, 2.0),
        ([4_020_000], "starter", 4_500_000, 89.3, 2.0),
        ([4_500_000], "master", 8_000_000, 56.3, 2.5),
        ([4_000_000, 500_000], "master", 8_000_000, 56.3, 2.5),
        ([7_999_999], "master", 8_000_000, 100.0, 2.5),
        ([8_000_000], "legend", 8_000_000, 100.0, 3.0),
        ([9_500_000], "legend", 8_000_000, 100.0, 3.0),
    ],
)
def test_a_level_rises_by_itself_with_what_was_sold(
    broker: Broker, sales: list[float], level: str, required: float, percentage: float, rate: float
) -> None:
    for value in sales:
        broker.commission(broker.file(value=value), amount=1_000, earned=True)
    assert broker.get("user/profile") == {
        "userId": broker.ana.id,
        "currentLevel": level,
        "accumulatedSales": sum(sales),
        "levelProgress": {
            "currentSales": sum(sales),
            "nextLevelRequired": required,
            "percentageComplete": percentage,
        },
        "commissionRate": rate,
    }


def test_a_level_is_never_lost(broker: Broker) -> None:
    commission = broker.commission(broker.file(value=4_500_000), amount=1_000, earned=True)
    broker.settle(commission, "cancel")
    found = broker.get("user/profile")
    assert (found["currentLevel"], found["accumulatedSales"]) == ("master", 0)
    assert found["levelProgress"]["percentageComplete"] == 0.0


def test_thresholds_and_rates_are_settings(broker: Broker) -> None:
    process = broker.world.another_process(level_sales=(1_000_00, 2_000_00), level_rates=(100, 150, 175))
    found = process.signed_in(broker.ana).get("/pazz/api/v1/user/profile").json["data"]
    assert (found["levelProgress"]["nextLevelRequired"], found["commissionRate"]) == (1_000, 1.0)
