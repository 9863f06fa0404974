"""Support requests: the complaints and messages that shoppers sent, and how far each has come."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.shopper import ShopperErased
from domain.support_request import STATUSES, SupportRequestMoved, SupportRequestSubmitted
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table support_requests (
    organization text not null,
    id           text not null,
    shopper      text not null,
    kind         text not null,          -- complaint, support
    title        text not null,          -- empty once the shopper is erased, like the text
    text         text not null,
    order_id     text,
    files        text,                   -- JSON
    extra        text,                   -- JSON
    status       text not null,          -- pending, in_progress, resolved
    submitted_at timestamptz not null,
    moved_at     timestamptz not null,
    primary key (organization, id)
);
create index support_requests_by_shopper on support_requests (organization, shopper, submitted_at desc);
create index support_requests_by_status on support_requests (organization, status, submitted_at desc);
"""

SUBMIT = """
insert into support_requests (organization, id, shopper, kind, title, text, order_id, files, extra, status,
                              submitted_at, moved_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
MOVE = "update support_requests set status = %s, moved_at = %s where organization = %s and id = %s"
FORGET = """
update support_requests set title = '', text = '', files = null, extra = null where organization = %s and shopper = %s
"""

EVENTS = (SupportRequestSubmitted, SupportRequestMoved, ShopperErased)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case SupportRequestSubmitted() as event:
            yield (
                SUBMIT,
                (
                    organization,
                    event.request,
                    event.shopper,
                    event.kind,
                    event.title,
                    event.text,
                    event.order,
                    event.files,
                    event.extra,
                    STATUSES[0],
                    event.at,
                    event.at,
                ),
            )
        case SupportRequestMoved() as event:
            yield MOVE, (event.status, event.at, organization, event.request)
        case ShopperErased() as event:
            yield FORGET, (organization, event.shopper)
        case _:
            pass


class SupportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint or a message. `files` and `extra` are JSON."""

    id: str
    shopper: str
    kind: str
    title: str
    text: str
    order_id: str | None
    files: str | None
    extra: str | None
    status: str
    submitted_at: datetime
    moved_at: datetime


BY_ID = """
select id, shopper, kind, title, text, order_id, files, extra, status, submitted_at, moved_at
from support_requests where organization = %s and id = %s
"""
OF_SHOPPER = """
select id, shopper, kind, title, text, order_id, files, extra, status, submitted_at, moved_at
from support_requests where organization = %s and shopper = %s order by submitted_at desc, id limit %s
"""
WITH_STATUS = """
select id, shopper, kind, title, text, order_id, files, extra, status, submitted_at, moved_at
from support_requests where organization = %s and status = %s order by submitted_at desc, id limit %s offset %s
"""


async def by_id(source: Source, organization: str, request: str) -> SupportRequest | None:
    """One request."""
    return await reading.row(source, SupportRequest, BY_ID, (organization, request))


async def of_shopper(source: Source, organization: str, shopper: str, limit: int) -> list[SupportRequest]:
    """What a shopper sent, newest first."""
    return await reading.rows(source, SupportRequest, OF_SHOPPER, (organization, shopper, limit))


async def with_status(source: Source, organization: str, status: str, limit: int, offset: int) -> list[SupportRequest]:
    """The shop's requests that have come so far, newest first."""
    return await reading.rows(source, SupportRequest, WITH_STATUS, (organization, status, limit, offset))
