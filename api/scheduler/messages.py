"""Messages: written, listed, changed, thrown away. What else happens to them is in `message_actions`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract, groups, periods, timing
from api.scheduler.contacts import Groups, ids
from api.scheduler.contract import Page, iso, iso_or_none
from domain import message_text, scheduled_message, values
from domain.model import Command, NotFound
from eventstore import reading
from eventstore.execute import Step
from eventstore.reading import Source
from projections import contacts, deliveries, scheduled_messages
from projections import groups as group_rows
from projections.scheduled_messages import ScheduledMessage

Sort = Literal[
    "scheduled_for", "-scheduled_for", "created_at", "-created_at", "updated_at", "-updated_at", "status", "-status"
]
STATUSES = ("draft", "scheduled", "sending", "sent", "paused", "cancelled", "failed")
A_DAY = timedelta(days=1)
NAMED_ALIKE = 500

Content = Annotated[str, msgspec.Meta(min_length=1, max_length=2 * message_text.MAX_LENGTH)]
Zone = Annotated[str, msgspec.Meta(max_length=64)]
TempId = Annotated[str, msgspec.Meta(max_length=200)] | int
"""A browser's own name of a draft; the frontend takes the time at which it was begun, as a number."""


class GroupSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A group that a message goes to."""

    id: str
    name: str
    contact_count: int


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message. `recipient_count` counts each number once, as of now until sending starts and fixed from then on
    (W15); `sent_count` of them were taken by WhatsApp, `delivered_count` reached the phone, `failed_count` never will.
    `attempt` is more than 1 while a failed message is sent again (W5)."""

    id: str
    content: str
    scheduled_for: str | None
    timezone: str | None
    status: str
    status_reason: str | None
    last_status_change: str
    groups: list[GroupSummary]
    created_at: str
    updated_at: str
    sent_at: str | None
    recipient_count: int
    sent_count: int
    delivered_count: int
    failed_count: int
    attempt: int
    copy_of: str | None
    created_by: str
    warnings: list[str] = []


class OfTheForm(msgspec.Struct, frozen=True, kw_only=True):
    """What the frontend's form sends along with a message, and what a draft kept in the browser still has. It is taken
    and means nothing here."""

    temp_id: TempId | None = None
    created_by: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    scheduled_date_time: dict[str, Any] | None = None
    saved_at: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class NewMessage(OfTheForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft (W4). `scheduled_for` without an offset is read in `timezone`; `groups` are ids or groups, and may come
    as `group_ids`. What else the form sends is taken and means nothing here."""

    content: Content
    scheduled_for: timing.Time | None = None
    timezone: Zone | None = None
    groups: Groups = []
    group_ids: Groups = []


class MessageChanges(OfTheForm, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; what is absent stays as it is. What else the form sends is taken and means nothing here."""

    content: Content | msgspec.UnsetType = msgspec.UNSET
    scheduled_for: timing.Time | msgspec.UnsetType | None = msgspec.UNSET
    timezone: Zone | msgspec.UnsetType | None = msgspec.UNSET
    groups: Groups | msgspec.UnsetType = msgspec.UNSET
    group_ids: Groups | msgspec.UnsetType = msgspec.UNSET


class Picked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Messages that somebody picked in the list."""

    ids: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=100)]],
        msgspec.Meta(min_length=1, max_length=contract.MAX_PAGE_SIZE),
    ]


def status(row: ScheduledMessage) -> str:
    """Where a message stands, in the document's seven words (W5)."""
    return "sending" if row.status == "retry" else row.status


def shown(
    row: ScheduledMessage,
    named: dict[str, group_rows.Group],
    members: Mapping[str, contacts.Members],
    counts: deliveries.Counts,
    recipients: int,
) -> Message:
    """A message as every answer shows it."""
    return Message(
        id=row.id,
        content=row.content,
        scheduled_for=iso_or_none(row.scheduled_for),
        timezone=row.timezone,
        status=status(row),
        status_reason=row.status_reason,
        last_status_change=iso(row.status_at),
        groups=[
            GroupSummary(
                id=group_id, name=named[group_id].name, contact_count=members.get(group_id, contacts.NOBODY).total
            )
            for group_id in row.groups
            if group_id in named
        ],
        created_at=iso(row.created_at),
        updated_at=iso(row.updated_at),
        sent_at=iso_or_none(row.sent_at),
        recipient_count=row.recipient_count or recipients,
        sent_count=counts.out,
        delivered_count=counts.confirmed,
        failed_count=counts.failed,
        attempt=row.attempt,
        copy_of=row.copy_of,
        created_by=row.owner,
    )


async def shown_all(source: Source, organization: str, rows: Sequence[ScheduledMessage]) -> list[Message]:
    """These messages as every answer shows them."""
    used = list({group_id for row in rows for group_id in row.groups})
    listed = [row.id for row in rows if row.recipient_count]
    audiences = {row.id: frozenset(row.groups) for row in rows if not row.recipient_count}
    named, members, counts, reached = await reading.together(
        source,
        group_rows.by_ids(source, organization, used),
        contacts.members(source, organization, used),
        deliveries.counts(source, organization, listed),
        contacts.reached(source, organization, {*audiences.values()}),
    )
    return [
        shown(row, named, members, counts.get(row.id, deliveries.NOTHING), reached.get(audiences.get(row.id), 0))
        for row in rows
    ]


async def found(runtime: Runtime, caller: Caller, message_id: str) -> ScheduledMessage:
    """The message by id. Raises `NotFound`, and `Forbidden` for somebody else's."""
    row = await scheduled_messages.by_id(runtime.views, caller.organization, message_id)
    if row is None:
        raise NotFound("UNKNOWN_MESSAGE", message=message_id)
    contract.check_owner(caller, row.owner)
    return row


async def show(runtime: Runtime, caller: Caller, message_id: str, warnings: Sequence[str] = ()) -> Message:
    """The message as it is now."""
    row = await found(runtime, caller, message_id)
    message = (await shown_all(runtime.views, caller.organization, [row]))[0]
    return msgspec.structs.replace(message, warnings=list(warnings))


async def run(
    runtime: Runtime, request: Request[Any, Any, Any], caller: Caller, message_id: str, asked: Command
) -> None:
    """Run a command on a message."""
    stream = scheduled_message.stream(caller.organization, message_id)
    await commands.run(runtime, request, scheduled_message.DECIDER, stream, asked)


async def repeated(runtime: Runtime, row: ScheduledMessage, organization: str, content: str) -> int:
    """How often this owner sent, or is sending, the same to the same groups within a day."""
    since = runtime.clock() - A_DAY
    return await scheduled_messages.alike(runtime.views, organization, row.owner, content, row.groups, row.id, since)


async def reached(runtime: Runtime, organization: str, chosen: Sequence[str]) -> int:
    """How many a message to these groups would go to now."""
    (count,) = (await contacts.reached(runtime.views, organization, [frozenset(chosen)])).values()
    return count


def statuses(asked: str) -> tuple[str, ...]:
    """The statuses that a filter names, several with commas."""
    named = [part.strip() for part in asked.split(",") if part.strip()]
    for name in named:
        values.one_of(name, STATUSES, "status")
    return tuple(name for one in named for name in (("sending", "retry") if one == "sending" else (one,)))


@get("/", summary="Messages", opt={"fails": [422]})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.MAX_PAGE_SIZE)]] = 10,
    status: FromQuery[list[str] | None] = None,
    group_id: FromQuery[Annotated[str | None, QueryParameter(max_length=100)]] = None,
    search: FromQuery[Annotated[str, QueryParameter(max_length=200)]] = "",
    since: FromQuery[Annotated[str | None, QueryParameter(name="from", max_length=40)]] = None,
    until: FromQuery[Annotated[str | None, QueryParameter(name="to", max_length=40)]] = None,
    sort: FromQuery[Sort] = "scheduled_for",
    created_by: FromQuery[Annotated[str | None, QueryParameter(max_length=100)]] = None,
) -> Page[Message]:
    """The caller's messages; an admin sees everybody's. `search` looks at the text and at the names of groups; `from`
    and `to`, a date or a time, at when they are to be sent."""
    owner = contract.owner(caller, created_by)
    period = periods.period(runtime, since, until)
    search = search.strip()
    async with runtime.source(long=bool(search)) as source:
        named = await group_rows.named_like(source, caller.organization, owner, search, NAMED_ALIKE) if search else []
        sought = scheduled_messages.Filter(
            owner=owner,
            statuses=statuses(",".join(status or ())),
            group=group_id,
            search=search,
            search_groups=named,
            after=period.since,
            before=period.until,
        )
        rows, total = await scheduled_messages.page(
            source, caller.organization, sought, sort, page_size, (page - 1) * page_size
        )
        items = await shown_all(source, caller.organization, rows)
    return contract.page_of(items, total, page, page_size)


@post("/", summary="Write a message", opt={"body": NewMessage, "fails": [404]})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewMessage],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Message:
    """Write a message. It is a draft until it is scheduled (W4)."""
    chosen = ids([*data.groups, *data.group_ids])
    await groups.check_all(runtime, caller.organization, caller.id, chosen)
    when = timing.meant(runtime, data.scheduled_for, data.timezone)
    asked = scheduled_message.DraftMessage(
        message=commands.new_id(runtime, request, "msg"),
        owner=caller.id,
        content=data.content,
        groups=chosen,
        scheduled_for=when.moment,
        timezone=when.timezone,
        last=when.last,
        now=runtime.clock(),
    )
    await run(runtime, request, caller, asked.message, asked)
    return await show(runtime, caller, asked.message, when.warnings)


@get("/{message_id:str}", summary="One message")
async def show_one(
    message_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Message:
    """One message."""
    return await show(runtime, caller, message_id)


@put("/{message_id:str}", summary="Change a message", opt={"body": MessageChanges})
async def change(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    data: JSONBody[MessageChanges],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Message:
    """Change a draft, or a message that is scheduled, paused or failed; any other is refused with 409 (W9)."""
    row = await found(runtime, caller, message_id)
    chosen = data.group_ids if data.groups is msgspec.UNSET else data.groups
    if chosen is not msgspec.UNSET:
        chosen = ids(chosen)
        await groups.check_all(runtime, caller.organization, row.owner, chosen)
    written = data.scheduled_for
    zone = data.timezone or None
    when = timing.meant(runtime, None if written is msgspec.UNSET else written, zone, row.timezone)
    content = row.content if data.content is msgspec.UNSET else data.content
    asked = scheduled_message.EditMessage(
        message=message_id,
        content=data.content,
        groups=chosen,
        scheduled_for=msgspec.UNSET if written is msgspec.UNSET else when.moment,
        timezone=data.timezone,
        last=when.last,
        repeated=await repeated(runtime, row, caller.organization, content),
        reached=0 if chosen is msgspec.UNSET else await reached(runtime, caller.organization, chosen),
        now=runtime.clock(),
    )
    await run(runtime, request, caller, message_id, asked)
    return await show(runtime, caller, message_id, when.warnings)


@delete("/{message_id:str}", summary="Delete a message", status_code=204)
async def remove(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> None:
    """Throw a message away; not one that is being sent or was."""
    await found(runtime, caller, message_id)
    await run(
        runtime, request, caller, message_id, scheduled_message.DeleteMessage(message=message_id, now=runtime.clock())
    )


@delete("/bulk-delete", summary="Delete messages", opt={"body": Picked, "fails": [404]}, status_code=204)
async def remove_picked(
    request: Request[Any, Any, Any],
    data: JSONBody[Picked],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> None:
    """Throw messages away, all or none, as the frontend's list does with those that are picked there."""
    steps: list[Step] = []
    for message_id in dict.fromkeys(data.ids):
        await found(runtime, caller, message_id)
        asked = scheduled_message.DeleteMessage(message=message_id, now=runtime.clock())
        stream = scheduled_message.stream(caller.organization, message_id)
        steps.append(Step(scheduled_message.DECIDER, stream, asked))
    await commands.run_all(runtime, request, steps)


router = Router(
    "/api/messages", route_handlers=[list_page, create, show_one, change, remove, remove_picked], tags=["messages"]
)
