"""Timelines: what happened with each financing file, in order.

How far a file is and when its customer last looked into it stand with the file, and are no lines here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain import attention
from domain.deal import (
    DealActivityRecorded,
    DealDocumentAdded,
    DealLost,
    DealOpened,
    DealStageChanged,
)
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 2

TABLES: LiteralString = """
create table timelines (
    organization text not null,
    deal         text not null,
    position     bigint not null,
    what         text not null,          -- stage, document, activity, lost
    detail       text not null,          -- the stage, the document's name, the kind of activity
    at           timestamptz not null,
    primary key (organization, deal, position)
);
"""

BEGIN = "insert into timelines (organization, deal, position, what, detail, at) values (%s, %s, %s, 'stage', %s, %s)"
# Deals of other pipelines have no beginning here, and so nothing that follows it.
GO_ON = """
insert into timelines (organization, deal, position, what, detail, at)
select organization, deal, %s, %s, %s, %s from timelines
where organization = %s and deal = %s order by position limit 1
"""

EVENTS = (DealOpened, DealStageChanged, DealDocumentAdded, DealActivityRecorded, DealLost)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case DealOpened(pipeline=attention.PIPELINE) as event:
            yield BEGIN, (organization, event.deal, recorded.position, event.stage, event.at)
        case DealStageChanged(pipeline=attention.PIPELINE) as event:
            yield GO_ON, (recorded.position, "stage", event.stage, event.at, organization, event.deal)
        case DealDocumentAdded() as event:
            yield GO_ON, (recorded.position, "document", event.name, event.at, organization, event.deal)
        case DealActivityRecorded() as event if event.kind != "access":
            yield GO_ON, (recorded.position, "activity", event.kind, event.at, organization, event.deal)
        case DealLost() as event:
            yield GO_ON, (recorded.position, "lost", "", event.at, organization, event.deal)
        case _:
            pass


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened with a file."""

    what: str
    detail: str
    at: datetime


NEWEST = """
select what, detail, at from timelines where organization = %s and deal = %s order by position desc limit %s
"""


async def newest(source: Source, organization: str, deal: str, limit: int) -> list[Entry]:
    """The last that happened with a file, oldest first."""
    return (await reading.rows(source, Entry, NEWEST, (organization, deal, limit)))[::-1]
