"""Promotions: what partners can offer now, what comes next, and everything for the back office."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from domain.promotion import PromotionAnnounced, PromotionChanged, PromotionEnded, PromotionStarted
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 2

TABLES: LiteralString = """
create table promotions (
    organization     text not null,
    id               text not null,
    title            text not null,
    subtitle         text not null,
    image_url        text not null,
    bonus_amount     bigint not null,
    original_price   bigint not null,
    final_price      bigint not null,
    valid_from       timestamptz not null,
    valid_to         timestamptz not null,
    monthly_payments jsonb not null,     -- [{"months": 48, "amount": 4500000}]
    terms_url        text,
    priority         integer not null,
    regions          text[] not null,    -- empty: every region
    region_keys      text[] not null,    -- the same, without letter case: people write "Norte" and "norte"
    levels           text[] not null,    -- empty: every level
    started          boolean not null default false,
    ended_at         timestamptz,
    primary key (organization, id)
);
create index promotions_by_end on promotions (organization, valid_to) where ended_at is null;
create index promotions_to_start on promotions (valid_from) where not started and ended_at is null;
"""

ANNOUNCE = """
insert into promotions (organization, id, title, subtitle, image_url, bonus_amount, original_price, final_price,
                        valid_from, valid_to, monthly_payments, terms_url, priority, regions, region_keys, levels)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# A promotion that was moved to a later time starts again then, and so does one that was over when it got more time.
CHANGE = """
update promotions
set title = %s, subtitle = %s, image_url = %s, bonus_amount = %s, original_price = %s, final_price = %s,
    valid_from = %s, valid_to = %s, monthly_payments = %s, terms_url = %s, priority = %s, regions = %s,
    region_keys = %s, levels = %s, started = started and %s and valid_to > %s
where organization = %s and id = %s
"""
START = "update promotions set started = true where organization = %s and id = %s"
END = "update promotions set ended_at = %s where organization = %s and id = %s"

EVENTS = (PromotionAnnounced, PromotionChanged, PromotionStarted, PromotionEnded)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case PromotionAnnounced() as event:
            yield ANNOUNCE, (organization, event.promotion, *_offer(event))
        case PromotionChanged() as event:
            began = event.valid_from <= event.at
            yield CHANGE, (*_offer(event), began, event.at, organization, event.promotion)
        case PromotionStarted() as event:
            yield START, (organization, event.promotion)
        case PromotionEnded() as event:
            yield END, (event.at, organization, event.promotion)
        case _:
            pass


def _offer(event: PromotionAnnounced | PromotionChanged) -> tuple[Any, ...]:
    return (
        event.title,
        event.subtitle,
        event.image_url,
        event.bonus_amount,
        event.original_price,
        event.final_price,
        event.valid_from,
        event.valid_to,
        Jsonb([msgspec.structs.asdict(payment) for payment in event.monthly_payments]),
        event.terms_url,
        event.priority,
        list(event.regions),
        [key(region) for region in event.regions],
        list(event.levels),
    )


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """A promotion. Money in centavos; no regions or levels means all of them."""

    id: str
    title: str
    subtitle: str
    image_url: str
    bonus_amount: int
    original_price: int
    final_price: int
    valid_from: datetime
    valid_to: datetime
    monthly_payments: list[dict[str, int]]
    terms_url: str | None
    priority: int
    regions: list[str]
    levels: list[str]
    started: bool
    ended_at: datetime | None


def is_active(row: Promotion, now: datetime) -> bool:
    """Whether its time is now, as `active` asks."""
    return row.ended_at is None and row.valid_from <= now < row.valid_to


def is_for(row: Promotion, region: str | None, level: str) -> bool:
    """Whether it is for partners of this region and level, as `active` asks."""
    regions = [key(one) for one in row.regions]
    return (not regions or key(region) in regions) and (not row.levels or level in row.levels)


def key(region: str | None) -> str | None:
    """A region as regions are compared."""
    return region and region.casefold()


ACTIVE = """
select id, title, subtitle, image_url, bonus_amount, original_price, final_price, valid_from, valid_to,
       monthly_payments, terms_url, priority, regions, levels, started, ended_at
from promotions
where organization = %(organization)s and ended_at is null and valid_to > %(now)s and valid_from <= %(now)s
  and (regions = '{}' or %(region)s::text = any(region_keys)) and (levels = '{}' or %(level)s = any(levels))
order by priority, valid_from, id
"""
NEXT = """
select id, title, subtitle, image_url, bonus_amount, original_price, final_price, valid_from, valid_to,
       monthly_payments, terms_url, priority, regions, levels, started, ended_at
from promotions
where organization = %(organization)s and ended_at is null and valid_from > %(now)s
  and (regions = '{}' or %(region)s::text = any(region_keys)) and (levels = '{}' or %(level)s = any(levels))
order by valid_from, priority, id limit 1
"""
BY_ID = """
select id, title, subtitle, image_url, bonus_amount, original_price, final_price, valid_from, valid_to,
       monthly_payments, terms_url, priority, regions, levels, started, ended_at
from promotions where organization = %s and id = %s
"""
PAGE = """
select id, title, subtitle, image_url, bonus_amount, original_price, final_price, valid_from, valid_to,
       monthly_payments, terms_url, priority, regions, levels, started, ended_at
from promotions where organization = %s and id > %s order by id limit %s
"""
DUE = """
select organization, id from promotions
where not started and ended_at is null and valid_from <= %s and valid_to > %s order by valid_from limit %s
"""


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """A partner as promotions see them."""

    organization: str
    region: str | None
    level: str


def _asked(audience: Audience, now: datetime) -> dict[str, Any]:
    return {**msgspec.structs.asdict(audience), "region": key(audience.region), "now": now}


async def active(source: Source, audience: Audience, now: datetime) -> list[Promotion]:
    """What a partner can offer at this moment, by priority, then by start."""
    return await reading.rows(source, Promotion, ACTIVE, _asked(audience, now))


async def coming(source: Source, audience: Audience, now: datetime) -> Promotion | None:
    """The next one that this partner will be able to offer."""
    return await reading.row(source, Promotion, NEXT, _asked(audience, now))


async def by_id(source: Source, organization: str, promotion: str) -> Promotion | None:
    """One promotion."""
    return await reading.row(source, Promotion, BY_ID, (organization, promotion))


async def page(source: Source, organization: str, after: str, limit: int) -> list[Promotion]:
    """The promotions of an organisation after an id, in order of id."""
    return await reading.rows(source, Promotion, PAGE, (organization, after, limit))


async def due(source: Source, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Those (organisation, id) whose time has come and that have not started."""
    return await reading.tuples(source, DUE, (now, now, limit))
