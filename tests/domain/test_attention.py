"""When a financing file needs attention, told by example."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import attention
from domain.deal import (
    DECIDER,
    AddDealDocument,
    ChangeDealValue,
    DealActivityRecorded,
    DealLost,
    DealNeededAttention,
    DealOpened,
    DealStageChanged,
    LoseDeal,
    MoveDeal,
    NoticeAttention,
    ReassignDeal,
    RecordDealActivity,
)
from domain.model import NotFound
from tests.support.spec import Given, given

T0 = datetime(2025, 10, 1, 12, tzinfo=UTC)
WHOSE: dict[str, Any] = {"deal": "deal_1", "customer": "client_1", "partner": "usr_1"}
MINUTE = timedelta(minutes=1)


def after(**passed: float) -> datetime:
    return T0 + timedelta(**passed)


def opened(stage: str = "prequalification", pipeline: str = "vehicle_financing") -> DealOpened:
    return DealOpened(pipeline=pipeline, stage=stage, title="BMW", value=1_245_000_00, at=T0, **WHOSE)


def file(stage: str = "prequalification") -> Given:
    return given(DECIDER, opened(stage))


def notice(now: datetime) -> NoticeAttention:
    return NoticeAttention(deal="deal_1", now=now)


def needed(reason: str, since: datetime, at: datetime) -> DealNeededAttention:
    return DealNeededAttention(reason=reason, since=since, at=at, **WHOSE)


@pytest.mark.parametrize(
    ("stage", "hours", "reason"),
    [
        ("prequalification", 48, "prequalification_unfinished"),
        ("documentation", 72, "documentation_unfinished"),
        ("approval", 168, "inactive"),
        ("financing", 168, "inactive"),
    ],
)
def test_a_limit_is_crossed_when_it_is_past(stage: str, hours: int, reason: str) -> None:
    limit = after(hours=hours)
    file(stage).when(notice(limit - MINUTE)).then_nothing()
    file(stage).when(notice(limit)).then_nothing()
    file(stage).when(notice(limit + MINUTE)).then(needed(reason, limit, limit + MINUTE))


def test_a_crossing_is_noted_once_however_long_it_lasts() -> None:
    noted = file().after(notice(after(hours=49)))
    noted.when(notice(after(hours=50))).then_nothing()
    noted.when(notice(after(days=400))).then_nothing()


def test_contact_with_the_customer_does_not_finish_the_step() -> None:
    called = RecordDealActivity(deal="deal_1", activity="act_1", kind="call", now=after(hours=47))
    file().after(called).when(notice(after(hours=49))).then(
        needed("prequalification_unfinished", after(hours=48), after(hours=49))
    )


def test_what_the_customer_does_puts_off_inactivity_and_the_next_one_is_noted_again() -> None:
    idle = file("approval").after(notice(after(days=8)))
    idle.when(notice(after(days=9))).then_nothing()
    active = idle.after(AddDealDocument(deal="deal_1", document="doc_1", name="INE", now=after(days=9)))
    active.when(notice(after(days=16))).then_nothing()
    active.when(notice(after(days=16, minutes=1))).then(needed("inactive", after(days=16), after(days=16, minutes=1)))


def test_moving_on_gives_the_next_step_its_own_limit_counted_from_the_beginning() -> None:
    noted = file().after(notice(after(hours=50)), MoveDeal(deal="deal_1", stage="documentation", now=after(hours=51)))
    noted.when(notice(after(hours=72))).then_nothing()
    noted.when(notice(after(hours=73))).then(needed("documentation_unfinished", after(hours=72), after(hours=73)))


def test_the_staff_handing_a_file_over_is_no_contact_with_the_customer() -> None:
    handed = file("approval").after(
        ReassignDeal(deal="deal_1", partner="usr_2", now=after(days=6)),
        ChangeDealValue(deal="deal_1", value=1, now=after(days=6)),
    )
    found = handed.when(notice(after(days=8))).events
    assert [(type(event), getattr(event, "partner", None)) for event in found] == [(DealNeededAttention, "usr_2")]


@pytest.mark.parametrize(
    "end", [MoveDeal(deal="deal_1", stage="delivered", now=T0), LoseDeal(deal="deal_1", now=T0)], ids=["won", "lost"]
)
def test_a_closed_file_needs_no_attention(end: Any) -> None:
    file().after(end).when(notice(after(days=400))).then_nothing()


def test_deals_of_other_pipelines_are_no_files() -> None:
    given(DECIDER, opened("prospect", "sales")).when(notice(after(days=400))).then_nothing()


def test_a_deal_that_is_not_there_is_refused() -> None:
    given(DECIDER).when(notice(T0)).refuses(NotFound, "DEAL_NOT_FOUND")


def test_a_prequalification_without_contact_for_seven_days_is_still_one_crossing() -> None:
    assert attention.due("prequalification", T0, T0) == (after(hours=48), "prequalification_unfinished")
    assert attention.due("approval", T0, after(days=2)) == (after(days=9), "inactive")


def test_a_file_that_went_back_a_stage_is_counted_from_its_beginning() -> None:
    back = given(
        DECIDER,
        opened("documentation"),
        DealStageChanged(
            pipeline="vehicle_financing", stage="prequalification", previous="documentation", at=after(days=5), **WHOSE
        ),
    )
    back.when(notice(after(days=5, minutes=1))).then(
        needed("prequalification_unfinished", after(hours=48), after(days=5, minutes=1))
    )


def test_events_that_came_before_attention_was_known_still_count() -> None:
    found = given(
        DECIDER,
        opened("approval"),
        DealActivityRecorded(activity="act_1", kind="access", at=after(days=3), **WHOSE),
        DealLost(pipeline="vehicle_financing", value=1, at=after(days=4), **WHOSE),
    )
    found.when(notice(after(days=400))).then_nothing()
