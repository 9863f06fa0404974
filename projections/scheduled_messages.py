"""Scheduled messages: what was written, for which groups, where it stands; and which of them are due.

How many copies reached whom is in the view `deliveries`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import LiteralString

import msgspec

from domain import message_text
from domain.scheduled_message import (
    MessageCancelled,
    MessageDeleted,
    MessageDrafted,
    MessageEdited,
    MessageFailed,
    MessagePaused,
    MessageRedrafted,
    MessageResumed,
    MessageRetried,
    MessageScheduled,
    MessageSent,
    RecipientsListed,
    SendingStarted,
)
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 2

TABLES: LiteralString = """
create table scheduled_messages (
    organization    text not null,
    id              text not null,
    owner           text not null,
    content         text not null,
    fingerprint     text not null,       -- the same for texts that a reader would call the same
    revision        integer not null default 1,
    groups          text[] not null,
    status          text not null,
    status_reason   text,                -- why it was paused or cancelled, or failed
    status_at       timestamptz not null,
    scheduled_for   timestamptz,
    timezone        text,
    copy_of         text,
    attempt         integer not null default 1,
    recipient_count integer not null default 0,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    started_at      timestamptz,
    sent_at         timestamptz,
    primary key (organization, id)
);
create index scheduled_messages_by_owner on scheduled_messages (organization, owner, scheduled_for, id);
create index scheduled_messages_due on scheduled_messages (scheduled_for) where status = 'scheduled';
create index scheduled_messages_going_out on scheduled_messages (status_at) where status in ('sending', 'retry');
create index scheduled_messages_alike on scheduled_messages (organization, owner, fingerprint);
create index scheduled_messages_groups on scheduled_messages using gin (groups);
"""

DRAFT = """
insert into scheduled_messages (organization, id, owner, content, fingerprint, groups, status, status_at,
                                scheduled_for, timezone, copy_of, created_at, updated_at)
values (%s, %s, %s, %s, %s, %s, 'draft', %s, %s, %s, %s, %s, %s)
"""
EDIT = """
update scheduled_messages set content = %s, fingerprint = %s, revision = %s, groups = %s, scheduled_for = %s,
       timezone = %s, updated_at = %s
where organization = %s and id = %s
"""
SCHEDULE = """
update scheduled_messages set status = 'scheduled', status_reason = null, status_at = %s, updated_at = %s,
       scheduled_for = %s, timezone = %s
where organization = %s and id = %s
"""
RESUME = """
update scheduled_messages set status = 'scheduled', status_reason = null, status_at = %s, updated_at = %s,
       scheduled_for = %s
where organization = %s and id = %s
"""
MOVE = """
update scheduled_messages set status = %s, status_reason = %s, status_at = %s, updated_at = %s
where organization = %s and id = %s
"""
LIST = "update scheduled_messages set recipient_count = recipient_count + %s where organization = %s and id = %s"
START = """
update scheduled_messages set status = 'sending', status_reason = null, status_at = %s, updated_at = %s,
       started_at = coalesce(started_at, %s)
where organization = %s and id = %s
"""
RETRY = """
update scheduled_messages set status = 'retry', status_reason = null, status_at = %s, updated_at = %s, attempt = %s
where organization = %s and id = %s
"""
REDRAFT = """
update scheduled_messages set status = 'draft', status_reason = null, status_at = %s, updated_at = %s,
       attempt = attempt + %s
where organization = %s and id = %s
"""
SEND = """
update scheduled_messages set status = 'sent', status_reason = null, status_at = %s, updated_at = %s, sent_at = %s
where organization = %s and id = %s
"""
DELETE = "delete from scheduled_messages where organization = %s and id = %s"

EVENTS = (
    MessageDrafted,
    MessageEdited,
    MessageScheduled,
    MessagePaused,
    MessageResumed,
    MessageCancelled,
    MessageRedrafted,
    MessageDeleted,
    RecipientsListed,
    SendingStarted,
    MessageRetried,
    MessageSent,
    MessageFailed,
)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case MessageDrafted() as event:
            text = (event.content, message_text.fingerprint(event.content), list(event.groups))
            times = (event.at, event.scheduled_for, event.timezone, event.copy_of, event.at, event.at)
            yield DRAFT, (organization, event.message, event.owner, *text, *times)
        case MessageEdited() as event:
            text = (event.content, message_text.fingerprint(event.content), event.revision, list(event.groups))
            times = (event.scheduled_for, event.timezone, event.at)
            yield EDIT, (*text, *times, organization, event.message)
        case MessageScheduled() as event:
            key = (organization, event.message)
            yield SCHEDULE, (event.at, event.at, event.scheduled_for, event.timezone, *key)
        case MessageResumed() as event:
            yield RESUME, (event.at, event.at, event.scheduled_for, organization, event.message)
        case MessagePaused() as event:
            yield MOVE, ("paused", event.reason, event.at, event.at, organization, event.message)
        case MessageCancelled() as event:
            yield MOVE, ("cancelled", event.reason, event.at, event.at, organization, event.message)
        case MessageRedrafted() as event:
            yield REDRAFT, (event.at, event.at, int(event.was == "failed"), organization, event.message)
        case MessageFailed() as event:
            yield MOVE, ("failed", event.reason, event.at, event.at, organization, event.message)
        case RecipientsListed() as event:
            yield LIST, (len(event.recipients), organization, event.message)
        case SendingStarted() as event:
            yield START, (event.at, event.at, event.at, organization, event.message)
        case MessageRetried() as event:
            yield RETRY, (event.at, event.at, event.attempt, organization, event.message)
        case MessageSent() as event:
            yield SEND, (event.at, event.at, event.at, organization, event.message)
        case MessageDeleted() as event:
            yield DELETE, (organization, event.message)
        case _:
            pass


class ScheduledMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message. `status` is one of `domain.message_status.STATUSES`, `retry` included."""

    id: str
    owner: str
    content: str
    revision: int
    groups: list[str]
    status: str
    status_reason: str | None
    status_at: datetime
    scheduled_for: datetime | None
    timezone: str | None
    copy_of: str | None
    attempt: int
    recipient_count: int
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    sent_at: datetime | None


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message whose recipients are to be listed and whose sending is to begin."""

    organization: str
    id: str
    owner: str
    groups: list[str]
    status: str
    recipient_count: int


class GoingOut(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is being sent: which run of it, with which text."""

    organization: str
    id: str
    attempt: int
    revision: int
    content: str
    recipient_count: int
    status_at: datetime


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages are looked for. `owner` None: everybody's. `search` is found in the text, or the message goes to
    one of `search_groups`, the groups whose names contain it."""

    owner: str | None = None
    statuses: Sequence[str] = ()
    group: str | None = None
    search: str = ""
    search_groups: Sequence[str] = ()
    after: datetime | None = None
    before: datetime | None = None


BY_ID = """
select id, owner, content, revision, groups, status, status_reason, status_at, scheduled_for, timezone, copy_of,
       attempt, recipient_count, created_at, updated_at, started_at, sent_at
from scheduled_messages where organization = %s and id = %s
"""
PAGE = """
select id, owner, content, revision, groups, status, status_reason, status_at, scheduled_for, timezone, copy_of,
       attempt, recipient_count, created_at, updated_at, started_at, sent_at
from scheduled_messages
where organization = %(organization)s
  and (%(owner)s::text is null or owner = %(owner)s)
  and (%(statuses)s::text[] is null or status = any(%(statuses)s))
  and (%(group)s::text is null or groups @> array[%(group)s])
  and (%(search)s::text is null or content ilike %(search)s or groups && %(search_groups)s::text[])
  and (%(after)s::timestamptz is null or scheduled_for >= %(after)s)
  and (%(before)s::timestamptz is null or scheduled_for < %(before)s)
order by
  case when %(sort)s = 'scheduled_for' then scheduled_for end asc nulls last,
  case when %(sort)s = '-scheduled_for' then scheduled_for end desc nulls last,
  case when %(sort)s = 'created_at' then created_at end asc,
  case when %(sort)s = '-created_at' then created_at end desc,
  case when %(sort)s = 'updated_at' then updated_at end asc,
  case when %(sort)s = '-updated_at' then updated_at end desc,
  case when %(sort)s = 'status' then status end asc,
  case when %(sort)s = '-status' then status end desc,
  id
limit %(limit)s offset %(offset)s
"""
COUNT = """
select count(*)
from scheduled_messages
where organization = %(organization)s
  and (%(owner)s::text is null or owner = %(owner)s)
  and (%(statuses)s::text[] is null or status = any(%(statuses)s))
  and (%(group)s::text is null or groups @> array[%(group)s])
  and (%(search)s::text is null or content ilike %(search)s or groups && %(search_groups)s::text[])
  and (%(after)s::timestamptz is null or scheduled_for >= %(after)s)
  and (%(before)s::timestamptz is null or scheduled_for < %(before)s)
"""
SORTS = (
    "scheduled_for", "-scheduled_for", "created_at", "-created_at", "updated_at", "-updated_at", "status", "-status",
)  # fmt: skip
STATUS_COUNTS = """
select status, count(*) from scheduled_messages
where organization = %(organization)s and (%(owner)s::text is null or owner = %(owner)s) group by status
"""
ALIKE = """
select count(*) from scheduled_messages
where organization = %s and owner = %s and fingerprint = %s and groups && %s::text[] and id <> %s
  and status in ('scheduled', 'sending', 'retry', 'sent') and status_at > %s
"""
DUE = """
select organization, id, owner, groups, status, recipient_count from scheduled_messages
where status = 'scheduled' and scheduled_for <= %s
union all
select organization, id, owner, groups, status, recipient_count from scheduled_messages
where status = 'retry' and recipient_count = 0
limit %s
"""
GOING_OUT = """
select organization, id, attempt, revision, content, recipient_count, status_at from scheduled_messages
where status in ('sending', 'retry') and recipient_count > 0 order by status_at limit %s
"""
WITHIN = """
select id, owner, content, revision, groups, status, status_reason, status_at, scheduled_for, timezone, copy_of,
       attempt, recipient_count, created_at, updated_at, started_at, sent_at
from scheduled_messages
where organization = %(organization)s
  and (%(owner)s::text is null or owner = %(owner)s)
  and (created_at >= %(since)s and created_at < %(until)s or sent_at >= %(since)s and sent_at < %(until)s)
  and (%(after_at)s::timestamptz is null or (created_at, id) > (%(after_at)s, %(after_id)s))
order by created_at, id limit %(limit)s
"""


async def by_id(source: Source, organization: str, message: str) -> ScheduledMessage | None:
    """One message; a deleted one is gone."""
    return await reading.row(source, ScheduledMessage, BY_ID, (organization, message))


async def page(
    source: Source, organization: str, sought: Filter, sort: str, limit: int, offset: int
) -> tuple[list[ScheduledMessage], int]:
    """One page of the messages sought, in one of the orders of `SORTS`, and how many there are in all."""
    asked = {
        "organization": organization,
        "owner": sought.owner,
        "statuses": list(sought.statuses) or None,
        "group": sought.group,
        "search": f"%{_literal(sought.search)}%" if sought.search else None,
        "search_groups": list(sought.search_groups),
        "after": sought.after,
        "before": sought.before,
        "sort": sort,
        "limit": limit,
        "offset": offset,
    }
    rows, count = await reading.together(
        source, reading.rows(source, ScheduledMessage, PAGE, asked), reading.value(source, COUNT, asked)
    )
    return rows, count


async def status_counts(source: Source, organization: str, owner: str | None) -> dict[str, int]:
    """How many messages are in each status; of everybody without an owner."""
    return dict(await reading.tuples(source, STATUS_COUNTS, {"organization": organization, "owner": owner}))


async def alike(
    source: Source,
    organization: str,
    owner: str,
    content: str,
    groups: Sequence[str],
    message: str,
    since: datetime,
) -> int:
    """How many other messages of this owner say the same to one of the same groups and were scheduled or sent since."""
    asked = (organization, owner, message_text.fingerprint(content), list(groups), message, since)
    found = await reading.value(source, ALIKE, asked)
    return found or 0


async def within(
    source: Source,
    organization: str,
    owner: str | None,
    since: datetime,
    until: datetime,
    after: tuple[datetime, str] | None = None,
    limit: int = 10_000,
) -> list[ScheduledMessage]:
    """The messages written or sent in a period, in the order they were written in; those after one of them, to go on
    where the last page ended."""
    asked = {
        "organization": organization,
        "owner": owner,
        "since": since,
        "until": until,
        "after_at": after[0] if after else None,
        "after_id": after[1] if after else "",
        "limit": limit,
    }
    return await reading.rows(source, ScheduledMessage, WITHIN, asked)


async def due(source: Source, now: datetime, limit: int) -> list[Due]:
    """The messages whose time has come, and those to be retried whose recipients were never listed."""
    return await reading.rows(source, Due, DUE, (now, limit))


async def going_out(source: Source, limit: int) -> list[GoingOut]:
    """The messages that are being sent, the one that began first first."""
    return await reading.rows(source, GoingOut, GOING_OUT, (limit,))


def _literal(search: str) -> str:
    """The search as `like` takes it, without wildcards."""
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
