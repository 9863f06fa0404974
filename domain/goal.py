"""A partner's goal: how much commission to earn in one month, and what has been earned towards it.

There is one goal for each partner and month. Commissions count towards it as they are earned, also before the partner
has chosen an amount. A goal is achieved once: lowering the amount can achieve it, nothing takes that back.
Limits and rules are those of the Pazz document; inclusive limits and closed months are settled in the Pazz contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid
from domain.values import Month

MINIMUM = 1_000_00
MAXIMUM = 1_000_000_00
YEARS_AHEAD = 5


class GoalSet(Event):
    """A partner chose what to earn in a month, for the first time."""

    goal: str
    partner: str
    month: str
    amount: int
    at: datetime


class GoalRevised(Event):
    """A partner chose another amount for a month."""

    goal: str
    partner: str
    month: str
    amount: int
    at: datetime


class CommissionCounted(Event):
    """An earned commission was added to the month's earnings."""

    commission: str
    partner: str
    month: str
    amount: int
    at: datetime


class CommissionUncounted(Event):
    """A commission was cancelled and `amount` taken off the month's earnings; 0 when it had not been counted yet."""

    commission: str
    partner: str
    month: str
    amount: int
    at: datetime


class GoalAchieved(Event):
    """The month's earnings reached the amount, for the first time."""

    goal: str
    partner: str
    month: str
    amount: int
    earned: int
    at: datetime


class SetGoal(Command):
    """Choose the amount for a month. `goal` becomes the id of a goal that is not there yet; with `create_only`, a goal
    that is there already is refused, unless it carries that very id."""

    goal: str
    partner: str
    month: Month
    amount: int
    current_month: Month
    now: datetime
    create_only: bool = False


class CountCommission(Command):
    """Add an earned commission to its month."""

    commission: str
    partner: str
    month: Month
    amount: int
    now: datetime


class UncountCommission(Command):
    """Take a cancelled commission off its month. Cancelled before it was counted, it will never be counted."""

    commission: str
    partner: str
    month: Month
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    goal: str | None = None
    amount: int = 0
    counted: Mapping[str, int] = {}
    uncounted: frozenset[str] = frozenset()
    achieved: bool = False

    @property
    def earned(self) -> int:
        return sum(self.counted.values())


def evolve(
    state: State, event: GoalSet | GoalRevised | CommissionCounted | CommissionUncounted | GoalAchieved
) -> State:
    match event:
        case GoalSet():
            return replace(state, goal=event.goal, amount=event.amount)
        case GoalRevised():
            return replace(state, amount=event.amount)
        case CommissionCounted():
            return replace(state, counted={**state.counted, event.commission: event.amount})
        case CommissionUncounted():
            counted = {known: amount for known, amount in state.counted.items() if known != event.commission}
            return replace(state, counted=counted, uncounted=state.uncounted | {event.commission})
        case GoalAchieved():
            return replace(state, achieved=True)
        case _:
            assert_never(event)


def decide(state: State, command: SetGoal | CountCommission | UncountCommission) -> list[Event]:
    """Refuses with AMOUNT_OUT_OF_RANGE, MONTH_CLOSED, MONTH_TOO_FAR (Invalid) and GOAL_ALREADY_EXISTS (Conflict)."""
    match command:
        case SetGoal():
            return set_goal(state, command)
        case CountCommission():
            values.money(command.amount, "amount", minimum=1)
            if command.commission in state.counted or command.commission in state.uncounted:
                return []
            counted = CommissionCounted(
                commission=command.commission,
                partner=command.partner,
                month=str(command.month),
                amount=command.amount,
                at=command.now,
            )
            return achieving(state, counted, command)
        case UncountCommission():
            if command.commission in state.uncounted:
                return []
            return [
                CommissionUncounted(
                    commission=command.commission,
                    partner=command.partner,
                    month=str(command.month),
                    amount=state.counted.get(command.commission, 0),
                    at=command.now,
                )
            ]
        case _:
            assert_never(command)


def set_goal(state: State, command: SetGoal) -> list[Event]:
    values.money(command.amount, "amount", MINIMUM, MAXIMUM)
    if command.month < command.current_month:
        field = "year" if command.month.year < command.current_month.year else "month"
        raise Invalid("MONTH_CLOSED", field=field, month=str(command.month), current=str(command.current_month))
    last_year = command.current_month.year + YEARS_AHEAD
    if command.month.year > last_year:
        raise Invalid("MONTH_TOO_FAR", field="year", year=command.month.year, last_year=last_year)
    if state.goal is None:
        return achieving(state, _goal_event(GoalSet, command.goal, command), command)
    if command.create_only and command.goal != state.goal:
        raise Conflict("GOAL_ALREADY_EXISTS", goal=state.goal, month=str(command.month))
    if command.amount == state.amount:
        return []
    return achieving(state, _goal_event(GoalRevised, state.goal, command), command)


def _goal_event(kind: type[GoalSet] | type[GoalRevised], goal: str, command: SetGoal) -> GoalSet | GoalRevised:
    return kind(goal=goal, partner=command.partner, month=str(command.month), amount=command.amount, at=command.now)


def achieving(
    state: State, event: GoalSet | GoalRevised | CommissionCounted, command: SetGoal | CountCommission
) -> list[Event]:
    """The event, and the achievement that it brings about."""
    after = evolve(state, event)
    if after.goal is None or after.achieved or after.earned < after.amount:
        return [event]
    achieved = GoalAchieved(
        goal=after.goal,
        partner=command.partner,
        month=str(command.month),
        amount=after.amount,
        earned=after.earned,
        at=command.now,
    )
    return [event, achieved]


def stream(organization: str, partner: str, month: Month) -> str:
    return values.stream_name("goal", organization, partner, month)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
