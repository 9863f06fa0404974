"""What the partner dashboard is read from: after these events, these answers. One small story for each view."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain import commission, customer, deal, goal, level, promotion
from domain.commission import CommissionCancelled, CommissionEarned, CommissionPaid, CommissionPromised
from domain.customer import CustomerAdded, CustomerAssigned, CustomerChanged, CustomerErased
from domain.deal import (
    DealActivityRecorded,
    DealDocumentAdded,
    DealLost,
    DealNeededAttention,
    DealOpened,
    DealProgressed,
    DealStageChanged,
    DealValueChanged,
)
from domain.goal import CommissionCounted, CommissionUncounted, GoalAchieved, GoalRevised, GoalSet
from domain.level import LevelUpgraded, SaleAccumulated, SaleWithdrawn
from domain.promotion import PromotionAnnounced, PromotionChanged, PromotionEnded, PromotionStarted
from domain.values import Month
from projections import attention, commissions, customers, deals, goals, levels, promotions, timelines
from projections.promotions import Audience
from tests.support.store import NOW, Showing, in_event_loop, showing

ORG, ANA, BEA = "acme", "usr_ana", "usr_bea"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


# --- goals and levels

GOAL = goal.stream(ORG, ANA, Month(2025, 10))
OCTOBER: dict[str, Any] = {"partner": ANA, "month": "2025-10", "at": NOW}


@in_event_loop
async def test_a_goal_has_its_last_amount_and_what_was_counted(database_url: str) -> None:
    async with showing(database_url, goals) as view:

        async def now() -> tuple[str | None, int, int, bool] | None:
            row = await goals.of_month(view.connection, ORG, ANA, "2025-10")
            return row and (row.goal, row.amount, row.earned, row.achieved_at is not None)

        assert await now() is None
        await view.after(GOAL, CommissionCounted(commission="com_1", amount=700, **OCTOBER))
        assert await now() == (None, 0, 700, False)
        assert await goals.last_amount(view.connection, ORG, ANA, "2025-12") is None
        await view.after(GOAL, GoalSet(goal="goal_1", amount=1_000, **OCTOBER))
        assert await now() == ("goal_1", 1_000, 700, False)
        await view.after(GOAL, GoalRevised(goal="goal_1", amount=900, **OCTOBER))
        await view.after(GOAL, CommissionCounted(commission="com_2", amount=300, **OCTOBER))
        await view.after(GOAL, GoalAchieved(goal="goal_1", amount=900, earned=1_000, **OCTOBER))
        assert await now() == ("goal_1", 900, 1_000, True)
        await view.after(GOAL, CommissionUncounted(commission="com_1", amount=700, **OCTOBER))
        assert await now() == ("goal_1", 900, 300, True)
        assert await goals.last_amount(view.connection, ORG, ANA, "2025-12") == 900
        assert await goals.last_amount(view.connection, ORG, ANA, "2025-09") is None
        assert await goals.of_month(view.connection, ORG, BEA, "2025-10") is None
        assert await goals.of_month(view.connection, "other", ANA, "2025-10") is None


@in_event_loop
async def test_past_goals_are_those_that_were_chosen_before_this_month(database_url: str) -> None:
    async with showing(database_url, goals) as view:
        for number in (8, 9, 10):
            chosen = GoalSet(goal=f"goal_{number}", partner=ANA, month=f"2025-{number:02}", amount=number, at=NOW)
            await view.after(goal.stream(ORG, ANA, Month(2025, number)), chosen)
        counted = CommissionCounted(commission="com_1", partner=ANA, month="2025-07", amount=700, at=NOW)
        await view.after(goal.stream(ORG, ANA, Month(2025, 7)), counted)
        for limit, offset, expected in [(9, 0, ["goal_9", "goal_8"]), (1, 0, ["goal_9"]), (1, 1, ["goal_8"])]:
            rows, total = await goals.past(view.connection, ORG, ANA, "2025-10", limit, offset)
            assert ([row.goal for row in rows], total) == (expected, 2)


@in_event_loop
async def test_a_level_stays_when_a_sale_is_withdrawn(database_url: str) -> None:
    async with showing(database_url, levels) as view:

        async def now() -> tuple[str, int]:
            row = await levels.of_partner(view.connection, ORG, ANA)
            return row.level, row.accumulated

        stream = level.stream(ORG, ANA)
        assert await now() == ("starter", 0)
        await view.after(stream, SaleAccumulated(commission="com_1", partner=ANA, sale=4_000, at=NOW))
        await view.after(stream, SaleAccumulated(commission="com_2", partner=ANA, sale=500, at=NOW))
        assert await now() == ("starter", 4_500)
        await view.after(stream, LevelUpgraded(partner=ANA, level="master", previous="starter", at=NOW))
        await view.after(stream, SaleWithdrawn(commission="com_1", partner=ANA, sale=4_000, at=NOW))
        assert await now() == ("master", 500)
        assert await levels.of_partners(view.connection, ORG, [ANA, BEA]) == {ANA: "master"}


# --- promotions


def offer(name: str, begins: datetime, ends: datetime, **more: Any) -> dict[str, Any]:
    return {
        "promotion": name, "title": name, "subtitle": "", "image_url": "https://cdn.pazz.com/a.jpg",
        "bonus_amount": 1, "original_price": 3, "final_price": 2, "monthly_payments": (), "priority": 100,
        "valid_from": begins, "valid_to": ends, "at": NOW, **more,
    }  # fmt: skip


async def announce(view: Showing, name: str, begins: datetime, ends: datetime, **more: Any) -> None:
    await view.after(promotion.stream(ORG, name), PromotionAnnounced(**offer(name, begins, ends, **more)))


@in_event_loop
async def test_a_promotion_is_active_within_its_window_until_it_is_ended(database_url: str) -> None:
    async with showing(database_url, promotions) as view:
        anybody = Audience(organization=ORG, region=None, level="starter")

        async def active(now: datetime, whose: Audience = anybody) -> list[str]:
            return [row.id for row in await promotions.active(view.connection, whose, now)]

        async def coming(now: datetime) -> str | None:
            row = await promotions.coming(view.connection, anybody, now)
            return row and row.id

        await announce(view, "early", NOW + 23 * HOUR, NOW + 3 * DAY)
        await announce(view, "second", NOW + DAY, NOW + 2 * DAY, priority=2)
        await announce(view, "first", NOW + DAY, NOW + 2 * DAY, priority=1)
        await announce(view, "norte", NOW, NOW + 9 * DAY, regions=("norte",))
        await announce(view, "legend", NOW, NOW + 9 * DAY, levels=("legend",))
        assert (await active(NOW), await coming(NOW)) == ([], "early")
        assert (await active(NOW + 23 * HOUR), await coming(NOW + 23 * HOUR)) == (["early"], "first")
        assert await active(NOW + DAY) == ["first", "second", "early"]
        assert await active(NOW + 2 * DAY) == ["early"], "the last moment is outside"
        assert await active(NOW, Audience(organization=ORG, region="norte", level="starter")) == ["norte"]
        assert await active(NOW, Audience(organization=ORG, region="sur", level="legend")) == ["legend"]
        assert await active(NOW, Audience(organization="other", region="norte", level="legend")) == []
        await view.after(promotion.stream(ORG, "early"), PromotionEnded(promotion="early", at=NOW))
        assert await active(NOW + 2 * DAY) == []


@in_event_loop
async def test_a_promotion_starts_once_and_again_when_it_is_put_off(database_url: str) -> None:
    async with showing(database_url, promotions) as view:
        window: dict[str, datetime] = {"valid_from": NOW, "valid_to": NOW + DAY}
        stream, started = promotion.stream(ORG, "p"), PromotionStarted(promotion="p", at=NOW, **window)
        await announce(view, "p", NOW, NOW + DAY)
        assert await promotions.due(view.connection, NOW - HOUR, 9) == []
        assert await promotions.due(view.connection, NOW, 9) == [(ORG, "p")]
        assert await promotions.due(view.connection, NOW + DAY, 9) == [], "over before anybody looked"
        await view.after(stream, started)
        assert await promotions.due(view.connection, NOW, 9) == []
        await view.after(stream, PromotionChanged(**offer("p", NOW - HOUR, NOW + DAY)))
        assert await promotions.due(view.connection, NOW, 9) == [], "corrected while it runs"
        await view.after(stream, PromotionChanged(**offer("p", NOW + HOUR, NOW + DAY)))
        assert await promotions.due(view.connection, NOW + HOUR, 9) == [(ORG, "p")]


@in_event_loop
async def test_a_promotion_starts_again_when_it_is_given_more_time_after_it_was_over(database_url: str) -> None:
    async with showing(database_url, promotions) as view:
        stream = promotion.stream(ORG, "p")
        await announce(view, "p", NOW, NOW + DAY)
        await view.after(stream, PromotionStarted(promotion="p", valid_from=NOW, valid_to=NOW + DAY, at=NOW))
        await view.after(stream, PromotionChanged(**offer("p", NOW, NOW + 3 * DAY, at=NOW + HOUR)))
        assert await promotions.due(view.connection, NOW + 2 * DAY, 9) == [], "it never ended"
        await view.after(stream, PromotionChanged(**offer("p", NOW, NOW + 9 * DAY, at=NOW + 3 * DAY)))
        assert await promotions.due(view.connection, NOW + 3 * DAY, 9) == [(ORG, "p")]


# --- customers, their files, and when somebody has to look after them


def added(name: str = "client_1", partner: str | None = ANA) -> CustomerAdded:
    return CustomerAdded(customer=name, name="Luz", email="luz@acme.example", phone="+525", assigned_to=partner, at=NOW)


@in_event_loop
async def test_a_customer_is_what_was_changed_last_and_nothing_once_erased(database_url: str) -> None:
    async with showing(database_url, customers) as view:

        async def now() -> tuple[str, str | None, str | None, str | None, bool]:
            row = await customers.by_id(view.connection, ORG, "client_1")
            assert row is not None
            return row.name, row.email, row.phone, row.assigned_to, row.erased

        stream = customer.stream(ORG, "client_1")
        await view.after(stream, added())
        assert await now() == ("Luz", "luz@acme.example", "+525", ANA, False)
        await view.after(stream, CustomerChanged(customer="client_1", phone=None, at=NOW))
        await view.after(stream, CustomerChanged(customer="client_1", name="Luz Prieto", at=NOW))
        await view.after(stream, CustomerAssigned(customer="client_1", assigned_to=BEA, previous=ANA, at=NOW))
        assert await now() == ("Luz Prieto", "luz@acme.example", None, BEA, False)
        await view.after(stream, CustomerChanged(customer="client_1", phone="+521", at=NOW))
        await view.after(stream, CustomerErased(customer="client_1", at=NOW))
        assert await now() == ("", None, None, BEA, True)
        assert await customers.by_id(view.connection, "other", "client_1") is None


FILE: dict[str, Any] = {"deal": "deal_1", "customer": "client_1", "partner": ANA}
STREAM = deal.stream(ORG, "deal_1")


def opened(at: datetime = NOW, *, stage: str = "prequalification", value: int = 400_000_00, **more: Any) -> DealOpened:
    return DealOpened(**{**FILE, "pipeline": "vehicle_financing", "title": "", **more}, stage=stage, value=value, at=at)


def moved(stage: str, previous: str, at: datetime) -> DealStageChanged:
    return DealStageChanged(pipeline="vehicle_financing", stage=stage, previous=previous, at=at, **FILE)


@in_event_loop
async def test_a_deal_is_where_it_was_moved_and_remembers_when_it_was_touched(database_url: str) -> None:
    async with showing(database_url, deals) as view:

        async def now() -> tuple[str, int, int, str | None, timedelta]:
            row = await deals.by_id(view.connection, ORG, "deal_1")
            assert row is not None
            return row.stage, row.percentage, row.value, row.outcome, row.touched_at - NOW

        await view.after(STREAM, opened(value=500))
        assert await now() == ("prequalification", 0, 500, None, timedelta())
        await view.after(STREAM, DealProgressed(percentage=45, at=NOW + HOUR, **FILE))
        assert await now() == ("prequalification", 45, 500, None, HOUR)
        await view.after(STREAM, moved("documentation", "prequalification", NOW + 2 * HOUR))
        await view.after(STREAM, DealDocumentAdded(document="doc_1", name="INE", at=NOW + 3 * HOUR, **FILE))
        assert await now() == ("documentation", 45, 500, None, 3 * HOUR)
        await view.after(STREAM, DealValueChanged(value=700, previous=500, at=NOW + 4 * HOUR, **FILE))
        await view.after(STREAM, DealLost(pipeline="vehicle_financing", value=700, at=NOW + DAY, **FILE))
        assert await now() == ("documentation", 45, 700, "lost", DAY)


@in_event_loop
async def test_a_timeline_tells_what_happened_in_order_and_not_every_visit(database_url: str) -> None:
    async with showing(database_url, timelines) as view:
        await view.after(STREAM, opened())
        await view.after(STREAM, DealDocumentAdded(document="doc_1", name="INE", at=NOW + HOUR, **FILE))
        await view.after(STREAM, DealActivityRecorded(activity="a", kind="access", at=NOW + 2 * HOUR, **FILE))
        await view.after(STREAM, DealActivityRecorded(activity="b", kind="call", at=NOW + 3 * HOUR, **FILE))
        await view.after(STREAM, moved("documentation", "prequalification", NOW + 4 * HOUR))
        found = [
            ("stage", "prequalification", timedelta()),
            ("document", "INE", HOUR),
            ("activity", "call", 3 * HOUR),
            ("stage", "documentation", 4 * HOUR),
        ]
        for limit, expected in ((9, found), (2, found[2:])):
            entries = await timelines.newest(view.connection, ORG, "deal_1", limit)
            assert [(entry.what, entry.detail, entry.at - NOW) for entry in entries] == expected
        await view.after(deal.stream(ORG, "deal_2"), opened(deal="deal_2", pipeline="leasing", stage="lead"))
        assert await timelines.newest(view.connection, ORG, "deal_2", 9) == []


async def waiting(view: Showing, now: datetime, partner: str = ANA) -> list[tuple[str, int]]:
    """Who waits for this partner, and with which priority; the counters agree."""
    rows = await attention.waiting(view.connection, ORG, partner, now, None, 50)
    counted = await attention.count(view.connection, ORG, partner, now)
    assert sum(counted.values()) == len(rows)
    return [(row.customer, row.rank) for row in rows]


@in_event_loop
async def test_a_file_waits_once_its_limit_is_past_until_something_is_done(database_url: str) -> None:
    async with showing(database_url, attention) as view:
        await view.after(customer.stream(ORG, "client_1"), added())
        await view.after(STREAM, opened())
        assert await waiting(view, NOW + 48 * HOUR) == []
        assert await waiting(view, NOW + 48.01 * HOUR) == [("client_1", 3)]
        assert await waiting(view, NOW + 72 * HOUR) == [("client_1", 2)]
        assert await waiting(view, NOW + 168.01 * HOUR) == [("client_1", 1)]
        await view.after(STREAM, DealProgressed(percentage=45, at=NOW + 50 * HOUR, **FILE))
        await view.after(STREAM, moved("documentation", "prequalification", NOW + 60 * HOUR))
        assert await waiting(view, NOW + 72 * HOUR) == []
        assert await waiting(view, NOW + 72.01 * HOUR) == [("client_1", 3)]
        await view.after(STREAM, moved("approval", "documentation", NOW + 80 * HOUR))
        await view.after(STREAM, DealActivityRecorded(activity="a", kind="access", at=NOW + 90 * HOUR, **FILE))
        assert await waiting(view, NOW + 258 * HOUR) == []
        assert await waiting(view, NOW + 258.01 * HOUR) == [("client_1", 1)]
        await view.after(STREAM, moved("delivered", "approval", NOW + 300 * HOUR))
        assert await waiting(view, NOW + 999 * HOUR) == []


@in_event_loop
async def test_those_who_wait_come_by_priority_then_by_when_they_were_seen(database_url: str) -> None:
    async with showing(database_url, attention) as view:
        seen = {"old": 200.0, "older": 300.0, "dear": 1.0, "cheap": 1.0, "days": 80.0, "hours": 10.0}
        for name, hours in seen.items():
            stream, value = deal.stream(ORG, f"deal_{name}"), 500_000_01 if name == "dear" else 500_000_00
            file = {"deal": f"deal_{name}", "customer": name}
            await view.after(stream, opened(NOW - 400 * HOUR, value=value, **file))
            visit = {**FILE, **file, "activity": name, "kind": "access", "at": NOW - hours * HOUR}
            await view.after(stream, DealActivityRecorded(**visit))
        assert await waiting(view, NOW) == [
            ("older", 1), ("old", 1), ("dear", 1), ("days", 2), ("hours", 3), ("cheap", 3),
        ]  # fmt: skip
        rows = await attention.waiting(view.connection, ORG, ANA, NOW, "documentation", 50)
        assert rows == []
        rows = await attention.waiting(view.connection, ORG, ANA, NOW, "prequalification", 4)
        assert [row.customer for row in rows] == ["older", "old", "dear", "days"]


@in_event_loop
async def test_the_first_of_each_priority_is_who_was_not_seen_for_the_longest_time(database_url: str) -> None:
    async with showing(database_url, attention) as view:
        for partner, hours, value in (("idle", 200, 1), ("dear", 10, 500_000_01), ("soon", 80, 1), ("rest", 10, 1)):
            for name, more in (("b", 2), ("a", 1)):
                file = {"deal": f"deal_{partner}_{name}", "customer": f"{partner}_{name}", "partner": partner}
                stream = deal.stream(ORG, file["deal"])
                await view.after(stream, opened(NOW - 400 * HOUR, value=value, **file))
                visit = {"activity": stream, "kind": "access", "at": NOW - (hours + more) * HOUR}
                await view.after(stream, DealActivityRecorded(**file, **visit))
            rows = await attention.waiting(view.connection, ORG, partner, NOW, None, 1)
            assert [row.customer for row in rows] == [f"{partner}_b"]


@in_event_loop
async def test_a_file_is_noticed_once_for_each_limit_and_goes_with_its_customer(database_url: str) -> None:
    async with showing(database_url, attention) as view:
        past = NOW + 49 * HOUR
        await view.after(customer.stream(ORG, "client_1"), added())
        await view.after(STREAM, opened())
        assert await attention.due(view.connection, past, 9) == [(ORG, "deal_1")]
        noticed = DealNeededAttention(reason="prequalification_unfinished", since=NOW + 48 * HOUR, at=past, **FILE)
        await view.after(STREAM, noticed)
        assert await attention.due(view.connection, past, 9) == []
        await view.after(
            customer.stream(ORG, "client_1"),
            CustomerAssigned(customer="client_1", assigned_to=BEA, previous=ANA, at=NOW),
        )
        assert (await waiting(view, past), await waiting(view, past, BEA)) == ([], [("client_1", 3)])
        await view.after(STREAM, moved("documentation", "prequalification", past))
        assert await attention.due(view.connection, NOW + 73 * HOUR, 9) == [(ORG, "deal_1")]
        await view.after(customer.stream(ORG, "client_1"), CustomerErased(customer="client_1", at=past))
        assert await attention.due(view.connection, NOW + 73 * HOUR, 9) == []
        await view.after(deal.stream(ORG, "deal_3"), opened(deal="deal_3"))
        assert await waiting(view, NOW + 73 * HOUR) == [], "nobody is shown who was erased"


# --- commissions


@in_event_loop
async def test_a_commission_is_pending_then_of_the_month_in_which_it_was_earned(database_url: str) -> None:
    async with showing(database_url, commissions) as view:
        november = datetime(2025, 11, 1, tzinfo=UTC)

        async def of(month: str, limit: int = 9) -> tuple[list[tuple[str, str]], tuple[int, int, int, int]]:
            rows, sums = await commissions.of_month(view.connection, ORG, ANA, month, november, limit)
            amounts = (sums.earned, sums.earned_deals, sums.pending, sums.pending_deals)
            return [(row.id, row.status) for row in rows], amounts

        def terms(number: int, file: str, **more: Any) -> dict[str, Any]:
            return {
                "commission": f"com_{number}", "partner": ANA, "deal": file, "customer": "client_1",
                "amount": number * 100, "rate": 200, "sale": 1, "at": NOW + number * HOUR, **more,
            }  # fmt: skip

        def stream(number: int) -> str:
            return commission.stream(ORG, f"com_{number}")

        for number, file in ((1, "deal_1"), (2, "deal_1"), (3, "deal_2")):
            await view.after(stream(number), CommissionPromised(**terms(number, file)))
        await view.after(stream(4), CommissionPromised(**terms(4, "deal_2", at=november)))
        pending = [("com_3", "pending"), ("com_2", "pending"), ("com_1", "pending")]
        assert await of("2025-10") == (pending, (0, 0, 600, 2))
        await view.after(stream(1), CommissionEarned(**terms(1, "deal_1"), month="2025-10"))
        await view.after(stream(2), CommissionEarned(**terms(2, "deal_1"), month="2025-10"))
        rows = [("com_2", "earned"), ("com_1", "earned"), ("com_3", "pending")]
        assert await of("2025-10") == (rows, (300, 1, 300, 1))
        assert await of("2025-10", limit=1) == (rows[:1], (300, 1, 300, 1)), "the sums are of all"
        assert await of("2025-09") == (rows[2:], (0, 0, 300, 1))
        paid = {"commission": "com_2", "partner": ANA, "month": "2025-10", "amount": 200, "at": november}
        await view.after(stream(2), CommissionPaid(**paid))
        gone = {**paid, "commission": "com_1", "amount": 100, "sale": 1, "was_earned": True}
        await view.after(stream(1), CommissionCancelled(**gone))
        assert await of("2025-10") == ([("com_2", "paid"), ("com_3", "pending")], (200, 1, 300, 1))
        assert await commissions.of_month(view.connection, ORG, BEA, "2025-10", november, 9) == (
            [],
            commissions.Sums(earned=0, earned_deals=0, pending=0, pending_deals=0),
        )
