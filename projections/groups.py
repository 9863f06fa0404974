"""Groups: the named audiences of an organisation's users. How many contacts each has is in the view `contacts`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain import group
from domain.group import GroupChanged, GroupCreated, GroupDeleted
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table groups (
    organization text not null,
    id           text not null,
    owner        text not null,
    name         text not null,
    folded       text not null,          -- the same for names that a reader would call the same
    description  text not null,
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (organization, id)
);
create index groups_by_owner on groups (organization, owner, folded);
"""

CREATE = """
insert into groups (organization, id, owner, name, folded, description, created_at, updated_at)
values (%s, %s, %s, %s, %s, %s, %s, %s)
"""
RENAME = "update groups set name = %s, folded = %s, updated_at = %s where organization = %s and id = %s"
DESCRIBE = "update groups set description = %s, updated_at = %s where organization = %s and id = %s"
DELETE = "delete from groups where organization = %s and id = %s"

EVENTS = (GroupCreated, GroupChanged, GroupDeleted)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case GroupCreated() as event:
            names = (event.name, group.folded(event.name))
            times = (event.at, event.at)
            yield CREATE, (organization, event.group, event.owner, *names, event.description, *times)
        case GroupChanged() as event:
            if event.name is not msgspec.UNSET:
                yield RENAME, (event.name, group.folded(event.name), event.at, organization, event.group)
            if event.description is not msgspec.UNSET:
                yield DESCRIBE, (event.description, event.at, organization, event.group)
        case GroupDeleted() as event:
            yield DELETE, (organization, event.group)
        case _:
            pass


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A named audience."""

    id: str
    owner: str
    name: str
    description: str
    created_at: datetime
    updated_at: datetime


BY_ID = """
select id, owner, name, description, created_at, updated_at from groups where organization = %s and id = %s
"""
BY_IDS = """
select id, owner, name, description, created_at, updated_at from groups where organization = %s and id = any(%s)
"""
BY_NAMES = """
select folded, id from groups where organization = %s and owner = %s and folded = any(%s)
"""
PAGE = """
select id, owner, name, description, created_at, updated_at from groups
where organization = %(organization)s
  and (%(owner)s::text is null or owner = %(owner)s)
  and (%(search)s::text is null or folded like %(search)s)
order by
  case when %(sort)s = 'name' then translate(folded, 'áéíóúüñ', 'aeiouun') end asc,
  case when %(sort)s = '-name' then translate(folded, 'áéíóúüñ', 'aeiouun') end desc,
  case when %(sort)s = 'created_at' then created_at end asc,
  case when %(sort)s = '-created_at' then created_at end desc,
  case when %(sort)s = 'updated_at' then updated_at end asc,
  case when %(sort)s = '-updated_at' then updated_at end desc,
  id
limit %(limit)s offset %(offset)s
"""
COUNT = """
select count(*) from groups
where organization = %(organization)s
  and (%(owner)s::text is null or owner = %(owner)s)
  and (%(search)s::text is null or folded like %(search)s)
"""
SORTS = ("name", "-name", "created_at", "-created_at", "updated_at", "-updated_at")
NAMED_LIKE = """
select id from groups
where organization = %s and (%s::text is null or owner = %s) and folded like %s order by id limit %s
"""
ALL_IDS = "select id from groups where organization = %s and (%s::text is null or owner = %s)"


async def by_id(source: Source, organization: str, found: str) -> Group | None:
    """One group; a deleted one is gone."""
    return await reading.row(source, Group, BY_ID, (organization, found))


async def by_ids(source: Source, organization: str, found: Iterable[str]) -> dict[str, Group]:
    """The groups with these ids, by id."""
    wanted = list({*found})
    rows = await reading.rows(source, Group, BY_IDS, (organization, wanted)) if wanted else []
    return {row.id: row for row in rows}


async def by_names(source: Source, organization: str, owner: str, names: Iterable[str]) -> dict[str, str]:
    """The ids of this owner's groups with these names, by folded name."""
    asked = (organization, owner, list({group.folded(name) for name in names}))
    return dict(await reading.tuples(source, BY_NAMES, asked))


async def page(
    source: Source, organization: str, owner: str | None, search: str, sort: str, limit: int, offset: int
) -> tuple[list[Group], int]:
    """One page of the groups whose names contain `search`, in one of the orders of `SORTS`, and how many there are."""
    asked = {
        "organization": organization,
        "owner": owner,
        "search": _like(search) if search.strip() else None,
        "sort": sort,
        "limit": limit,
        "offset": offset,
    }
    rows = await reading.rows(source, Group, PAGE, asked)
    found = await reading.value(source, COUNT, asked)
    return rows, found or 0


async def named_like(source: Source, organization: str, owner: str | None, search: str, limit: int) -> list[str]:
    """The ids of groups whose names contain `search`."""
    asked = (organization, owner, owner, _like(search), limit)
    return [found for (found,) in await reading.tuples(source, NAMED_LIKE, asked)]


async def all_ids(source: Source, organization: str, owner: str | None) -> list[str]:
    """The ids of every group of an owner, or of everybody."""
    return [found for (found,) in await reading.tuples(source, ALL_IDS, (organization, owner, owner))]


def _like(search: str) -> str:
    """The search as `like` takes it, without wildcards."""
    literal = group.folded(search).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"
