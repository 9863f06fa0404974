"""Goals: what each partner wants to earn in a month, and what has been earned towards it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.goal import CommissionCounted, CommissionUncounted, GoalAchieved, GoalRevised, GoalSet
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table goals (
    organization text not null,
    partner      text not null,
    month        text not null,          -- 2025-10
    goal         text,                   -- null: nothing chosen yet, commissions counted all the same
    amount       bigint not null default 0,
    earned       bigint not null default 0,
    created_at   timestamptz,
    achieved_at  timestamptz,
    primary key (organization, partner, month)
);
"""

SET = """
insert into goals (organization, partner, month, goal, amount, created_at) values (%s, %s, %s, %s, %s, %s)
on conflict (organization, partner, month) do update
set goal = excluded.goal, amount = excluded.amount, created_at = excluded.created_at
"""
REVISE = "update goals set amount = %s where organization = %s and partner = %s and month = %s"
EARN = """
insert into goals (organization, partner, month, earned)
select organization, partner, month, sum(amount)
  from unnest(%s::text[], %s::text[], %s::text[], %s::bigint[]) as counted (organization, partner, month, amount)
 group by organization, partner, month
    on conflict (organization, partner, month) do update set earned = goals.earned + excluded.earned
"""
ACHIEVE = "update goals set achieved_at = %s where organization = %s and partner = %s and month = %s"

MERGED = (EARN,)
EVENTS = (GoalSet, GoalRevised, CommissionCounted, CommissionUncounted, GoalAchieved)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case GoalSet() as event:
            yield SET, (organization, event.partner, event.month, event.goal, event.amount, event.at)
        case GoalRevised() as event:
            yield REVISE, (event.amount, organization, event.partner, event.month)
        case CommissionCounted() as event:
            yield EARN, ([organization], [event.partner], [event.month], [event.amount])
        case CommissionUncounted() as event:
            yield EARN, ([organization], [event.partner], [event.month], [-event.amount])
        case GoalAchieved() as event:
            yield ACHIEVE, (event.at, organization, event.partner, event.month)
        case _:
            pass


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's month. Money in centavos; `goal` is None when no amount was chosen."""

    partner: str
    month: str
    goal: str | None
    amount: int
    earned: int
    created_at: datetime | None
    achieved_at: datetime | None


OF_MONTH = """
select partner, month, goal, amount, earned, created_at, achieved_at
from goals where organization = %s and partner = %s and month = %s
"""
LAST_AMOUNT = """
select amount from goals
where organization = %s and partner = %s and month <= %s and goal is not null order by month desc limit 1
"""
PAST = """
select partner, month, goal, amount, earned, created_at, achieved_at from goals
where organization = %s and partner = %s and month < %s and goal is not null
order by month desc limit %s offset %s
"""
COUNT_PAST = """
select count(*) from goals where organization = %s and partner = %s and month < %s and goal is not null
"""


async def of_month(source: Source, organization: str, partner: str, month: str) -> Goal | None:
    """The partner's goal of a month (2025-10), None when nothing was chosen nor earned."""
    return await reading.row(source, Goal, OF_MONTH, (organization, partner, month))


async def last_amount(source: Source, organization: str, partner: str, month: str) -> int | None:
    """The amount that the partner chose last, up to this month."""
    return await reading.value(source, LAST_AMOUNT, (organization, partner, month))


async def past(
    source: Source, organization: str, partner: str, before: str, limit: int, offset: int
) -> tuple[list[Goal], int]:
    """The goals of the months before this one, newest first, and how many there are in all."""
    page = await reading.rows(source, Goal, PAST, (organization, partner, before, limit, offset))
    return page, await reading.value(source, COUNT_PAST, (organization, partner, before))
