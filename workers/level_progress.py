"""When a commission is earned, its sale adds to what the partner has sold, and may raise their level; when it is
cancelled, the sale is taken off and the level stays."""

from __future__ import annotations

from collections.abc import Iterable

from domain import level
from domain.commission import CommissionCancelled, CommissionEarned
from eventstore.mapper import Recorded
from settings import Settings
from workers.reaction import Run

EVENTS = (CommissionEarned, CommissionCancelled)


def react(recorded: Recorded, settings: Settings) -> Iterable[Run]:
    organization = recorded.meta.organization
    match recorded.event:
        case CommissionEarned() as event:
            accumulated = level.AccumulateSale(
                commission=event.commission,
                deal=event.deal,
                partner=event.partner,
                sale=event.sale,
                ladder=ladder(settings),
                now=event.at,
            )
            yield Run(level.DECIDER, level.stream(organization, event.partner), accumulated)
        case CommissionCancelled(was_earned=True) as event:
            withdrawn = level.WithdrawSale(commission=event.commission, partner=event.partner, now=event.at)
            yield Run(level.DECIDER, level.stream(organization, event.partner), withdrawn)
        case _:
            pass


def ladder(settings: Settings) -> tuple[level.Rung, ...]:
    """The levels with the sales and rates of the settings."""
    sales = (0, *settings.level_sales)
    return tuple(
        level.Rung(level=name, sales=asked, rate=rate)
        for name, asked, rate in zip(level.LEVELS, sales, settings.level_rates, strict=True)
    )
