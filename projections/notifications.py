"""Notifications: what each user should see, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec
from psycopg.types.json import Jsonb

from domain.notification import NotificationDeleted, NotificationRaised, NotificationRead
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table notifications (
    organization text not null,
    id           text not null,
    "user"       text not null,
    kind         text not null,
    level        text not null,
    entity       text,
    entity_id    text,
    facts        jsonb not null,
    read         boolean not null default false,
    position     bigint not null,
    created_at   timestamptz not null,
    primary key (organization, id)
);
create index notifications_by_user on notifications (organization, "user", position desc);
create index notifications_unread on notifications (organization, "user") where not read;
"""

RAISE = """
insert into notifications (organization, id, "user", kind, level, entity, entity_id, facts, position, created_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
READ = "update notifications set read = true where organization = %s and id = %s"
DELETE = "delete from notifications where organization = %s and id = %s"

EVENTS = (NotificationRaised, NotificationRead, NotificationDeleted)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case NotificationRaised() as event:
            yield (
                RAISE,
                (
                    organization,
                    event.notification,
                    event.user,
                    event.kind,
                    event.level,
                    event.entity,
                    event.entity_id,
                    Jsonb(dict(event.facts)),
                    recorded.position,
                    event.at,
                ),
            )
        case NotificationRead() as event:
            yield READ, (organization, event.notification)
        case NotificationDeleted() as event:
            yield DELETE, (organization, event.notification)
        case _:
            pass


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """Something a user should see. `kind` says what it is about, `facts` are its numbers and names."""

    id: str
    user: str
    kind: str
    level: str
    entity: str | None
    entity_id: str | None
    facts: dict[str, Any]
    read: bool
    created_at: datetime


BY_ID = """
select id, "user", kind, level, entity, entity_id, facts, read, created_at from notifications
where organization = %s and id = %s
"""
PAGE = """
select id, "user", kind, level, entity, entity_id, facts, read, created_at from notifications
where organization = %(organization)s and "user" = %(user)s and kind = any(%(kinds)s)
  and (%(read)s::boolean is null or read = %(read)s)
order by position desc limit %(limit)s offset %(offset)s
"""
COUNT = """
select count(*) from notifications
where organization = %(organization)s and "user" = %(user)s and kind = any(%(kinds)s)
  and (%(read)s::boolean is null or read = %(read)s)
"""


async def by_id(source: Source, organization: str, notification: str) -> Notification | None:
    """One notification; a deleted one is gone."""
    return await reading.row(source, Notification, BY_ID, (organization, notification))


async def page(
    source: Source,
    organization: str,
    user: str,
    kinds: Sequence[str],
    read: bool | None,
    limit: int,
    offset: int,
) -> list[Notification]:
    """A user's notifications of these kinds, newest first; only those read, or not read, where that is asked."""
    asked = {"organization": organization, "user": user, "kinds": list(kinds), "read": read}
    return await reading.rows(source, Notification, PAGE, {**asked, "limit": limit, "offset": offset})


async def count(source: Source, organization: str, user: str, kinds: Sequence[str], read: bool | None = None) -> int:
    """How many of these there are."""
    asked = {"organization": organization, "user": user, "kinds": list(kinds), "read": read}
    found = await reading.value(source, COUNT, asked)
    return found or 0
