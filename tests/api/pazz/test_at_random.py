"""Two partners, their deals, commissions and goals at random, against a book that somebody keeps by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from api.pazz.contract import MONTHS
from tests.api.pazz.conftest import NOW
from tests.support.business import made
from tests.support.http import Client, User, World

MEXICO = ZoneInfo("America/Mexico_City")
LEVELS = [("starter", 0, 2.0), ("master", 4_500_000, 2.5), ("legend", 8_000_000, 3.0)]
Month = tuple[int, int]


@dataclass
class Entry:
    """A commission in the book."""

    id: str
    partner: str
    deal: str
    amount: float
    sale: float
    promised: datetime
    status: str = "pending"
    month: Month | None = None


@dataclass
class Partner:
    """A partner in the book."""

    user: User
    client: Client
    goals: dict[Month, float] = field(default_factory=dict)
    level: int = 0


class Dashboard(RuleBasedStateMachine):
    """What two partners are shown, whatever happens."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world.forget_limits()
        self.now = NOW
        self.world.time_is(self.now)
        organization = self.world.organization()
        self.office = self.world.signed_in(self.world.user("manager", organization=organization))
        self.partners = [
            Partner(user, self.world.signed_in(user))
            for user in (self.world.user("partner", organization=organization) for _ in range(2))
        ]
        self.deals: list[tuple[str, Partner, float]] = []
        self.book: list[Entry] = []
        for who in range(2):
            self.open(who, 1_245_000.5)

    @property
    def month(self) -> Month:
        local = self.now.astimezone(MEXICO)
        return local.year, local.month

    # --- what happens

    @rule(days=st.sampled_from([1, 9, 17, 31]))
    def time_passes(self, days: int) -> None:
        self.now += timedelta(days=days)
        self.world.time_is(self.now)

    @rule(who=st.integers(0, 1), value=st.sampled_from([400_000, 1_245_000.5, 3_000_000]))
    def a_deal_is_opened(self, who: int, value: float) -> None:
        self.open(who, value)

    def open(self, who: int, value: float) -> None:
        partner = self.partners[who]
        customer = made(self.office, "/office/customers", {"name": "Pedro", "assigned_to": partner.user.id})
        body = {"customer": customer, "partner": partner.user.id, "title": "BMW", "value": value}
        self.deals.append((made(self.office, "/office/deals", body), partner, value))

    @rule(
        data=st.data(),
        amount=st.sampled_from([1_000, 12_800.25, 26_000]),
        earned=st.booleans(),
        then=st.lists(st.sampled_from(["earn", "pay", "cancel"]), max_size=2),
    )
    def a_commission_is_promised(self, data: st.DataObject, amount: float, earned: bool, then: list[str]) -> None:
        deal, partner, value = data.draw(st.sampled_from(self.deals))
        body = {"deal": deal, "rate": 2, "amount": amount, "earned": earned}
        entry = Entry(
            made(self.office, "/office/commissions", body), partner.user.id, deal, amount, value, promised=self.now
        )
        self.book.append(entry)
        if earned:
            self.is_earned(entry)
        for what in then:
            self.everything_is_shown_as_the_book_says()
            self.goes_on(entry, what)

    @precondition(lambda self: self.book)
    @rule(data=st.data(), what=st.sampled_from(["earn", "pay", "cancel"]))
    def a_commission_goes_on(self, data: st.DataObject, what: str) -> None:
        self.goes_on(data.draw(st.sampled_from(self.book)), what)

    def goes_on(self, entry: Entry, what: str) -> None:
        month = self.month if entry.month is None else entry.month
        allowed = {
            "earn": entry.status == "pending" or (entry.status in ("earned", "paid") and month == self.month),
            "pay": entry.status in ("earned", "paid"),
            "cancel": entry.status != "paid",
        }[what]
        answer = self.office.post(f"/office/commissions/{entry.id}/{what}")
        assert answer.status == (200 if allowed else 409), (entry, what, answer)
        if allowed and what == "earn" and entry.status == "pending":
            self.is_earned(entry)
        elif allowed and what != "earn":
            entry.status = {"pay": "paid", "cancel": "cancelled"}[what]

    def is_earned(self, entry: Entry) -> None:
        entry.status, entry.month = "earned", self.month
        partner = next(partner for partner in self.partners if partner.user.id == entry.partner)
        reached = [number for number, (_, sales, _) in enumerate(LEVELS) if sales <= self.sold(partner)]
        partner.level = max(partner.level, *reached)

    @rule(
        who=st.integers(0, 1),
        amount=st.sampled_from([999.99, 1_000, 25_000, 30_000.5, 1_000_000, 1_000_000.01]),
        ahead=st.integers(-1, 2),
        only_new=st.booleans(),
    )
    def a_goal_is_set(self, who: int, amount: float, ahead: int, only_new: bool) -> None:
        partner = self.partners[who]
        year, number = self.month
        month = year + (number - 1 + ahead) // 12, (number - 1 + ahead) % 12 + 1
        body = {"amount": amount, "month": MONTHS[month[1] - 1].lower(), "year": month[0]}
        headers = {"if-none-match": "*"} if only_new else {}
        answer = partner.client.post("/pazz/api/v1/goals", json=body, headers=headers)
        if ahead < 0 or not 1_000 <= amount <= 1_000_000:
            assert answer.status == 400, answer
        elif only_new and month in partner.goals:
            assert answer.status == 409, answer
        else:
            assert answer.status == (200 if month in partner.goals else 201), answer
            partner.goals[month] = amount
            assert answer.json["data"]["amount"] == amount

    # --- what is shown

    def sold(self, partner: Partner) -> float:
        """What the deals are worth on which something was earned: each once, whatever was paid for it in parts."""
        standing = [entry for entry in self.of(partner) if entry.status in ("earned", "paid")]
        return sum({entry.deal: entry.sale for entry in standing}.values())

    def of(self, partner: Partner) -> list[Entry]:
        return [entry for entry in self.book if entry.partner == partner.user.id]

    def earned(self, partner: Partner, month: Month) -> list[Entry]:
        return [entry for entry in self.of(partner) if entry.status in ("earned", "paid") and entry.month == month]

    @invariant()
    def everything_is_shown_as_the_book_says(self) -> None:
        self.world.forget_limits()
        self.world.react()
        assert self.world.refused_jobs() == []
        for partner in self.partners:
            self.goal_of(partner)
            self.history_of(partner)
            self.summary_of(partner)
            self.profile_of(partner)

    def shown(self, partner: Partner, path: str) -> Any:
        answer = partner.client.get(f"/pazz/api/v1/{path}")
        assert answer.status == 200, answer
        return answer.json["data"]

    def goal_of(self, partner: Partner) -> None:
        goal = self.shown(partner, "goals/current")
        chosen = [partner.goals[month] for month in sorted(partner.goals) if month <= self.month]
        amount = chosen[-1] if chosen else 25_000  # C7
        earned = sum(entry.amount for entry in self.earned(partner, self.month))
        assert (goal["year"], goal["month"]) == (self.month[0], MONTHS[self.month[1] - 1])
        assert (goal["amount"], goal["currentAmount"], goal["earnedCommissions"]) == (amount, earned, earned)
        assert goal["achieved"] is (earned >= amount)
        assert goal["remaining"] == pytest.approx(max(0, amount - earned))
        assert goal["exceededBy"] == pytest.approx(max(0, earned - amount))
        assert ("createdAt" in goal) is (self.month in partner.goals)

    def history_of(self, partner: Partner) -> None:
        history = self.shown(partner, "goals/history?limit=24")
        past = sorted((month for month in partner.goals if month < self.month), reverse=True)
        expected = [
            (year, MONTHS[number - 1], partner.goals[year, number],
             sum(entry.amount for entry in self.earned(partner, (year, number))))
            for year, number in past
        ]  # fmt: skip
        found = [(goal["year"], goal["month"], goal["amount"], goal["currentAmount"]) for goal in history["goals"]]
        assert found == expected
        assert history["pagination"]["total"] == len(past)

    def summary_of(self, partner: Partner) -> None:
        summary = self.shown(partner, "commissions/summary")
        earned = self.earned(partner, self.month)
        pending = [entry for entry in self.of(partner) if entry.status == "pending"]
        for name, entries in (("earned", earned), ("pending", pending)):
            assert summary[name] == {
                "amount": sum(entry.amount for entry in entries),
                "currency": "MXN",
                "deals": len({entry.deal for entry in entries}),
            }
        listed = sorted((row["dealId"], row["commissionAmount"], row["status"]) for row in summary["breakdown"])
        status = {"paid": "paid"}
        assert listed == sorted(
            (entry.deal, entry.amount, status.get(entry.status, "pending")) for entry in earned + pending
        )

    def profile_of(self, partner: Partner) -> None:
        profile = self.shown(partner, "user/profile")
        name, _, rate = LEVELS[partner.level]
        assert (profile["currentLevel"], profile["commissionRate"]) == (name, rate)
        assert profile["accumulatedSales"] == self.sold(partner)


@pytest.mark.timeout(300)
def test_whatever_happens_the_dashboard_shows_what_a_careful_person_would_have_noted(world: World) -> None:
    machine = type("Dashboard", (Dashboard,), {"world": world})
    checks = settings(
        max_examples=30, stateful_step_count=15, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    run_state_machine_as_test(machine, settings=checks)
