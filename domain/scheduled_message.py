"""A scheduled message: one text for the contacts of some groups, sent when its time has come.

It begins as a draft. Scheduled, it waits; when it is due its recipients are listed once and for all, and it is sent
copy by copy (see `delivery`); it ends sent or failed, with exact counts. What the table of `message_status` does not
allow is refused with INVALID_STATE (W7). The same command a second time, with the same moment, changes nothing. Its
events and commands are in `message_events`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from domain import audience, message_events, message_text, schedule, values
from domain.message_events import (
    CancelMessage,
    DeleteMessage,
    DraftMessage,
    DuplicateMessage,
    EditMessage,
    FailureReason,
    FinishSending,
    KeepSending,
    MessageCancelled,
    MessageCommand,
    MessageDeleted,
    MessageDrafted,
    MessageEdited,
    MessageEvent,
    MessageFailed,
    MessagePaused,
    MessageRedrafted,
    MessageResumed,
    MessageRetried,
    MessageScheduled,
    MessageSent,
    PauseMessage,
    RecipientsListed,
    RedraftMessage,
    ResumeMessage,
    RetryMessage,
    ScheduleMessage,
    SendingStarted,
    StartSending,
    TimedCommand,
)
from domain.message_status import COPYABLE, DELETABLE, EDITABLE, GOING_OUT, Status, may_become, must_be
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound

WORDS = message_events.__name__
"""Where its events and commands are declared: they alone fill a file."""
MAX_REASON = 500


class State(msgspec.Struct, frozen=True, kw_only=True):
    """`since` is when it came to its status."""

    owner: str = ""
    status: Status | None = None
    since: datetime | None = None
    content: str = ""
    revision: int = 1
    groups: tuple[str, ...] = ()
    scheduled_for: datetime | None = None
    timezone: str | None = None
    recipients: int = 0
    attempt: int = 1
    deleted_at: datetime | None = None


PLAIN: Mapping[type[Command], tuple[Status, str, type[Event]]] = {
    PauseMessage: ("paused", "pause", MessagePaused),
    CancelMessage: ("cancelled", "cancel", MessageCancelled),
    RedraftMessage: ("draft", "redraft", MessageRedrafted),
    RetryMessage: ("retry", "retry", MessageRetried),
}


def evolve(state: State, event: MessageEvent) -> State:
    match event:
        case MessageDrafted():
            written = State(owner=event.owner, content=event.content, groups=event.groups)
            timed = replace(written, scheduled_for=event.scheduled_for, timezone=event.timezone)
            return _moved(timed, "draft", event.at)
        case MessageEdited():
            written = replace(state, content=event.content, groups=event.groups, revision=event.revision)
            return replace(written, scheduled_for=event.scheduled_for, timezone=event.timezone)
        case MessageScheduled():
            timed = replace(state, scheduled_for=event.scheduled_for, timezone=event.timezone)
            return _moved(timed, "scheduled", event.at)
        case MessageResumed():
            return _moved(replace(state, scheduled_for=event.scheduled_for), "scheduled", event.at)
        case MessagePaused():
            return _moved(state, "paused", event.at)
        case MessageCancelled():
            return _moved(state, "cancelled", event.at)
        case MessageRedrafted():
            again = replace(state, attempt=state.attempt + (event.was == "failed"))
            return _moved(again, "draft", event.at)
        case MessageDeleted():
            return replace(state, deleted_at=event.at)
        case RecipientsListed():
            return replace(state, recipients=state.recipients + len(event.recipients))
        case SendingStarted():
            return _moved(state, "sending", event.at)
        case MessageRetried():
            return _moved(replace(state, attempt=event.attempt), "retry", event.at)
        case MessageSent():
            return _moved(state, "sent", event.at)
        case MessageFailed():
            return _moved(state, "failed", event.at)
        case _:
            assert_never(event)


def _moved(state: State, status: Status, at: datetime) -> State:
    return replace(state, status=status, since=at)


def decide(state: State, command: MessageCommand) -> list[Event]:
    """Refuses with what `message_text` and `schedule` refuse, GROUPS_MISSING, TOO_MANY, TOO_MANY_RECIPIENTS,
    SCHEDULE_MISSING, SPAM_SUSPECTED (Invalid), UNKNOWN_MESSAGE (NotFound), INVALID_STATE, SCHEDULE_PASSED,
    RECIPIENTS_LISTED, NOT_DUE, MESSAGE_CHANGED, MESSAGE_EXISTS and COUNTS_OPEN (Conflict)."""
    if isinstance(command, DraftMessage):
        return draft(state, command)
    if isinstance(command, DeleteMessage) and command.now == state.deleted_at:
        return []
    if state.status is None or state.deleted_at is not None:
        raise NotFound("UNKNOWN_MESSAGE", message=command.message)
    match command:
        case PauseMessage() | CancelMessage() | RedraftMessage() | RetryMessage():
            return move(state, command)
        case EditMessage():
            return edit(state, command)
        case ScheduleMessage():
            return put_on_schedule(state, command)
        case ResumeMessage():
            return resume(state, command)
        case DeleteMessage():
            must_be(state.status, DELETABLE, "delete")
            return [_said(MessageDeleted, state, command)]
        case DuplicateMessage():
            must_be(state.status, COPYABLE, "duplicate")
            return []
        case StartSending():
            return start(state, command)
        case KeepSending():
            must_be(state.status, GOING_OUT, "send")
            if (command.attempt, command.revision) != (state.attempt, state.revision):
                raise Conflict("MESSAGE_CHANGED", attempt=state.attempt, revision=state.revision)
            return []
        case FinishSending():
            return finish(state, command)
        case _:
            assert_never(command)


def move(state: State, command: PauseMessage | CancelMessage | RedraftMessage | RetryMessage) -> list[Event]:
    """A move that asks for nothing but the state to move from."""
    target, action, kind = PLAIN[type(command)]
    if _already(state, target, command):
        return []
    assert state.status is not None
    may_become(state.status, target, action)
    if isinstance(command, RetryMessage):
        return [_said(kind, state, command, recipients=state.recipients, attempt=state.attempt + 1)]
    if isinstance(command, RedraftMessage):
        return [_said(kind, state, command, was=state.status)]
    reason = values.optional_text(command.reason, "reason", MAX_REASON, lines=True)
    return [_said(kind, state, command, was=state.status, reason=reason)]


def draft(state: State, command: DraftMessage) -> list[Event]:
    drafted = MessageDrafted(
        message=command.message,
        owner=command.owner,
        content=message_text.text(command.content),
        groups=audience.groups(command.groups),
        scheduled_for=_moment(command.scheduled_for, command),
        timezone=schedule.zone_name(command.timezone),
        copy_of=command.copy_of,
        at=command.now,
    )
    if state.status is None:
        return [drafted]
    if _already(state, "draft", command) and state.deleted_at is None:
        return []
    raise Conflict("MESSAGE_EXISTS", message=command.message)


def edit(state: State, command: EditMessage) -> list[Event]:
    must_be(state.status, EDITABLE, "edit")
    content = state.content if command.content is UNSET else message_text.text(command.content)
    groups = state.groups if command.groups is UNSET else audience.groups(command.groups)
    if state.recipients and groups != state.groups:
        raise Conflict("RECIPIENTS_LISTED", message=command.message, recipients=state.recipients)
    moment = state.scheduled_for
    if command.scheduled_for is not UNSET and command.scheduled_for != state.scheduled_for:
        moment = _moment(command.scheduled_for, command)
    timezone = state.timezone if command.timezone is UNSET else schedule.zone_name(command.timezone)
    if (content, groups, moment, timezone) == (state.content, state.groups, state.scheduled_for, state.timezone):
        return []
    if state.status != "draft":  # it goes out without being scheduled anew
        _complete(moment, groups, command.reached if groups != state.groups else 0)
        message_text.refuse_spam(content, command.repeated if content != state.content else 0)
    revision = state.revision + (content != state.content)
    now = {"content": content, "groups": groups, "scheduled_for": moment, "timezone": timezone}
    return [_said(MessageEdited, state, command, revision=revision, **now)]


def put_on_schedule(state: State, command: ScheduleMessage) -> list[Event]:
    if _already(state, "scheduled", command):
        return []
    must_be(state.status, frozenset({"draft"}), "schedule")
    moment = _moment(command.scheduled_for or state.scheduled_for, command)
    _complete(moment, state.groups, command.reached)
    message_text.refuse_spam(state.content, command.repeated)
    timezone = schedule.zone_name(command.timezone) or state.timezone
    return [_said(MessageScheduled, state, command, scheduled_for=moment, timezone=timezone)]


def resume(state: State, command: ResumeMessage) -> list[Event]:
    if _already(state, "scheduled", command):
        return []
    must_be(state.status, frozenset({"paused"}), "resume")
    moment = _moment(command.scheduled_for, command) or state.scheduled_for
    if moment is None or moment <= command.now:
        raise Conflict("SCHEDULE_PASSED", message=command.message, scheduled_for=moment)
    if not state.recipients:
        audience.refuse_too_many(command.reached)
    return [_said(MessageResumed, state, command, scheduled_for=moment)]


def start(state: State, command: StartSending) -> list[Event]:
    """The recipients, where they are not listed yet, and the start; or the failure that takes its place."""
    if state.status == "sending" or _already(state, "failed", command):
        return []
    if state.status == "retry" and state.recipients:
        return []
    if state.status != "retry":
        must_be(state.status, frozenset({"scheduled"}), "start")
        if state.scheduled_for is None or state.scheduled_for > command.now:
            raise Conflict("NOT_DUE", message=command.message, scheduled_for=state.scheduled_for)
        if schedule.is_missed(state.scheduled_for, command.now, command.late):
            return _in_vain(state, command, "MISSED_SCHEDULE")
    parts = [] if state.recipients else audience.parts(command.recipients)
    listed: list[Event] = [_said(RecipientsListed, state, command, recipients=part) for part in parts]
    total = state.recipients + sum(map(len, parts))
    if not total:
        return _in_vain(state, command, "NO_RECIPIENTS")
    if total > audience.MAX_RECIPIENTS:
        return _in_vain(state, command, "TOO_MANY_RECIPIENTS")
    if state.status == "retry":
        return listed
    return [*listed, _said(SendingStarted, state, command, recipients=total, attempt=state.attempt)]


def _in_vain(state: State, command: StartSending, reason: FailureReason) -> list[Event]:
    """A start that leads to nothing; the table knows no way from scheduled to failed but over sending."""
    failed = _said(MessageFailed, state, command, reason=reason, failed=0, reasons={})
    if state.status == "retry":
        return [failed]
    return [_said(SendingStarted, state, command, recipients=0, attempt=state.attempt), failed]


def finish(state: State, command: FinishSending) -> list[Event]:
    """The end, with counts that must add up to the list of recipients."""
    if _already(state, "sent", command) or _already(state, "failed", command):
        return []
    must_be(state.status, GOING_OUT, "finish")
    if min(command.sent, command.failed) < 0 or command.sent + command.failed != state.recipients:
        counts = {"recipients": state.recipients, "sent": command.sent, "failed": command.failed}
        raise Conflict("COUNTS_OPEN", message=command.message, **counts)
    ended = {"failed": command.failed, "reasons": dict(command.reasons)}
    if command.sent:
        return [_said(MessageSent, state, command, sent=command.sent, **ended)]
    return [_said(MessageFailed, state, command, reason="NOTHING_SENT", **ended)]


def _said(kind: type[Any], state: State, command: TimedCommand, **more: Any) -> Any:
    """An event of this message, at the command's moment."""
    return kind(message=command.message, owner=state.owner, at=command.now, **more)


def _already(state: State, status: Status, command: TimedCommand) -> bool:
    return state.status == status and state.since == command.now


def _complete(moment: datetime | None, groups: Sequence[str], reached: int) -> None:
    if moment is None:
        raise Invalid("SCHEDULE_MISSING", field="scheduled_for")
    if not groups:
        raise Invalid("GROUPS_MISSING", field="groups")
    audience.refuse_too_many(reached)


def _moment(moment: datetime | None, command: DraftMessage | EditMessage | ScheduleMessage | ResumeMessage):
    return None if moment is None else schedule.check(moment, command.now, command.last)


def stream(organization: str, message: str) -> str:
    return values.stream_name("scheduled_message", organization, message)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
