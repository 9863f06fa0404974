"""Contacts: the phone books of an organisation's users, and which groups each entry is in."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec

from domain.contact import ContactAdded, ContactChanged, ContactDeleted, ContactGrouped, ContactUngrouped
from domain.group import GroupDeleted
from domain.model import known
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 3

TABLES: LiteralString = """
create table contacts (
    organization text not null,
    id           text not null,
    owner        text not null,
    name         text not null,
    phone        text,                   -- null once the person is forgotten
    email        text,
    active       boolean not null,
    folded       text not null,          -- the name as people search
    created_at   timestamptz not null,
    updated_at   timestamptz not null,
    primary key (organization, id)
);
create unique index contacts_by_phone on contacts (organization, owner, phone);
create index contacts_by_name on contacts (organization, owner, name, id);

-- With what is counted of a group's members, so that a page of messages reads no contact.
create table contact_groups (
    organization text not null,
    contact      text not null,
    "group"      text not null,
    phone        text,
    active       boolean not null,
    primary key (organization, "group", contact) include (phone, active)
);
create index contact_groups_of on contact_groups (organization, contact);

create table contact_groups_gone (      -- somebody may be put into a group at the moment when it is deleted
    organization text not null,
    "group"      text not null,
    primary key (organization, "group")
);
"""

ADD = """
insert into contacts (organization, id, owner, name, phone, email, active, folded, created_at, updated_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
RENAME = "update contacts set name = %s, folded = %s where organization = %s and id = %s"
SET_PHONE = "update contacts set phone = %s where organization = %s and id = %s"
SET_EMAIL = "update contacts set email = %s where organization = %s and id = %s"
SET_ACTIVE = "update contacts set active = %s where organization = %s and id = %s"
SET_MEMBER_PHONE = "update contact_groups set phone = %s where organization = %s and contact = %s"
SET_MEMBER_ACTIVE = "update contact_groups set active = %s where organization = %s and contact = %s"
TOUCH = "update contacts set updated_at = %s where organization = %s and id = %s"
JOIN = """
insert into contact_groups (organization, contact, "group", phone, active)
select c.organization, c.id, joined, c.phone, c.active from unnest(%s::text[]) as joined, contacts c
where c.organization = %s and c.id = %s
  and not exists (select 1 from contact_groups_gone g where g.organization = c.organization and g."group" = joined)
on conflict do nothing
"""
LEAVE = 'delete from contact_groups where organization = %s and contact = %s and "group" = any(%s)'
DELETE = "delete from contacts where organization = %s and id = %s"
LEAVE_ALL = "delete from contact_groups where organization = %s and contact = %s"
EMPTY = 'delete from contact_groups where organization = %s and "group" = %s'
GONE = 'insert into contact_groups_gone (organization, "group") values (%s, %s) on conflict do nothing'

EVENTS = (ContactAdded, ContactChanged, ContactGrouped, ContactUngrouped, ContactDeleted, GroupDeleted)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case ContactAdded() as event:
            phone, email = known(event.phone), known(event.email)
            folds = (folded(event.name), event.at, event.at)
            yield (
                ADD,
                (
                    organization,
                    event.contact,
                    event.owner,
                    event.name,
                    phone,
                    email,
                    event.active,
                    *folds,
                ),
            )
            if event.groups:
                yield JOIN, (list(event.groups), organization, event.contact)
        case ContactChanged() as event:
            key = (organization, event.contact)
            if event.name is not msgspec.UNSET:
                yield RENAME, (event.name, folded(event.name), *key)
            if event.phone is not msgspec.UNSET:
                yield SET_PHONE, (known(event.phone), *key)
                yield SET_MEMBER_PHONE, (known(event.phone), *key)
            if event.email is not msgspec.UNSET:
                yield SET_EMAIL, (known(event.email), *key)
            if event.active is not msgspec.UNSET:
                yield SET_ACTIVE, (event.active, *key)
                yield SET_MEMBER_ACTIVE, (event.active, *key)
            yield TOUCH, (event.at, *key)
        case ContactGrouped() as event:
            yield JOIN, (list(event.groups), organization, event.contact)
            yield TOUCH, (event.at, organization, event.contact)
        case ContactUngrouped() as event:
            yield LEAVE, (organization, event.contact, list(event.groups))
            yield TOUCH, (event.at, organization, event.contact)
        case ContactDeleted() as event:
            yield DELETE, (organization, event.contact)
            yield LEAVE_ALL, (organization, event.contact)
        case GroupDeleted() as event:
            yield EMPTY, (organization, event.group)
            yield GONE, (organization, event.group)
        case _:
            pass


def folded(text: str) -> str:
    """As people search: without accents, case and line breaks."""
    parts = unicodedata.normalize("NFKD", text).casefold().split()
    return "".join(character for character in " ".join(parts) if not unicodedata.combining(character))


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a phone book. `phone` is None once the person is forgotten."""

    id: str
    owner: str
    name: str
    phone: str | None
    email: str | None
    active: bool
    groups: list[str]
    created_at: datetime
    updated_at: datetime


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which contacts are looked for. `owner` None: everybody's."""

    owner: str | None = None
    group: str | None = None
    active: bool | None = None
    search: str = ""


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """How many contacts are in a group, and how many of them take messages."""

    total: int = 0
    active: int = 0


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """Whom some groups reach: `recipients` are active contacts, each number once. `entries` counts a contact once for
    every group that it is in, and so does `inactive_entries`; `inactive` counts it once."""

    entries: int = 0
    inactive_entries: int = 0
    inactive: int = 0
    recipients: int = 0


NOBODY = Members()

BY_ID = """
select id, owner, name, phone, email, active, created_at, updated_at,
       array(select "group" from contact_groups g where g.organization = c.organization and g.contact = c.id
             order by "group") as groups
from contacts c where organization = %s and id = %s
"""
BY_IDS = """
select id, owner, name, phone, email, active, created_at, updated_at,
       array(select "group" from contact_groups g where g.organization = c.organization and g.contact = c.id
             order by "group") as groups
from contacts c where organization = %s and id = any(%s)
"""
BY_PHONES = """
select id, owner, name, phone, email, active, created_at, updated_at,
       array(select "group" from contact_groups g where g.organization = c.organization and g.contact = c.id
             order by "group") as groups
from contacts c where organization = %s and owner = %s and phone = any(%s)
"""
PAGE = """
select id, owner, name, phone, email, active, created_at, updated_at,
       array(select "group" from contact_groups g where g.organization = c.organization and g.contact = c.id
             order by "group") as groups
from contacts c
where organization = %(organization)s
  and (%(owner)s::text is null or owner = %(owner)s)
  and (%(active)s::boolean is null or active = %(active)s)
  and (%(search)s::text is null or folded like %(search)s or phone like %(search)s or email like %(search)s)
  and (%(group)s::text is null or exists (
        select 1 from contact_groups g
        where g.organization = c.organization and g.contact = c.id and g."group" = %(group)s))
order by
  case when %(sort)s = 'name' then folded end asc,
  case when %(sort)s = '-name' then folded end desc,
  case when %(sort)s = 'created_at' then created_at end asc,
  case when %(sort)s = '-created_at' then created_at end desc,
  case when %(sort)s = 'updated_at' then updated_at end asc,
  case when %(sort)s = '-updated_at' then updated_at end desc,
  id
limit %(limit)s offset %(offset)s
"""
COUNT = """
select count(*)
from contacts c
where organization = %(organization)s
  and (%(owner)s::text is null or owner = %(owner)s)
  and (%(active)s::boolean is null or active = %(active)s)
  and (%(search)s::text is null or folded like %(search)s or phone like %(search)s or email like %(search)s)
  and (%(group)s::text is null or exists (
        select 1 from contact_groups g
        where g.organization = c.organization and g.contact = c.id and g."group" = %(group)s))
"""
SORTS = ("name", "-name", "created_at", "-created_at", "updated_at", "-updated_at")
MEMBERS = """
select "group", count(*), count(*) filter (where active)
from contact_groups where organization = %s and "group" = any(%s) group by "group"
"""
AUDIENCE = """
select count(*), count(*) filter (where not active), count(distinct contact) filter (where not active),
       count(distinct phone) filter (where active)
from contact_groups where organization = %s and "group" = any(%s)
"""
# Lateral with an offset: by the index, always. From how few organisations there are PostgreSQL would gather that
# reading every membership is cheaper.
REACHED = """
select list, count(distinct phone)
from unnest(%s::integer[], %s::text[]) as asked (list, "group"),
     lateral (select phone from contact_groups
              where organization = %s and "group" = asked."group" and active offset 0) member
group by list
"""
RECIPIENTS = """
select distinct on (phone) contact
from contact_groups where organization = %s and "group" = any(%s) and active and phone is not null
order by phone, contact
"""
PHONES = """
select id, phone from contacts where organization = %s and id = any(%s) and active and phone is not null
"""


async def by_id(source: Source, organization: str, contact: str) -> Contact | None:
    """One contact; a deleted one is gone."""
    return await reading.row(source, Contact, BY_ID, (organization, contact))


async def by_ids(source: Source, organization: str, contacts: Iterable[str]) -> dict[str, Contact]:
    """The contacts with these ids, by id."""
    return {row.id: row for row in await reading.rows(source, Contact, BY_IDS, (organization, list({*contacts})))}


async def by_phones(source: Source, organization: str, owner: str, phones: Iterable[str]) -> dict[str, Contact]:
    """The contacts in this owner's phone book that have one of these numbers, by number."""
    found = await reading.rows(source, Contact, BY_PHONES, (organization, owner, list({*phones})))
    return {contact.phone: contact for contact in found if contact.phone}


async def page(
    source: Source, organization: str, sought: Filter, sort: str, limit: int, offset: int
) -> tuple[list[Contact], int]:
    """One page of the contacts sought, in one of the orders of `SORTS`, and how many there are in all."""
    asked = {**_asked(organization, sought), "sort": sort, "limit": limit, "offset": offset}
    rows, total = await reading.together(
        source, reading.rows(source, Contact, PAGE, asked), count(source, organization, sought)
    )
    return rows, total


async def count(source: Source, organization: str, sought: Filter) -> int:
    """How many of these contacts there are."""
    found = await reading.value(source, COUNT, _asked(organization, sought))
    return found or 0


async def members(source: Source, organization: str, groups: Sequence[str]) -> Mapping[str, Members]:
    """How many contacts these groups have; a group without any is left out."""
    if not groups:
        return {}
    rows = await reading.tuples(source, MEMBERS, (organization, list(groups)))
    return {group: Members(total=total, active=active) for group, total, active in rows}


async def audience(source: Source, organization: str, groups: Sequence[str]) -> Audience:
    """Whom a message to these groups would reach now."""
    (row,) = await reading.tuples(source, AUDIENCE, (organization, list(groups)))
    return Audience(entries=row[0], inactive_entries=row[1], inactive=row[2], recipients=row[3])


async def reached(source: Source, organization: str, lists: Collection[frozenset[str]]) -> dict[frozenset[str], int]:
    """How many numbers each of several lists of groups reaches now."""
    numbered = [(number, group) for number, groups in enumerate(lists) for group in groups]
    if not numbered:
        return dict.fromkeys(lists, 0)
    numbers, groups = map(list, zip(*numbered, strict=True))
    found = dict(await reading.tuples(source, REACHED, (numbers, groups, organization)))
    return {groups: found.get(number, 0) for number, groups in enumerate(lists)}


async def recipients(source: Source, organization: str, groups: Sequence[str]) -> list[str]:
    """The active contacts of these groups, each number once."""
    return [contact for (contact,) in await reading.tuples(source, RECIPIENTS, (organization, list(groups)))]


async def phones(source: Source, organization: str, contacts: Sequence[str]) -> dict[str, str]:
    """The numbers of those of these contacts that take messages, by contact."""
    return dict(await reading.tuples(source, PHONES, (organization, list(contacts))))


def _asked(organization: str, sought: Filter) -> dict[str, Any]:
    return {
        "organization": organization,
        "owner": sought.owner,
        "group": sought.group,
        "active": sought.active,
        "search": f"%{_literal(folded(sought.search))}%" if sought.search.strip() else None,
    }


def _literal(search: str) -> str:
    """The search as `like` takes it, without wildcards."""
    return search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
