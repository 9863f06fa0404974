"""What can be done with a message: schedule it and take it off again, pause, resume, cancel, duplicate, retry. The
transition table decides."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract, messages, timing
from api.scheduler.messages import Message, Zone
from api.whatsapp import WhatsApp
from domain import message_text, scheduled_message
from domain.model import Invalid
from eventstore.execute import Step
from projections import groups


class Scheduling(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When; without it, the time that the message has already. One without an offset is read in `timezone`."""

    scheduled_for: timing.Time | None = None
    timezone: Zone | None = None


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why, if somebody wants to say it."""

    reason: Annotated[str, msgspec.Meta(max_length=scheduled_message.MAX_REASON)] | None = None


@post(
    "/{message_id:str}/schedule",
    summary="Schedule a message",
    opt={"body": Scheduling, "bodiless": True, "limits": [contract.SENDS]},
    status_code=200,
)
async def schedule(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    whatsapp: NamedDependency[WhatsApp],
    data: JSONBody[Scheduling | None] = None,
) -> Message:
    """Let a draft wait for its time. Ten sends in a minute at most; 503 while WhatsApp is not connected (W8)."""
    row = await messages.found(runtime, caller, message_id)
    if not await commands.is_repeated(runtime, request):
        await whatsapp.check(caller.organization)
        if row.status == "draft" and not await groups.by_ids(runtime.views, caller.organization, row.groups):
            raise Invalid("GROUPS_MISSING", field="groups")  # it has none, or none that is still there
    data = data or Scheduling()
    when = timing.meant(runtime, data.scheduled_for, data.timezone, row.timezone)
    asked = scheduled_message.ScheduleMessage(
        message=message_id,
        scheduled_for=when.moment,
        timezone=when.timezone,
        last=when.last,
        repeated=await messages.repeated(runtime, row, caller.organization, row.content),
        reached=await messages.reached(runtime, caller.organization, row.groups),
        now=runtime.clock(),
    )
    await messages.run(runtime, request, caller, message_id, asked)
    return await messages.show(runtime, caller, message_id, when.warnings)


@delete("/{message_id:str}/schedule", summary="Take a message off the schedule", status_code=204)
async def redraft(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> None:
    """Make a message that is scheduled, paused, cancelled or failed a draft again. Its time stays, to be used or
    changed; who got it already does not get it anew."""
    await messages.found(runtime, caller, message_id)
    asked = scheduled_message.RedraftMessage(message=message_id, now=runtime.clock())
    await messages.run(runtime, request, caller, message_id, asked)


@post("/{message_id:str}/pause", summary="Pause a message", opt={"body": Reason, "bodiless": True}, status_code=200)
async def pause(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    data: JSONBody[Reason | None] = None,
) -> Message:
    """Stop a message for the time being, between two recipients if it is being sent."""
    await messages.found(runtime, caller, message_id)
    asked = scheduled_message.PauseMessage(
        message=message_id, reason=data.reason if data else None, now=runtime.clock()
    )
    await messages.run(runtime, request, caller, message_id, asked)
    return await messages.show(runtime, caller, message_id)


@post(
    "/{message_id:str}/resume",
    summary="Resume a message",
    opt={"body": Scheduling, "bodiless": True, "limits": [contract.SENDS]},
    status_code=200,
)
async def resume(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    data: JSONBody[Scheduling | None] = None,
) -> Message:
    """Let a paused message wait again; with another time, if its own has passed (W24)."""
    row = await messages.found(runtime, caller, message_id)
    data = data or Scheduling()
    when = timing.meant(runtime, data.scheduled_for, data.timezone, row.timezone)
    asked = scheduled_message.ResumeMessage(
        message=message_id,
        scheduled_for=when.moment,
        last=when.last,
        reached=await messages.reached(runtime, caller.organization, row.groups),
        now=runtime.clock(),
    )
    await messages.run(runtime, request, caller, message_id, asked)
    return await messages.show(runtime, caller, message_id, when.warnings)


@post("/{message_id:str}/cancel", summary="Cancel a message", opt={"body": Reason, "bodiless": True}, status_code=200)
async def cancel(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    data: JSONBody[Reason | None] = None,
) -> Message:
    """Call a message off. What it had sent stays sent."""
    await messages.found(runtime, caller, message_id)
    asked = scheduled_message.CancelMessage(
        message=message_id, reason=data.reason if data else None, now=runtime.clock()
    )
    await messages.run(runtime, request, caller, message_id, asked)
    return await messages.show(runtime, caller, message_id)


@post(
    "/{message_id:str}/retry", summary="Send again", opt={"limits": [contract.SENDS], "fails": [502]}, status_code=200
)
async def retry(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    whatsapp: NamedDependency[WhatsApp],
) -> Message:
    """Send a failed message again, to those who did not get it (W5). 503 while WhatsApp is not connected, 502 when it
    answers with errors (W8)."""
    await messages.found(runtime, caller, message_id)
    if not await commands.is_repeated(runtime, request):
        await whatsapp.check_sending(caller.organization)
    asked = scheduled_message.RetryMessage(message=message_id, now=runtime.clock())
    await messages.run(runtime, request, caller, message_id, asked)
    return await messages.show(runtime, caller, message_id)


@post("/{message_id:str}/duplicate", summary="Duplicate a message", status_code=201, opt={"fails": [422]})
async def duplicate(
    request: Request[Any, Any, Any],
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Message:
    """Make a draft that says the same to the same groups, marked as a copy."""
    row = await messages.found(runtime, caller, message_id)
    copy = commands.new_id(runtime, request, "msg")
    asked = scheduled_message.DraftMessage(
        message=copy,
        owner=row.owner,
        content=message_text.copied(row.content),
        groups=tuple(row.groups),
        timezone=row.timezone,
        copy_of=message_id,
        now=runtime.clock(),
    )
    may = scheduled_message.DuplicateMessage(message=message_id, now=runtime.clock())
    await commands.run_all(
        runtime,
        request,
        [
            Step(scheduled_message.DECIDER, scheduled_message.stream(caller.organization, message_id), may),
            Step(scheduled_message.DECIDER, scheduled_message.stream(caller.organization, copy), asked),
        ],
    )
    return await messages.show(runtime, caller, copy)


router = Router(
    "/api/messages", route_handlers=[schedule, redraft, pause, resume, cancel, retry, duplicate], tags=["messages"]
)
