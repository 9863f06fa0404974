"""Shoppers: the accounts of the shop's client area, as signing in and the back office need them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import LiteralString

import msgspec

from domain.model import known
from domain.shopper import (
    ShopperChanged,
    ShopperDeactivated,
    ShopperErased,
    ShopperReactivated,
    ShopperRegistered,
    compared,
)
from eventstore import reading
from eventstore.mapper import Recorded
from eventstore.reading import Source
from projections.view import Statement

VERSION = 1

TABLES: LiteralString = """
create table shoppers (
    organization  text not null,
    id            text not null,
    account       text not null unique,  -- the shopper's stream
    username      text not null,         -- empty once erased, like the name and the card
    username_key  text,                  -- as it is compared; null once erased
    name          text not null,
    card          text not null,
    address       text,
    phone         text,
    email         text,
    active        boolean not null,
    erased        boolean not null default false,
    registered_at timestamptz not null,
    primary key (organization, id)
);
create unique index shoppers_by_username on shoppers (organization, username_key);
create unique index shoppers_by_email on shoppers (organization, email);
"""

REGISTER = """
insert into shoppers (organization, id, account, username, username_key, name, card, address, phone, email, active,
                      registered_at)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, true, %s)
"""
SET_USERNAME = "update shoppers set username = %s, username_key = %s where organization = %s and id = %s"
SET: dict[str, LiteralString] = {
    "name": "update shoppers set name = %s where organization = %s and id = %s",
    "card": "update shoppers set card = %s where organization = %s and id = %s",
    "address": "update shoppers set address = %s where organization = %s and id = %s",
    "phone": "update shoppers set phone = %s where organization = %s and id = %s",
    "email": "update shoppers set email = %s where organization = %s and id = %s",
}
SET_ACTIVE = "update shoppers set active = %s where organization = %s and id = %s"
ERASE = """
update shoppers set username = '', username_key = null, name = '', card = '', address = null, phone = null,
                    email = null, active = false, erased = true
where organization = %s and id = %s
"""

EVENTS = (ShopperRegistered, ShopperChanged, ShopperDeactivated, ShopperReactivated, ShopperErased)


def apply(recorded: Recorded) -> Iterable[Statement]:
    organization = recorded.meta.organization
    match recorded.event:
        case ShopperRegistered() as event:
            yield (
                REGISTER,
                (
                    organization,
                    event.shopper,
                    recorded.stream,
                    event.username,
                    _key(event.username),
                    event.name,
                    event.card,
                    known(event.address),
                    known(event.phone),
                    known(event.email),
                    event.at,
                ),
            )
        case ShopperChanged() as event:
            who = (organization, event.shopper)
            if event.username is not msgspec.UNSET:
                yield SET_USERNAME, (event.username, _key(event.username), *who)
            for field, statement in SET.items():
                value = getattr(event, field)
                if value is not msgspec.UNSET:
                    yield statement, (known(value), *who) if field == "email" else (value, *who)
        case ShopperDeactivated() as event:
            yield SET_ACTIVE, (False, organization, event.shopper)
        case ShopperReactivated() as event:
            yield SET_ACTIVE, (True, organization, event.shopper)
        case ShopperErased() as event:
            yield ERASE, (organization, event.shopper)
        case _:
            pass


def _key(username: str) -> str | None:
    return compared("username", username) if known(username) else None


class Shopper(msgspec.Struct, frozen=True, kw_only=True):
    """A shopper's account. `account` is its stream, under which its password and sign-ins are kept."""

    organization: str
    id: str
    account: str
    username: str
    name: str
    card: str
    address: str | None
    phone: str | None
    email: str | None
    active: bool
    erased: bool
    registered_at: datetime

    @property
    def role(self) -> str:
        """What access tokens call a shopper."""
        return "shopper"

    @property
    def region(self) -> str | None:
        """Shoppers have none."""
        return None


BY_ID = """
select organization, id, account, username, name, card, address, phone, email, active, erased, registered_at
from shoppers where organization = %s and id = %s
"""
BY_USERNAME = """
select organization, id, account, username, name, card, address, phone, email, active, erased, registered_at
from shoppers where organization = %s and username_key = %s
"""
BY_EMAIL = """
select organization, id, account, username, name, card, address, phone, email, active, erased, registered_at
from shoppers where organization = %s and email = %s
"""
PAGE = """
select organization, id, account, username, name, card, address, phone, email, active, erased, registered_at
from shoppers where organization = %s and id > %s order by id limit %s
"""


async def by_id(source: Source, organization: str, shopper: str) -> Shopper | None:
    """The account with this id."""
    return await _one(source, BY_ID, organization, shopper)


async def by_username(source: Source, organization: str, username: str) -> Shopper | None:
    """The account with this username, in whatever letter case."""
    return await _one(source, BY_USERNAME, organization, compared("username", username))


async def by_email(source: Source, organization: str, email: str) -> Shopper | None:
    """The account with this e-mail address."""
    return await _one(source, BY_EMAIL, organization, compared("email", email))


async def page(source: Source, organization: str, after: str, limit: int) -> list[Shopper]:
    """The shop's accounts after an id, in order of id."""
    return await reading.rows(source, Shopper, PAGE, (organization, after, limit))


async def _one(source: Source, query: LiteralString, organization: str, value: str) -> Shopper | None:
    if "\0" in value:  # nobody's, and the server would not even look
        return None
    return await reading.row(source, Shopper, query, (organization, value))
