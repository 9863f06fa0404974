"""Groups: named audiences, each user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract
from api.scheduler.contract import Page, iso
from domain import claim, group
from domain.model import Conflict, NotFound
from eventstore.execute import Step
from eventstore.reading import Source
from projections import contacts, groups, scheduled_messages

ACTIVE = ("scheduled", "sending", "retry", "paused")
Sort = Literal["name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group. `contact_count` counts all its contacts, `active_count` those that take messages."""

    id: str
    name: str
    description: str
    contact_count: int
    active_count: int
    created_at: str
    updated_at: str
    created_by: str


class NewGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group to make; its name is not used by another one of the caller's."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=group.MAX_NAME)]
    description: Annotated[str, msgspec.Meta(max_length=group.MAX_DESCRIPTION)] | None = None


class GroupChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is absent stays as it is."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=group.MAX_NAME)] | msgspec.UnsetType = msgspec.UNSET
    description: Annotated[str, msgspec.Meta(max_length=group.MAX_DESCRIPTION)] | msgspec.UnsetType | None = (
        msgspec.UNSET
    )


def shown(row: groups.Group, members: contacts.Members) -> Group:
    """A group as every answer shows it."""
    return Group(
        id=row.id,
        name=row.name,
        description=row.description,
        contact_count=members.total,
        active_count=members.active,
        created_at=iso(row.created_at),
        updated_at=iso(row.updated_at),
        created_by=row.owner,
    )


async def shown_all(source: Source, organization: str, rows: Sequence[groups.Group]) -> list[Group]:
    """These groups as every answer shows them."""
    members = await contacts.members(source, organization, [row.id for row in rows])
    return [shown(row, members.get(row.id, contacts.NOBODY)) for row in rows]


async def found(runtime: Runtime, caller: Caller, group_id: str) -> groups.Group:
    """The group by id. Raises `NotFound`, and `Forbidden` for somebody else's."""
    row = await groups.by_id(runtime.views, caller.organization, group_id)
    if row is None:
        raise NotFound("GROUP_NOT_FOUND", group=group_id)
    contract.check_owner(caller, row.owner)
    return row


async def check_all(runtime: Runtime, organization: str, owner: str, asked: Sequence[str]) -> None:
    """Raise `NotFound` unless all of these are groups of this owner."""
    rows = await groups.by_ids(runtime.views, organization, asked)
    for group_id in asked:
        if group_id not in rows or rows[group_id].owner != owner:
            raise NotFound("GROUP_NOT_FOUND", group=group_id[:100])


async def show(runtime: Runtime, caller: Caller, group_id: str) -> Group:
    """The group as it is now."""
    row = await found(runtime, caller, group_id)
    return (await shown_all(runtime.views, caller.organization, [row]))[0]


def claim_step(runtime: Runtime, organization: str, owner: str, group_id: str, name: str, *, release=False) -> Step:
    """Hold the name for this group, or let go of it."""
    digest = runtime.vault.blind(group.unique(organization, owner, name))
    kind = claim.ReleaseValue if release else claim.ClaimValue
    command = kind(kind="group_name", digest=digest, owner=group.stream(organization, group_id), now=runtime.clock())
    return Step(claim.DECIDER, claim.stream("group_name", digest), command)


@get("/", summary="Groups")
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.MAX_PAGE_SIZE)]] = 10,
    search: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    sort: FromQuery[Sort] = "name",
    created_by: FromQuery[Annotated[str | None, QueryParameter(max_length=100)]] = None,
) -> Page[Group]:
    """The caller's groups; an admin sees everybody's, or those of `created_by`."""
    owner = contract.owner(caller, created_by)
    async with runtime.source(long=bool(search.strip())) as source:
        rows, total = await groups.page(
            source, caller.organization, owner, search, sort, page_size, (page - 1) * page_size
        )
        items = await shown_all(source, caller.organization, rows)
    return contract.page_of(items, total, page, page_size)


@post("/", summary="Make a group", opt={"body": NewGroup, "limits": [contract.GROUPS]})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewGroup],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Group:
    """Make a group; five in a minute at most."""
    asked = group.CreateGroup(
        group=commands.new_id(runtime, request, "grp"),
        owner=caller.id,
        name=data.name,
        description=data.description or "",
        now=runtime.clock(),
    )
    stream = group.stream(caller.organization, asked.group)
    claimed = claim_step(runtime, caller.organization, caller.id, asked.group, data.name)
    await commands.run_all(runtime, request, [Step(group.DECIDER, stream, asked), claimed])
    return await show(runtime, caller, asked.group)


@get("/{group_id:str}", summary="One group")
async def show_one(
    group_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Group:
    """One group."""
    return await show(runtime, caller, group_id)


@put("/{group_id:str}", summary="Change a group", opt={"body": GroupChanges})
async def change(
    request: Request[Any, Any, Any],
    group_id: FromPath[str],
    data: JSONBody[GroupChanges],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Group:
    """Call or describe a group otherwise."""
    row = await found(runtime, caller, group_id)
    asked = group.ChangeGroup(
        group=group_id,
        name=data.name,
        name_was=row.name,
        description=data.description or "" if data.description is not msgspec.UNSET else msgspec.UNSET,
        now=runtime.clock(),
    )
    steps = [Step(group.DECIDER, group.stream(caller.organization, group_id), asked)]
    if data.name is not msgspec.UNSET and group.folded(data.name) != group.folded(row.name):
        names = (caller.organization, row.owner, group_id)
        steps.append(claim_step(runtime, *names, row.name, release=True))
        steps.append(claim_step(runtime, *names, data.name))
    await commands.run_all(runtime, request, steps)
    return await show(runtime, caller, group_id)


@delete("/{group_id:str}", summary="Delete a group", status_code=204)
async def remove(
    request: Request[Any, Any, Any],
    group_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> None:
    """Do away with a group; its contacts stay. Not while a message to it is waiting, paused or being sent."""
    row = await found(runtime, caller, group_id)
    used = scheduled_messages.Filter(statuses=ACTIVE, group=group_id)
    _, count = await scheduled_messages.page(runtime.views, caller.organization, used, "created_at", 1, 0)
    if count:
        raise Conflict("GROUP_IN_USE", group=group_id, messages=count)
    asked = group.DeleteGroup(group=group_id, name_was=row.name, now=runtime.clock())
    step = Step(group.DECIDER, group.stream(caller.organization, group_id), asked)
    freed = claim_step(runtime, caller.organization, row.owner, group_id, row.name, release=True)
    await commands.run_all(runtime, request, [step, freed])


router = Router("/api/groups", route_handlers=[list_page, create, show_one, change, remove], tags=["groups"])
