"""Financing files and the moment each comes to need attention: what the clients of a partner are shown by.

A customer with several files is shown by the newest open one, or the newest when all are closed. The partner is the one
who looks after the customer, or the one of the file while nobody does. `due_at` is reckoned from constants of the
domain whenever the file moves, so what is due by time alone is one range of an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec

from domain import attention, pipeline
from domain.customer import CustomerAdded, CustomerAssigned, CustomerErased
from domain.deal import (
    DealActivityRecorded,
    DealDocumentAdded,
    DealLost,
    DealNeededAttention,
    DealOpened,
    DealProgressed,
    DealReassigned,
    DealStageChanged,
    DealValueChanged,
)
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 4

TABLES: LiteralString = """
create table attention_files (
    organization text not null,
    deal         text not null,
    customer     text not null,
    partner      text not null,          -- who is shown this client
    file_partner text not null,          -- who earns from the file
    stage        text not null,
    value        bigint not null,
    percentage   integer not null default 0,
    opened_at    timestamptz not null,
    touched_at   timestamptz not null,
    step_due_at  timestamptz,
    idle_due_at  timestamptz not null,
    closed       boolean not null,
    shown        boolean not null default true,
    noticed      timestamptz,            -- the due_at of which it was noted that it is past
    due_at       timestamptz generated always as (
                     case when closed then null else least(step_due_at, idle_due_at) end) stored,
    primary key (organization, deal)
);
create index attention_by_customer on attention_files (organization, customer);
create index attention_by_partner on attention_files (organization, partner, due_at) include (stage) where shown;
create index attention_by_touch on attention_files (organization, partner, touched_at, customer)
    where shown and due_at is not null;
create index attention_to_notice on attention_files (due_at) where shown and noticed is distinct from due_at;

create table attention_owners (
    organization text not null,
    customer     text not null,
    assigned_to  text,
    erased       boolean not null default false,
    primary key (organization, customer)
);
"""

OPEN = """
insert into attention_files (organization, deal, customer, partner, file_partner, stage, value, opened_at, touched_at,
                             step_due_at, idle_due_at, closed)
select %(organization)s, %(deal)s, %(customer)s, coalesce(max(assigned_to), %(partner)s), %(partner)s,
       %(stage)s, %(value)s, %(at)s, %(at)s, %(step_due)s, %(idle_due)s, %(closed)s
from attention_owners where organization = %(organization)s and customer = %(customer)s
having not coalesce(bool_or(erased), false)
"""
SHOW_NEWEST = """
update attention_files f set shown = (f.deal = newest.deal)
from (select deal from attention_files where organization = %(organization)s and customer = %(customer)s
       order by closed, opened_at desc, deal desc limit 1) newest
where f.organization = %(organization)s and f.customer = %(customer)s and f.shown <> (f.deal = newest.deal)
"""
MOVE = """
update attention_files
set stage = %s, touched_at = %s, idle_due_at = %s, step_due_at = opened_at + %s::interval, closed = %s
where organization = %s and deal = %s
"""
PROGRESS = """
update attention_files set percentage = %s, touched_at = %s, idle_due_at = %s where organization = %s and deal = %s
"""
TOUCH = "update attention_files set touched_at = %s, idle_due_at = %s where organization = %s and deal = %s"
CLOSE = "update attention_files set closed = true where organization = %s and deal = %s"
REVALUE = "update attention_files set value = %s where organization = %s and deal = %s"
REASSIGN = """
update attention_files f
set file_partner = %(partner)s,
    partner = coalesce((select o.assigned_to from attention_owners o
                         where o.organization = f.organization and o.customer = f.customer), %(partner)s)
where f.organization = %(organization)s and f.deal = %(deal)s
"""
NOTICE = "update attention_files set noticed = %s where organization = %s and deal = %s"
OWN = """
insert into attention_owners (organization, customer, assigned_to) values (%s, %s, %s)
on conflict (organization, customer) do update set assigned_to = excluded.assigned_to
"""
HAND_OVER = """
update attention_files set partner = coalesce(%s, file_partner) where organization = %s and customer = %s
"""
FORGET = "delete from attention_files where organization = %s and customer = %s"
DISOWN = """
insert into attention_owners (organization, customer, erased) values (%s, %s, true)
on conflict (organization, customer) do update set assigned_to = null, erased = true
"""

EVENTS = (
    CustomerAdded,
    CustomerAssigned,
    CustomerErased,
    DealOpened,
    DealStageChanged,
    DealProgressed,
    DealDocumentAdded,
    DealActivityRecorded,
    DealValueChanged,
    DealReassigned,
    DealLost,
    DealNeededAttention,
)
STAGES = pipeline.named(attention.PIPELINE)


def apply(recorded: Recorded) -> Iterable[Statement]:
    """Deals of other pipelines have no row here, so what happens with them changes none."""
    organization = recorded.meta.organization
    match recorded.event:
        case CustomerAdded() | CustomerAssigned() as event:
            yield OWN, (organization, event.customer, event.assigned_to)
            yield HAND_OVER, (event.assigned_to, organization, event.customer)
        case CustomerErased() as event:
            yield FORGET, (organization, event.customer)
            yield DISOWN, (organization, event.customer)
        case DealOpened(pipeline=attention.PIPELINE) as event:
            opened = {
                "organization": organization,
                "deal": event.deal,
                "customer": event.customer,
                "partner": event.partner,
                "stage": event.stage,
                "value": event.value,
                "at": event.at,
                "step_due": attention.step_due(event.stage, event.at),
                "idle_due": event.at + attention.IDLE,
                "closed": STAGES.stage(event.stage).terminal,
            }
            yield OPEN, opened
            yield SHOW_NEWEST, {"organization": organization, "customer": event.customer}
        case DealStageChanged(pipeline=attention.PIPELINE) as event:
            idle_due, allowance = event.at + attention.IDLE, attention.STEPS.get(event.stage)
            closed = STAGES.stage(event.stage).terminal
            yield MOVE, (event.stage, event.at, idle_due, allowance, closed, organization, event.deal)
            if closed:
                yield SHOW_NEWEST, {"organization": organization, "customer": event.customer}
        case DealProgressed() as event:
            yield PROGRESS, (event.percentage, event.at, event.at + attention.IDLE, organization, event.deal)
        case DealDocumentAdded() | DealActivityRecorded() as event:
            yield TOUCH, (event.at, event.at + attention.IDLE, organization, event.deal)
        case DealValueChanged() as event:
            yield REVALUE, (event.value, organization, event.deal)
        case DealReassigned() as event:
            yield REASSIGN, {"organization": organization, "deal": event.deal, "partner": event.partner}
        case DealLost() as event:
            yield CLOSE, (organization, event.deal)
            yield SHOW_NEWEST, {"organization": organization, "customer": event.customer}
        case DealNeededAttention() as event:
            yield NOTICE, (event.since, organization, event.deal)
        case _:
            pass


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A customer's financing file. Value in centavos; `due_at` is None once it is closed."""

    deal: str
    customer: str
    partner: str
    stage: str
    value: int
    percentage: int
    opened_at: datetime
    touched_at: datetime
    due_at: datetime | None


class Waiting(File, frozen=True, kw_only=True):
    """A file that needs attention; `rank` is 1 for high, 2 for medium, 3 for low priority."""

    rank: int


# High priority is past the idle limit or of high value, medium past the soon limit, low the rest. Each of these comes
# in the order of an index, so that of thousands only the first are read and none are sorted.
WAITING = """
with waiting as not materialized (
    select deal, customer, partner, stage, value, percentage, opened_at, touched_at, due_at from attention_files
    where organization = %(organization)s and partner = %(partner)s and shown and due_at is not null
      and due_at < %(now)s and (%(stage)s::text is null or stage = %(stage)s)
)
(select *, 1 as rank from waiting where touched_at < %(idle_since)s order by touched_at, customer limit %(limit)s)
union all
(select *, 1 from waiting where touched_at >= %(idle_since)s and value > %(high)s
 order by touched_at, customer limit %(limit)s)
union all
(select *, 2 from waiting where touched_at >= %(idle_since)s and touched_at <= %(soon_since)s and value <= %(high)s
 order by touched_at, customer limit %(limit)s)
union all
(select *, 3 from waiting where touched_at > %(soon_since)s and value <= %(high)s
 order by touched_at, customer limit %(limit)s)
order by rank, touched_at, customer limit %(limit)s
"""
WAITING_ONE = """
select deal, customer, partner, stage, value, percentage, opened_at, touched_at, due_at,
       case when touched_at < %(idle_since)s or value > %(high)s then 1
            when touched_at <= %(soon_since)s then 2 else 3 end as rank
from attention_files
where organization = %(organization)s and deal = %(deal)s and shown and due_at < %(now)s
"""
COUNT = """
select stage, count(*) from attention_files
where organization = %s and partner = %s and shown and due_at < %s group by stage
"""
OF_CUSTOMER = """
select deal, customer, partner, stage, value, percentage, opened_at, touched_at, due_at
from attention_files where organization = %s and customer = %s and shown
"""
DUE = """
select organization, deal from attention_files
where shown and noticed is distinct from due_at and due_at < %s order by due_at limit %s
"""


def _limits(now: datetime) -> dict[str, datetime | int]:
    return {
        "now": now,
        "idle_since": now - attention.IDLE,
        "soon_since": now - attention.SOON,
        "high": attention.HIGH_VALUE,
    }


async def waiting(
    source: Source, organization: str, partner: str, now: datetime, stage: str | None, limit: int
) -> list[Waiting]:
    """The files of a partner that need attention: by priority, then those untouched for the longest time."""
    asked = {"organization": organization, "partner": partner, "stage": stage, "limit": limit, **_limits(now)}
    return await reading.rows(source, Waiting, WAITING, asked)


async def waiting_one(source: Source, organization: str, deal: str, now: datetime) -> Waiting | None:
    """One file, None unless it needs attention."""
    return await reading.row(source, Waiting, WAITING_ONE, {"organization": organization, "deal": deal, **_limits(now)})


async def count(source: Source, organization: str, partner: str, now: datetime) -> dict[str, int]:
    """How many files of a partner need attention, by stage."""
    return dict(await reading.tuples(source, COUNT, (organization, partner, now)))


async def of_customer(source: Source, organization: str, customer: str) -> File | None:
    """The file by which a customer is shown."""
    return await reading.row(source, File, OF_CUSTOMER, (organization, customer))


async def due(source: Source, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Those (organisation, deal) that need attention and of which that was not noted yet."""
    return await reading.tuples(source, DUE, (now, limit))
