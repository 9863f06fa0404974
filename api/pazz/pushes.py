"""What the partner dashboard is told and whom it concerns: an event in, messages out, each saying what a GET would say.

- `goal:updated`, when this month's goal was set or a commission counts towards it: GET goals/current.
- `commission:earned`, when a commission was earned and its sale is in the partner's profile, which the document's
  client fetches as soon as it is told: the commission's line in GET commissions/summary, and `amount`.
- `level:upgraded`, when the partner rose to a higher level: GET user/profile.
- `promotion:new`, when the time of a promotion for this partner came: its entry in GET promotions/active.
- `client:attention`, when a client's file stood still for too long: the client in GET clients/attention-required, and
  `clientName`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from api.context import Caller
from api.hub import Push
from api.pazz import attention, commissions, goals, profile, promotions
from api.runtime import Runtime
from domain.deal import DealNeededAttention
from domain.goal import CommissionCounted, CommissionUncounted, GoalRevised, GoalSet
from domain.level import LevelUpgraded, SaleAccumulated
from domain.promotion import PromotionStarted
from domain.values import Month
from eventstore.connect import AsyncConnection
from eventstore.mapper import Recorded
from projections import attention as files
from projections import levels
from projections import promotions as offers

GOAL_EVENTS = (GoalSet, GoalRevised, CommissionCounted, CommissionUncounted)
OF_A_PARTNER = (*GOAL_EVENTS, SaleAccumulated, LevelUpgraded)
OF_AN_ORGANIZATION = (PromotionStarted, DealNeededAttention)
"""These events do not name those they concern; the views do."""


class ClientNotice(attention.Client, frozen=True, kw_only=True, rename="camel"):
    """A client who needs attention from now on; `clientName` is what the document's client reads."""

    client_name: str


Callers = Mapping[str, Caller]
"""Partners by subject."""


def concerns(recorded: Recorded, callers: Callers) -> bool:
    """Whether one of these partners might be told about it."""
    event, organization = recorded.event, recorded.meta.organization
    if isinstance(event, OF_AN_ORGANIZATION):
        return any(caller.organization == organization for caller in callers.values())
    return isinstance(event, OF_A_PARTNER) and f"{organization}/{event.partner}" in callers


async def of(runtime: Runtime, connection: AsyncConnection, recorded: Recorded, callers: Callers) -> Sequence[Push]:
    """What to tell these partners about it."""
    organization, now, position = recorded.meta.organization, runtime.clock(), recorded.position
    match recorded.event:
        case GoalSet() | GoalRevised() | CommissionCounted() | CommissionUncounted() as event:
            month = goals.this_month(runtime, now)
            if Month.parse(event.month) != month:  # not the current goal's
                return []
            goal = await goals.current(runtime, connection, organization, event.partner, month)
            return [Push(f"{organization}/{event.partner}", "goal:updated", goal, position)]
        case SaleAccumulated() as event:
            earned = await commissions.shown_by_id(connection, organization, event.commission)
            return [Push(f"{organization}/{event.partner}", "commission:earned", earned, position)] if earned else []
        case LevelUpgraded() as event:
            row = await levels.of_partner(connection, organization, event.partner)
            risen = profile.shown(runtime.settings, event.partner, row)
            return [Push(f"{organization}/{event.partner}", "level:upgraded", risen, position)]
        case DealNeededAttention() as event:
            return await _of_file(connection, organization, event.deal, now, position)
        case PromotionStarted() as event:
            concerned = {caller.id: caller for caller in callers.values() if caller.organization == organization}
            return await _of_promotion(connection, organization, event.promotion, concerned, now, position)
        case _:
            return []


async def _of_file(
    connection: AsyncConnection, organization: str, deal: str, now: datetime, position: int
) -> Sequence[Push]:
    row = await files.waiting_one(connection, organization, deal, now)
    if row is None:  # somebody took care of it meanwhile
        return []
    client = (await attention.shown_all(connection, organization, [row], now))[0]
    notice = ClientNotice(client_name=client.name, **msgspec.structs.asdict(client))
    return [Push(f"{organization}/{row.partner}", "client:attention", notice, position)]


async def _of_promotion(
    connection: AsyncConnection,
    organization: str,
    promotion: str,
    concerned: dict[str, Caller],
    now: datetime,
    position: int,
) -> Sequence[Push]:
    row = await offers.by_id(connection, organization, promotion)
    if row is None or not offers.is_active(row, now):
        return []
    reached = await levels.of_partners(connection, organization, concerned) if row.levels else {}
    shown = promotions.shown(row, now)
    return [
        Push(caller.subject, "promotion:new", shown, position)
        for caller in concerned.values()
        if offers.is_for(row, caller.region, reached.get(caller.id, levels.FIRST))
    ]
