"""Drafts: what each shopper has begun to write and not sent yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.draft import DraftDiscarded, DraftSaved
from domain.shopper import ShopperErased
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table drafts (
    organization text not null,
    shopper      text not null,
    kind         text not null,          -- complaint, support
    title        text not null,
    text         text not null,
    saved_at     timestamptz not null,
    primary key (organization, shopper, kind)
);
"""

SAVE = """
insert into drafts (organization, shopper, kind, title, text, saved_at)
values (%(organization)s, %(shopper)s, %(kind)s, coalesce(%(title)s::text, ''), coalesce(%(text)s::text, ''), %(at)s)
on conflict (organization, shopper, kind) do update
set title = coalesce(%(title)s::text, drafts.title), text = coalesce(%(text)s::text, drafts.text), saved_at = %(at)s
"""
DISCARD = "delete from drafts where organization = %s and shopper = %s and kind = %s"
FORGET = "delete from drafts where organization = %s and shopper = %s"

EVENTS = (DraftSaved, DraftDiscarded, ShopperErased)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case DraftSaved() as event:
            yield (
                SAVE,
                {
                    "organization": organization,
                    "shopper": event.shopper,
                    "kind": event.kind,
                    "title": None if event.title is msgspec.UNSET else event.title,
                    "text": None if event.text is msgspec.UNSET else event.text,
                    "at": event.at,
                },
            )
        case DraftDiscarded() as event:
            yield DISCARD, (organization, event.shopper, event.kind)
        case ShopperErased() as event:
            yield FORGET, (organization, event.shopper)
        case _:
            pass


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What was written so far."""

    kind: str
    title: str
    text: str
    saved_at: datetime


OF_SHOPPER = "select kind, title, text, saved_at from drafts where organization = %s and shopper = %s"


async def of_shopper(source: Source, organization: str, shopper: str) -> dict[str, Draft]:
    """The shopper's drafts, by kind."""
    return {draft.kind: draft for draft in await reading.rows(source, Draft, OF_SHOPPER, (organization, shopper))}
