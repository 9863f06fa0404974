"""Who is in a group."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contacts as entries
from api.scheduler import contract, groups
from api.scheduler.contacts import Contact, Sort
from api.scheduler.contract import Page
from domain import contact
from domain.model import NotFound
from eventstore.execute import Step
from projections import contacts

AT_ONCE = 500
Ids = Annotated[list[Annotated[str, msgspec.Meta(max_length=100)] | entries.GroupId], msgspec.Meta(max_length=AT_ONCE)]


class NewMembers(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Contacts to bring into the group, by id, under either name."""

    contact_ids: Ids = []
    contacts: Ids = []


@get("/", summary="Contacts of a group")
async def list_page(
    group_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.MAX_PAGE_SIZE)]] = 10,
    search: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    sort: FromQuery[Sort] = "name",
) -> Page[Contact]:
    """The contacts of a group."""
    await groups.found(runtime, caller, group_id)
    sought = contacts.Filter(group=group_id, search=search)
    async with runtime.connection() as connection:
        rows, total = await contacts.page(
            connection, caller.organization, sought, sort, page_size, (page - 1) * page_size
        )
    return contract.page_of([entries.shown(row) for row in rows], total, page, page_size)


@post("/", summary="Bring contacts into a group", opt={"body": NewMembers}, status_code=200)
async def add(
    request: Request[Any, Any, Any],
    group_id: FromPath[str],
    data: JSONBody[NewMembers],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> groups.Group:
    """Bring contacts of the phone book into a group, all or none; who is there already stays there."""
    row = await groups.found(runtime, caller, group_id)
    asked = entries.ids([*data.contact_ids, *data.contacts])
    async with runtime.connection() as connection:
        known = await contacts.by_ids(connection, caller.organization, asked)
    for contact_id in asked:
        if contact_id not in known or known[contact_id].owner != row.owner:
            raise NotFound("CONTACT_NOT_FOUND", contact=contact_id[:100])
    steps = [
        Step(
            contact.DECIDER,
            contact.stream(caller.organization, contact_id),
            contact.ChangeContact(contact=contact_id, join=(group_id,), now=runtime.clock()),
        )
        for contact_id in asked
    ]
    if steps:
        await commands.run_all(runtime, request, steps)
    return await groups.show(runtime, caller, group_id)


@delete("/{contact_id:str}", summary="Take a contact out of a group", status_code=204)
async def remove(
    request: Request[Any, Any, Any],
    group_id: FromPath[str],
    contact_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> None:
    """Take a contact out of a group; they stay in the phone book."""
    await groups.found(runtime, caller, group_id)
    row = await entries.found(runtime, caller, contact_id)
    if group_id not in row.groups:
        raise NotFound("CONTACT_NOT_IN_GROUP", contact=contact_id)
    asked = contact.LeaveGroup(contact=contact_id, group=group_id, now=runtime.clock())
    await commands.run(runtime, request, contact.DECIDER, contact.stream(caller.organization, contact_id), asked)


router = Router("/api/groups/{group_id:str}/contacts", route_handlers=[list_page, add, remove], tags=["groups"])
