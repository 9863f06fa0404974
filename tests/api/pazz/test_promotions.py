"""Promotions: shown while their window is open, to whom they are for, in the order that the office chose."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain import level
from domain.level import LevelUpgraded
from domain.promotion import PromotionStarted
from tests.api.pazz.conftest import NOW, Broker, offer

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def active(broker: Broker) -> list[str]:
    return [promotion["id"] for promotion in broker.get("promotions/active")["promotions"]]


@pytest.mark.parametrize(
    ("passed", "is_active"),
    [(-SECOND, False), (timedelta(), True), (DAY, True), (2 * DAY - SECOND, True), (2 * DAY, False), (3 * DAY, False)],
)
def test_a_promotion_is_shown_from_its_first_moment_to_just_before_its_last(
    broker: Broker, passed: timedelta, is_active: bool
) -> None:
    promotion = broker.promotion(DAY, 2 * DAY)
    broker.time_is(NOW + DAY + passed)
    assert active(broker) == [promotion] * is_active


def test_they_are_shown_by_priority_then_by_start(broker: Broker) -> None:
    late = broker.promotion(-1 * DAY)
    early = broker.promotion(-3 * DAY)
    first = broker.promotion(-2 * DAY, priority=1)
    assert active(broker) == [first, early, late]
    assert broker.get("promotions/active")["metadata"] == {"totalActive": 3, "nextPromotion": None}


def test_what_comes_next_is_told(broker: Broker) -> None:
    broker.promotion(5 * DAY)
    soon = broker.promotion(2 * DAY, title="Mazda CX-5")
    assert broker.get("promotions/active") == {
        "promotions": [],
        "metadata": {
            "totalActive": 0,
            "nextPromotion": {"id": soon, "title": "Mazda CX-5", "validFrom": "2025-10-16T18:30:00Z"},
        },
    }


@pytest.mark.parametrize(
    ("audience", "is_for_ana"),
    [
        ({}, True),
        ({"regions": ["centro"]}, True),
        ({"regions": ["norte", "centro"]}, True),
        ({"regions": ["norte"]}, False),
        ({"regions": ["CENTRO"]}, True),
        ({"levels": ["starter"]}, True),
        ({"levels": ["master", "legend"]}, False),
        ({"regions": ["centro"], "levels": ["starter"]}, True),
        ({"regions": ["centro"], "levels": ["legend"]}, False),
        ({"regions": ["norte"], "levels": ["starter"]}, False),
    ],
)
def test_a_promotion_is_for_its_regions_and_levels(broker: Broker, audience: dict[str, Any], is_for_ana: bool) -> None:
    now, coming = broker.promotion(**audience), broker.promotion(DAY, **audience)
    found = broker.get("promotions/active")
    assert [promotion["id"] for promotion in found["promotions"]] == [now] * is_for_ana
    assert (found["metadata"]["nextPromotion"] or {}).get("id") == (coming if is_for_ana else None)


def test_a_partner_without_a_region_sees_what_is_for_every_region(broker: Broker) -> None:
    everywhere = broker.promotion()
    broker.promotion(regions=["centro"])
    somebody = broker.world.signed_in(broker.world.user("partner"))
    found = somebody.get("/pazz/api/v1/promotions/active").json["data"]["promotions"]
    assert [promotion["id"] for promotion in found] == [everywhere]


def test_a_partner_who_was_given_a_region_sees_what_is_for_it_once_signed_in_again(broker: Broker) -> None:
    promotion = broker.promotion(regions=["centro"])
    somebody = broker.world.user("partner")  # as who registers by themselves: without a region
    given = broker.office.patch(f"/office/users/{somebody.id}", json={"region": "centro"})
    assert (given.status, given.json["region"]) == (200, "centro")
    found = broker.world.signed_in(somebody).get("/pazz/api/v1/promotions/active").json["data"]["promotions"]
    assert [shown["id"] for shown in found] == [promotion]


def test_who_rises_sees_the_promotions_of_the_new_level(broker: Broker) -> None:
    promotion = broker.promotion(levels=["master"])
    assert active(broker) == []
    risen = LevelUpgraded(partner=broker.ana.id, level="master", previous="starter", at=NOW)
    broker.world.given(level.stream(broker.ana.organization, broker.ana.id), risen)
    assert active(broker) == [promotion]


def test_the_office_corrects_and_withdraws(broker: Broker) -> None:
    promotion = broker.promotion()
    path = f"/office/promotions/{promotion}"
    corrected = offer(NOW - DAY, 3 * DAY, title="BMW X1", monthly_payments=[{"months": 48, "amount": 45_000.5}])
    answer = broker.office.put(path, json=corrected)
    assert (answer.status, answer.json["status"]) == (200, "active")
    (shown,) = broker.get("promotions/active")["promotions"]
    assert (shown["title"], shown["monthlyPayments"]) == ("BMW X1", [{"months": 48, "amount": 45000.5}])
    assert "termsAndConditions" not in shown
    ended = broker.office.post(f"{path}/end")
    assert (ended.status, ended.json["status"], ended.json["ended_at"]) == (200, "ended", "2025-10-14T18:30:00Z")
    assert active(broker) == []
    assert broker.office.put(path, json={**corrected, "title": "Again"}).status == 409
    listed = broker.office.get("/office/promotions").json["items"]
    assert [(item["id"], item["status"]) for item in listed] == [(promotion, "ended")]


def test_another_organisations_promotions_are_not_shown(broker: Broker) -> None:
    theirs = broker.world.organization("other")
    manager = broker.world.signed_in(broker.world.user("manager", organization=theirs))
    assert manager.post("/office/promotions", json=offer(NOW, DAY)).status == 201
    assert broker.get("promotions/active")["metadata"]["totalActive"] == 0


def started(broker: Broker, promotion: str) -> int:
    """How often it was noted that the promotion's time has come."""
    return sum(
        isinstance(recorded.event, PromotionStarted) and recorded.event.promotion == promotion
        for recorded in broker.world.events()
    )


def test_the_clock_notes_once_that_a_promotions_time_has_come(broker: Broker) -> None:
    promotion = broker.promotion(DAY, DAY)
    broker.world.strike()
    assert started(broker, promotion) == 0
    broker.time_is(NOW + DAY)
    broker.world.strike()
    broker.world.strike()
    assert started(broker, promotion) == 1


@pytest.mark.parametrize("what", ["over before the clock looked", "withdrawn before it began"])
def test_what_is_over_does_not_start(broker: Broker, what: str) -> None:
    promotion = broker.promotion(DAY, DAY)
    if what.startswith("withdrawn"):
        broker.office.post(f"/office/promotions/{promotion}/end")
        broker.time_is(NOW + DAY)
    else:
        broker.time_is(NOW + 2 * DAY)
    broker.world.strike()
    assert started(broker, promotion) == 0


def test_a_promotion_that_was_put_off_starts_again(broker: Broker) -> None:
    promotion = broker.promotion()
    broker.world.strike()
    broker.office.put(f"/office/promotions/{promotion}", json=offer(NOW + DAY, DAY))
    broker.world.strike()
    assert started(broker, promotion) == 1
    broker.time_is(NOW + DAY)
    broker.world.strike()
    assert started(broker, promotion) == 2


def test_a_promotion_that_was_over_and_is_given_more_time_starts_again(broker: Broker) -> None:
    promotion = broker.promotion(timedelta(), DAY)
    path = f"/office/promotions/{promotion}"
    broker.world.strike()
    broker.time_is(NOW + 2 * DAY)
    assert broker.office.put(path, json=offer(NOW, DAY, title="BMW X1")).json["status"] == "over"
    broker.world.strike()
    assert started(broker, promotion) == 1
    assert broker.office.put(path, json=offer(NOW, 5 * DAY)).json["status"] == "active"
    broker.world.strike()
    broker.world.strike()
    assert started(broker, promotion) == 2
    assert active(broker) == [promotion]
    assert broker.office.put(path, json=offer(NOW, 6 * DAY)).json["status"] == "active"
    broker.world.strike()
    assert started(broker, promotion) == 2, "it ran all the time"
