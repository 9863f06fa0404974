"""Preferences: what each shopper chose. Where nothing was, it is what everybody begins with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.preferences import FIRST_SCREEN, FIRST_THEME, PreferencesChanged
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table preferences (
    organization  text not null,
    shopper       text not null,
    screen        text,                  -- null: never chosen
    notifications boolean,
    theme         text,
    changed_at    timestamptz not null,
    primary key (organization, shopper)
);
"""

CHANGE = """
insert into preferences (organization, shopper, screen, notifications, theme, changed_at)
values (%s, %s, %s, %s, %s, %s)
on conflict (organization, shopper) do update
set screen = coalesce(excluded.screen, preferences.screen),
    notifications = coalesce(excluded.notifications, preferences.notifications),
    theme = coalesce(excluded.theme, preferences.theme), changed_at = excluded.changed_at
"""

EVENTS = (PreferencesChanged,)


def apply(recorded: Recorded) -> Iterable[Statement]:
    match recorded.event:
        case PreferencesChanged() as event:
            chosen = (event.screen, event.notifications, event.theme)
            given = (None if choice is msgspec.UNSET else choice for choice in chosen)
            yield CHANGE, (recorded.meta.organization, event.shopper, *given, event.at)
        case _:
            pass


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """What a shopper chose; `changed_at` is None when nothing ever was."""

    screen: str = FIRST_SCREEN
    notifications: bool = True
    theme: str = FIRST_THEME
    changed_at: datetime | None = None


class _Chosen(msgspec.Struct, frozen=True, kw_only=True):
    screen: str | None
    notifications: bool | None
    theme: str | None
    changed_at: datetime


OF_SHOPPER = """
select screen, notifications, theme, changed_at from preferences where organization = %s and shopper = %s
"""


async def of_shopper(source: Source, organization: str, shopper: str) -> Preferences:
    """What the shopper chose, and what everybody begins with for the rest."""
    row = await reading.row(source, _Chosen, OF_SHOPPER, (organization, shopper))
    chosen = msgspec.structs.asdict(row) if row else {}
    return Preferences(**{field: choice for field, choice in chosen.items() if choice is not None})
