"""Levels: how much each partner has sold, and the level that this brought."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import msgspec

from domain.level import LevelUpgraded, SaleAccumulated, SaleWithdrawn
from domain.values import LEVELS
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table levels (
    organization text not null,
    partner      text not null,
    level        text not null default 'starter',
    accumulated  bigint not null default 0,
    primary key (organization, partner)
);
"""

ACCUMULATE = """
insert into levels (organization, partner, accumulated) values (%s, %s, %s)
on conflict (organization, partner) do update set accumulated = levels.accumulated + excluded.accumulated
"""
UPGRADE = """
insert into levels (organization, partner, level) values (%s, %s, %s)
on conflict (organization, partner) do update set level = excluded.level
"""

EVENTS = (SaleAccumulated, SaleWithdrawn, LevelUpgraded)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case SaleAccumulated() as event:
            yield ACCUMULATE, (organization, event.partner, event.sale)
        case SaleWithdrawn() as event:
            yield ACCUMULATE, (organization, event.partner, -event.sale)
        case LevelUpgraded() as event:
            yield UPGRADE, (organization, event.partner, event.level)
        case _:
            pass


FIRST = LEVELS[0]
"""The level of a partner of whom nothing is known."""


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """A partner's level and what they have sold so far, in centavos."""

    partner: str
    level: str
    accumulated: int


OF_PARTNER = "select partner, level, accumulated from levels where organization = %s and partner = %s"


async def of_partner(source: Source, organization: str, partner: str) -> Level:
    """The partner's level; a starter who has sold nothing when nothing is known."""
    return await reading.row(source, Level, OF_PARTNER, (organization, partner)) or Level(
        partner=partner, level=FIRST, accumulated=0
    )


OF_PARTNERS = "select partner, level from levels where organization = %s and partner = any(%s)"


async def of_partners(source: Source, organization: str, partners: Iterable[str]) -> dict[str, str]:
    """The levels of these partners, as far as they have sold anything."""
    return dict(await reading.tuples(source, OF_PARTNERS, (organization, list(partners))))
