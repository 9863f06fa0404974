"""When a commission is earned, it counts towards the partner's goal of its month; cancelled, it no longer does."""

from __future__ import annotations

from collections.abc import Iterable

from domain import goal
from domain.commission import CommissionCancelled, CommissionEarned
from domain.values import Month
from eventstore.mapper import Recorded
from settings import Settings
from workers.reaction import Run

EVENTS = (CommissionEarned, CommissionCancelled)


def react(recorded: Recorded, settings: Settings) -> Iterable[Run]:
    organization = recorded.meta.organization
    match recorded.event:
        case CommissionEarned() as event:
            month = Month.parse(event.month)
            counted = goal.CountCommission(
                commission=event.commission,
                partner=event.partner,
                month=month,
                amount=event.amount,
                now=event.at,
            )
            yield Run(goal.DECIDER, goal.stream(organization, event.partner, month), counted)
        case CommissionCancelled(month=str() as text) as event:
            month = Month.parse(text)
            uncounted = goal.UncountCommission(
                commission=event.commission, partner=event.partner, month=month, now=event.at
            )
            yield Run(goal.DECIDER, goal.stream(organization, event.partner, month), uncounted)
        case _:
            pass
