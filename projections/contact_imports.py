"""Imports of contacts: how far each is, and what became of its rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.contact_import import ImportFinished, ImportRead, ImportRefused, ImportRequested, RowsImported
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table contact_imports (
    organization text not null,
    id           text not null,
    owner        text not null,
    file_name    text not null,
    size         bigint not null,
    status       text not null,          -- queued, running, finished, refused
    reason       text,                   -- why it was refused
    rows         integer not null default 0,
    taken        integer not null default 0,
    created      integer not null default 0,
    updated      integer not null default 0,
    skipped      integer not null default 0,
    failed       integer not null default 0,
    requested_at timestamptz not null,
    ended_at     timestamptz,
    primary key (organization, id)
);
create index contact_imports_by_owner on contact_imports (organization, owner, requested_at desc);

create table contact_import_parts (
    organization   text not null,
    contact_import text not null,
    first          integer not null,
    outcomes       text not null,        -- a letter for each row: created, updated, skipped, error
    primary key (organization, contact_import, first)
);
create table contact_import_errors (
    organization   text not null,
    contact_import text not null,
    row            integer not null,     -- its number in the file
    field          text not null,
    code           text not null,
    primary key (organization, contact_import, row, field)
);
"""

REQUEST = """
insert into contact_imports (organization, id, owner, file_name, size, status, requested_at)
values (%s, %s, %s, %s, %s, 'queued', %s)
"""
READ = "update contact_imports set status = 'running', rows = %s where organization = %s and id = %s"
TAKE = """
update contact_imports set taken = taken + %s, created = created + %s, updated = updated + %s, skipped = skipped + %s,
       failed = failed + %s
where organization = %s and id = %s
"""
KEEP = "insert into contact_import_parts (organization, contact_import, first, outcomes) values (%s, %s, %s, %s)"
KEEP_ERRORS = """
insert into contact_import_errors (organization, contact_import, row, field, code)
select %s, %s, * from unnest(%s::int[], %s::text[], %s::text[]) on conflict do nothing
"""
FINISH = """
update contact_imports set status = 'finished', ended_at = %s where organization = %s and id = %s
"""
REFUSE = """
update contact_imports set status = 'refused', reason = %s, ended_at = %s where organization = %s and id = %s
"""

EVENTS = (ImportRequested, ImportRead, RowsImported, ImportFinished, ImportRefused)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case ImportRequested() as event:
            file = (event.file_name, event.size)
            yield REQUEST, (organization, event.contact_import, event.owner, *file, event.at)
        case ImportRead() as event:
            yield READ, (event.rows, organization, event.contact_import)
        case RowsImported() as event:
            key = (organization, event.contact_import)
            counts = tuple(event.outcomes.count(letter) for letter in "cuse")
            yield TAKE, (len(event.outcomes), *counts, *key)
            yield KEEP, (*key, event.first, event.outcomes)
            if event.errors:
                columns = zip(*((error.row, error.field, error.code) for error in event.errors), strict=True)
                yield KEEP_ERRORS, (*key, *(list(column) for column in columns))
        case ImportFinished() as event:
            yield FINISH, (event.at, organization, event.contact_import)
        case ImportRefused() as event:
            yield REFUSE, (event.reason, event.at, organization, event.contact_import)
        case _:
            pass


class ContactImport(msgspec.Struct, frozen=True, kw_only=True):
    """An import. `taken` of its `rows` are done; the four counts add up to that."""

    id: str
    owner: str
    file_name: str
    size: int
    status: str
    reason: str | None
    rows: int
    taken: int
    created: int
    updated: int
    skipped: int
    failed: int
    requested_at: datetime
    ended_at: datetime | None


class RowError(msgspec.Struct, frozen=True):
    """A row that was not taken."""

    row: int
    field: str
    code: str


BY_ID = """
select id, owner, file_name, size, status, reason, rows, taken, created, updated, skipped, failed, requested_at,
       ended_at
from contact_imports where organization = %s and id = %s
"""
NEWEST = """
select id, owner, file_name, size, status, reason, rows, taken, created, updated, skipped, failed, requested_at,
       ended_at
from contact_imports where organization = %(organization)s and (%(owner)s::text is null or owner = %(owner)s)
order by requested_at desc, id limit %(limit)s
"""
ERRORS = """
select row, field, code from contact_import_errors
where organization = %s and contact_import = %s order by row, field limit %s offset %s
"""
COUNT_ERRORS = "select count(*) from contact_import_errors where organization = %s and contact_import = %s"
OUTCOMES = """
select outcomes from contact_import_parts where organization = %s and contact_import = %s order by first
"""


async def by_id(source: Source, organization: str, contact_import: str) -> ContactImport | None:
    """One import."""
    return await reading.row(source, ContactImport, BY_ID, (organization, contact_import))


async def newest(source: Source, organization: str, owner: str | None, limit: int) -> list[ContactImport]:
    """The last imports of an owner, or of everybody."""
    return await reading.rows(
        source, ContactImport, NEWEST, {"organization": organization, "owner": owner, "limit": limit}
    )


async def errors(source: Source, organization: str, contact_import: str, limit: int, offset: int) -> list[RowError]:
    """The rows that were not taken, in the order of the file."""
    return await reading.rows(source, RowError, ERRORS, (organization, contact_import, limit, offset))


async def count_errors(source: Source, organization: str, contact_import: str) -> int:
    """How many there are."""
    found = await reading.value(source, COUNT_ERRORS, (organization, contact_import))
    return found or 0


async def outcomes(source: Source, organization: str, contact_import: str) -> str:
    """A letter for each row that was taken so far, in the order of the file."""
    return "".join([part for (part,) in await reading.tuples(source, OUTCOMES, (organization, contact_import))])
