"""Customers: who is being won or served, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.customer import CustomerAdded, CustomerAssigned, CustomerChanged, CustomerErased
from domain.model import known
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table customers (
    organization text not null,
    id           text not null,
    name         text not null,          -- empty once erased
    email        text,
    phone        text,
    assigned_to  text,
    erased       boolean not null default false,
    added_at     timestamptz not null,
    primary key (organization, id)
);
"""

ADD = """
insert into customers (organization, id, name, email, phone, assigned_to, added_at) values (%s, %s, %s, %s, %s, %s, %s)
"""
RENAME = "update customers set name = %s where organization = %s and id = %s"
SET_EMAIL = "update customers set email = %s where organization = %s and id = %s"
SET_PHONE = "update customers set phone = %s where organization = %s and id = %s"
ASSIGN = "update customers set assigned_to = %s where organization = %s and id = %s"
ERASE = """
update customers set name = '', email = null, phone = null, erased = true where organization = %s and id = %s
"""

EVENTS = (CustomerAdded, CustomerChanged, CustomerAssigned, CustomerErased)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case CustomerAdded() as event:
            yield (
                ADD,
                (
                    organization,
                    event.customer,
                    event.name,
                    known(event.email),
                    known(event.phone),
                    event.assigned_to,
                    event.at,
                ),
            )
        case CustomerChanged() as event:
            if event.name is not msgspec.UNSET:
                yield RENAME, (event.name, organization, event.customer)
            if event.email is not msgspec.UNSET:
                yield SET_EMAIL, (event.email, organization, event.customer)
            if event.phone is not msgspec.UNSET:
                yield SET_PHONE, (event.phone, organization, event.customer)
        case CustomerAssigned() as event:
            yield ASSIGN, (event.assigned_to, organization, event.customer)
        case CustomerErased() as event:
            yield ERASE, (organization, event.customer)
        case _:
            pass


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer. An erased one has no name, e-mail address or phone any more."""

    id: str
    name: str
    email: str | None
    phone: str | None
    assigned_to: str | None
    erased: bool
    added_at: datetime


BY_ID = """
select id, name, email, phone, assigned_to, erased, added_at from customers where organization = %s and id = %s
"""


PAGE = """
select id, name, email, phone, assigned_to, erased, added_at from customers
where organization = %s and (%s::text is null or assigned_to = %s) and id > %s order by id limit %s
"""


async def by_id(source: Source, organization: str, customer: str) -> Customer | None:
    """One customer."""
    return await reading.row(source, Customer, BY_ID, (organization, customer))


BY_IDS = """
select id, name, email, phone, assigned_to, erased, added_at from customers
where organization = %s and id = any(%s)
"""


async def by_ids(source: Source, organization: str, customers: Iterable[str]) -> dict[str, Customer]:
    """The customers with these ids, by id."""
    return {row.id: row for row in await reading.rows(source, Customer, BY_IDS, (organization, list({*customers})))}


async def page(source: Source, organization: str, assigned_to: str | None, after: str, limit: int) -> list[Customer]:
    """The customers of an organisation, or those that somebody looks after, after an id, in order of id."""
    return await reading.rows(source, Customer, PAGE, (organization, assigned_to, assigned_to, after, limit))
