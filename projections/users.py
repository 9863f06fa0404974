"""Users: the staff accounts, as logging in and the back office need them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import LiteralString

import msgspec

from domain.model import known
from domain.user import UserAdded, UserChanged, UserDeactivated, UserErased, UserReactivated, UserRoleChanged
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table users (
    organization text not null,
    id           text not null,
    account      text not null unique,   -- the user's stream
    name         text not null,
    email        text,                   -- null once erased
    phone        text,
    role         text not null,
    region       text,
    active       boolean not null,
    primary key (organization, id)
);
create unique index users_by_email on users (email);
"""

ADD = """
insert into users (organization, id, account, name, email, phone, role, region, active)
values (%s, %s, %s, %s, %s, %s, %s, %s, true)
"""
RENAME = "update users set name = %s where organization = %s and id = %s"
SET_PHONE = "update users set phone = %s where organization = %s and id = %s"
SET_REGION = "update users set region = %s where organization = %s and id = %s"
SET_ROLE = "update users set role = %s where organization = %s and id = %s"
SET_ACTIVE = "update users set active = %s where organization = %s and id = %s"
ERASE = """
update users set name = '', email = null, phone = null, active = false where organization = %s and id = %s
"""

EVENTS = (UserAdded, UserChanged, UserRoleChanged, UserDeactivated, UserReactivated, UserErased)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case UserAdded() as event:
            yield (
                ADD,
                (
                    organization,
                    event.user,
                    recorded.stream,
                    event.name,
                    known(event.email),
                    known(event.phone),
                    event.role,
                    event.region,
                ),
            )
        case UserChanged() as event:
            if event.name is not msgspec.UNSET:
                yield RENAME, (event.name, organization, event.user)
            if event.phone is not msgspec.UNSET:
                yield SET_PHONE, (event.phone, organization, event.user)
            if event.region is not msgspec.UNSET:
                yield SET_REGION, (event.region, organization, event.user)
        case UserRoleChanged() as event:
            yield SET_ROLE, (event.role, organization, event.user)
        case UserDeactivated() as event:
            yield SET_ACTIVE, (False, organization, event.user)
        case UserReactivated() as event:
            yield SET_ACTIVE, (True, organization, event.user)
        case UserErased() as event:
            yield ERASE, (organization, event.user)
        case _:
            pass


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A staff account. `account` is its stream, under which its password and sign-ins are kept."""

    organization: str
    id: str
    account: str
    name: str
    email: str | None
    phone: str | None
    role: str
    region: str | None
    active: bool


BY_EMAIL = """
select organization, id, account, name, email, phone, role, region, active from users where email = %s
"""
BY_ID = """
select organization, id, account, name, email, phone, role, region, active from users
where organization = %s and id = %s
"""
BY_ACCOUNT = """
select organization, id, account, name, email, phone, role, region, active from users where account = %s
"""
PAGE = """
select organization, id, account, name, email, phone, role, region, active from users
where organization = %s and (%s::text is null or role = %s) and id > %s order by id limit %s
"""


async def by_email(source: Source, email: str) -> User | None:
    """The account with this e-mail address, of whatever organisation: an address belongs to one account."""
    return await reading.row(source, User, BY_EMAIL, (email,))


async def by_account(source: Source, account: str) -> User | None:
    """The account by its stream."""
    return await reading.row(source, User, BY_ACCOUNT, (account,))


async def by_id(source: Source, organization: str, user: str) -> User | None:
    """The account with this id in this organisation."""
    return await reading.row(source, User, BY_ID, (organization, user))


BY_IDS = """
select organization, id, account, name, email, phone, role, region, active from users
where organization = %s and id = any(%s)
"""


async def by_ids(source: Source, organization: str, users: Iterable[str]) -> dict[str, User]:
    """The accounts with these ids, by id."""
    return {row.id: row for row in await reading.rows(source, User, BY_IDS, (organization, list({*users})))}


async def page(source: Source, organization: str, role: str | None, after: str, limit: int) -> list[User]:
    """The accounts of an organisation after an id, in order of id."""
    return await reading.rows(source, User, PAGE, (organization, role, role, after, limit))
