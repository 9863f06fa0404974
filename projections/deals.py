"""Deals: every opportunity, where it stands in its pipeline, and what it is worth."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.deal import (
    DealActivityRecorded,
    DealDocumentAdded,
    DealLost,
    DealOpened,
    DealProgressed,
    DealReassigned,
    DealStageChanged,
    DealValueChanged,
    DealWon,
)
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table deals (
    organization  text not null,
    id            text not null,
    customer      text not null,
    partner       text not null,
    pipeline      text not null,
    stage         text not null,
    title         text not null,
    value         bigint not null,
    percentage    integer not null default 0,
    outcome       text,                  -- won, lost
    vehicle_make  text,
    vehicle_model text,
    vehicle_year  integer,
    opened_at     timestamptz not null,
    touched_at    timestamptz not null,  -- when something last happened with it
    primary key (organization, id)
);
create index deals_by_customer on deals (organization, customer);
"""

OPEN = """
insert into deals (organization, id, customer, partner, pipeline, stage, title, value,
                   vehicle_make, vehicle_model, vehicle_year, opened_at, touched_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
MOVE = "update deals set stage = %s, touched_at = %s where organization = %s and id = %s"
PROGRESS = "update deals set percentage = %s, touched_at = %s where organization = %s and id = %s"
TOUCH = "update deals set touched_at = %s where organization = %s and id = %s"
REVALUE = "update deals set value = %s, touched_at = %s where organization = %s and id = %s"
REASSIGN = "update deals set partner = %s, touched_at = %s where organization = %s and id = %s"
END = "update deals set outcome = %s, touched_at = %s where organization = %s and id = %s"

EVENTS = (
    DealOpened,
    DealStageChanged,
    DealProgressed,
    DealDocumentAdded,
    DealActivityRecorded,
    DealValueChanged,
    DealReassigned,
    DealWon,
    DealLost,
)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case DealOpened() as event:
            yield (
                OPEN,
                (
                    organization,
                    event.deal,
                    event.customer,
                    event.partner,
                    event.pipeline,
                    event.stage,
                    event.title,
                    event.value,
                    event.vehicle_make,
                    event.vehicle_model,
                    event.vehicle_year,
                    event.at,
                    event.at,
                ),
            )
        case DealStageChanged() as event:
            yield MOVE, (event.stage, event.at, organization, event.deal)
        case DealProgressed() as event:
            yield PROGRESS, (event.percentage, event.at, organization, event.deal)
        case DealDocumentAdded() | DealActivityRecorded() as event:
            yield TOUCH, (event.at, organization, event.deal)
        case DealValueChanged() as event:
            yield REVALUE, (event.value, event.at, organization, event.deal)
        case DealReassigned() as event:
            yield REASSIGN, (event.partner, event.at, organization, event.deal)
        case DealWon() as event:
            yield END, ("won", event.at, organization, event.deal)
        case DealLost() as event:
            yield END, ("lost", event.at, organization, event.deal)
        case _:
            pass


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    """A deal. Value in centavos; `outcome` is won, lost or None while it is open."""

    id: str
    customer: str
    partner: str
    pipeline: str
    stage: str
    title: str
    value: int
    percentage: int
    outcome: str | None
    vehicle_make: str | None
    vehicle_model: str | None
    vehicle_year: int | None
    opened_at: datetime
    touched_at: datetime


BY_ID = """
select id, customer, partner, pipeline, stage, title, value, percentage, outcome,
       vehicle_make, vehicle_model, vehicle_year, opened_at, touched_at
from deals where organization = %s and id = %s
"""


PAGE = """
select id, customer, partner, pipeline, stage, title, value, percentage, outcome,
       vehicle_make, vehicle_model, vehicle_year, opened_at, touched_at
from deals where organization = %s and (%s::text is null or customer = %s) and id > %s order by id limit %s
"""


async def by_id(source: Source, organization: str, deal: str) -> Deal | None:
    """One deal."""
    return await reading.row(source, Deal, BY_ID, (organization, deal))


BY_IDS = """
select id, customer, partner, pipeline, stage, title, value, percentage, outcome,
       vehicle_make, vehicle_model, vehicle_year, opened_at, touched_at
from deals where organization = %s and id = any(%s)
"""


async def by_ids(source: Source, organization: str, deals: Iterable[str]) -> dict[str, Deal]:
    """The deals with these ids, by id."""
    return {row.id: row for row in await reading.rows(source, Deal, BY_IDS, (organization, list({*deals})))}


async def page(source: Source, organization: str, customer: str | None, after: str, limit: int) -> list[Deal]:
    """The deals of an organisation, or of one of its customers, after an id, in order of id."""
    return await reading.rows(source, Deal, PAGE, (organization, customer, customer, after, limit))
