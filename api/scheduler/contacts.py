"""Contacts: each user's own phone book, a number once in each (W16)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract, groups
from api.scheduler.contract import Page, iso
from domain import claim, contact
from domain.model import NotFound
from eventstore.execute import Step
from projections import contacts

Sort = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]


class GroupId(msgspec.Struct, frozen=True):
    """A group as other answers show it, of which only the id counts."""

    id: Annotated[str, msgspec.Meta(max_length=100)]


Groups = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=100)] | GroupId], msgspec.Meta(max_length=contact.MAX_GROUPS)
]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=contact.MAX_NAME)]
Phone = Annotated[str, msgspec.Meta(min_length=3, max_length=40)]
Email = Annotated[str, msgspec.Meta(max_length=254)]


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the phone book; `groups` are ids."""

    id: str
    name: str
    phone: str
    email: str | None
    is_active: bool
    groups: list[str]
    created_at: str
    updated_at: str
    created_by: str


class NewContact(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody to put into the phone book. `phone` is international (+5215512345678), `groups` ids or groups."""

    name: Name
    phone: Phone
    email: Email | None = None
    is_active: bool = True
    groups: Groups = []


class ContactChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is absent stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    phone: Phone | msgspec.UnsetType = msgspec.UNSET
    email: Email | msgspec.UnsetType | None = msgspec.UNSET
    is_active: bool | msgspec.UnsetType = msgspec.UNSET
    groups: Groups | msgspec.UnsetType = msgspec.UNSET


def ids(given: Groups) -> tuple[str, ...]:
    """The ids of groups that came as ids or as groups, each once."""
    return tuple(dict.fromkeys(one if isinstance(one, str) else one.id for one in given))


def shown(row: contacts.Contact) -> Contact:
    """A contact as every answer shows it."""
    return Contact(
        id=row.id,
        name=row.name,
        phone=row.phone or "",
        email=row.email,
        is_active=row.active,
        groups=row.groups,
        created_at=iso(row.created_at),
        updated_at=iso(row.updated_at),
        created_by=row.owner,
    )


async def found(runtime: Runtime, caller: Caller, contact_id: str) -> contacts.Contact:
    """The contact by id. Raises `NotFound`, and `Forbidden` for somebody else's."""
    row = await contacts.by_id(runtime.views, caller.organization, contact_id)
    if row is None:
        raise NotFound("CONTACT_NOT_FOUND", contact=contact_id)
    contract.check_owner(caller, row.owner)
    return row


def claim_step(
    runtime: Runtime, organization: str, owner: str, contact_id: str, phone: str, *, release: bool = False
) -> Step:
    """Hold the number for this contact, or let go of it."""
    digest = runtime.vault.blind(contact.unique(organization, owner, phone))
    kind = claim.ReleaseValue if release else claim.ClaimValue
    command = kind(kind="phone", digest=digest, owner=contact.stream(organization, contact_id), now=runtime.clock())
    return Step(claim.DECIDER, claim.stream("phone", digest), command)


@get("/", summary="Contacts")
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.MAX_PAGE_SIZE)]] = 10,
    search: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    group_id: FromQuery[Annotated[str | None, QueryParameter(max_length=100)]] = None,
    is_active: FromQuery[bool | None] = None,
    sort: FromQuery[Sort] = "name",
    created_by: FromQuery[Annotated[str | None, QueryParameter(max_length=100)]] = None,
) -> Page[Contact]:
    """The caller's phone book; an admin sees everybody's. `search` looks at name, number and e-mail address."""
    sought = contacts.Filter(owner=contract.owner(caller, created_by), group=group_id, active=is_active, search=search)
    async with runtime.connection() as connection:
        rows, total = await contacts.page(
            connection, caller.organization, sought, sort, page_size, (page - 1) * page_size
        )
    return contract.page_of([shown(row) for row in rows], total, page, page_size)


@post("/", summary="Add a contact", opt={"body": NewContact, "fails": [404]})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewContact],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Contact:
    """Put somebody into the phone book. A number that is there already is refused with 409."""
    await groups.check_all(runtime, caller.organization, caller.id, ids(data.groups))
    asked = contact.AddContact(
        contact=commands.new_id(runtime, request, "cnt"),
        owner=caller.id,
        name=data.name,
        phone=contact.phone(data.phone),
        email=data.email,
        active=data.is_active,
        groups=ids(data.groups),
        now=runtime.clock(),
    )
    step = Step(contact.DECIDER, contact.stream(caller.organization, asked.contact), asked)
    claimed = claim_step(runtime, caller.organization, caller.id, asked.contact, asked.phone)
    await commands.run_all(runtime, request, [step, claimed])
    return shown(await found(runtime, caller, asked.contact))


@get("/{contact_id:str}", summary="One contact")
async def show_one(
    contact_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Contact:
    """One contact. The document does not name this route; it is here for what it links to."""
    return shown(await found(runtime, caller, contact_id))


@put("/{contact_id:str}", summary="Change a contact", opt={"body": ContactChanges})
async def change(
    request: Request[Any, Any, Any],
    contact_id: FromPath[str],
    data: JSONBody[ContactChanges],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Contact:
    """Correct a contact. `groups`, when given, are all that it is in from now on."""
    row = await found(runtime, caller, contact_id)
    wanted = data.groups if data.groups is msgspec.UNSET else ids(data.groups)
    if wanted is not msgspec.UNSET:
        await groups.check_all(runtime, caller.organization, row.owner, wanted)
    phone = data.phone if data.phone is msgspec.UNSET else contact.phone(data.phone)
    asked = contact.ChangeContact(
        contact=contact_id,
        name=data.name,
        phone=phone,
        phone_was=row.phone,
        email=data.email,
        active=data.is_active,
        groups=wanted,
        now=runtime.clock(),
    )
    steps = [Step(contact.DECIDER, contact.stream(caller.organization, contact_id), asked)]
    if phone is not msgspec.UNSET and phone != row.phone:
        whose = (caller.organization, row.owner, contact_id)
        if row.phone:
            steps.append(claim_step(runtime, *whose, row.phone, release=True))
        steps.append(claim_step(runtime, *whose, phone))
    await commands.run_all(runtime, request, steps)
    return shown(await found(runtime, caller, contact_id))


@delete("/{contact_id:str}", summary="Delete a contact", status_code=204)
async def remove(
    request: Request[Any, Any, Any],
    contact_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> None:
    """Take somebody out of the phone book. What was known of them is forgotten for good."""
    row = await found(runtime, caller, contact_id)
    asked = contact.DeleteContact(contact=contact_id, phone_was=row.phone, now=runtime.clock())
    steps = [Step(contact.DECIDER, contact.stream(caller.organization, contact_id), asked)]
    if row.phone:
        steps.append(claim_step(runtime, caller.organization, row.owner, contact_id, row.phone, release=True))
    await commands.run_all(runtime, request, steps)


router = Router("/api/contacts", route_handlers=[list_page, create, show_one, change, remove], tags=["contacts"])
