"""A scheduled message: one text for the contacts of some groups, sent when its time has come.

It begins as a draft. Scheduled, it waits; when it is due its recipients are listed once and for all, and it is sent
copy by copy (see `delivery`); it ends sent or failed, with exact counts. `MOVES` is the transition table of the
WhatsApp Scheduler contract (2.1), to the letter; what it does not allow is refused with INVALID_STATE (W7). The same
command a second time, with the same moment, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, assert_never, get_args

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import message_text, schedule, values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound

MAX_REASON = 500
MAX_GROUPS = 200
MAX_RECIPIENTS = 100_000
MAX_LATE = 365 * 24 * 3600
LISTED_AT_ONCE = 5_000
"""How many recipients one event lists: an event must stay small enough to be stored."""

Status = Literal["draft", "scheduled", "sending", "sent", "paused", "cancelled", "failed", "retry"]
STATUSES: tuple[Status, ...] = get_args(Status)

MOVES: Mapping[Status, frozenset[Status]] = {
    "draft": frozenset({"scheduled", "cancelled"}),
    "scheduled": frozenset({"sending", "paused", "cancelled", "draft"}),
    "sending": frozenset({"sent", "failed", "paused", "cancelled"}),
    "sent": frozenset(),
    "paused": frozenset({"scheduled", "cancelled", "draft"}),
    "cancelled": frozenset({"draft"}),
    "failed": frozenset({"retry", "draft", "cancelled"}),
    "retry": frozenset({"sent", "failed", "paused", "cancelled"}),
}
EDITABLE: frozenset[Status] = frozenset({"draft", "scheduled", "paused", "failed"})
DELETABLE: frozenset[Status] = frozenset({"draft", "scheduled", "paused", "cancelled", "failed"})
COPYABLE: frozenset[Status] = frozenset({"draft", "scheduled", "sent", "cancelled"})
GOING_OUT: frozenset[Status] = frozenset({"sending", "retry"})

FailureReason = Literal["MISSED_SCHEDULE", "NO_RECIPIENTS", "NOTHING_SENT"]


class MessageDrafted(Event):
    """Somebody wrote a message. `copy_of` is the one it was duplicated from."""

    message: str
    owner: str
    content: str
    groups: tuple[str, ...]
    scheduled_for: datetime | None
    timezone: str | None
    copy_of: str | None = None
    at: datetime


class MessageEdited(Event):
    """A message was changed; carries all of it, as it is now. `revision` counts its texts from 1."""

    message: str
    owner: str
    revision: int
    content: str
    groups: tuple[str, ...]
    scheduled_for: datetime | None
    timezone: str | None
    at: datetime


class MessageScheduled(Event):
    """A message waits for its time."""

    message: str
    owner: str
    scheduled_for: datetime
    timezone: str | None
    at: datetime


class MessagePaused(Event):
    """A message was stopped for the time being. `was` is what it was doing."""

    message: str
    owner: str
    reason: str | None
    was: str
    at: datetime


class MessageResumed(Event):
    """A paused message waits for its time again."""

    message: str
    owner: str
    scheduled_for: datetime
    at: datetime


class MessageCancelled(Event):
    """A message was called off. What it had sent stays sent."""

    message: str
    owner: str
    reason: str | None
    was: str
    at: datetime


class MessageRedrafted(Event):
    """A message went back to being a draft."""

    message: str
    owner: str
    was: str
    at: datetime


class MessageDeleted(Event):
    """A message was thrown away. Its history stays."""

    message: str
    owner: str
    at: datetime


class RecipientsListed(Event):
    """Some of the contacts that the message goes to, once and for all. Long lists take several of these."""

    message: str
    owner: str
    recipients: tuple[str, ...]
    at: datetime


class SendingStarted(Event):
    """A message's time has come."""

    message: str
    owner: str
    recipients: int
    attempt: int
    at: datetime


class MessageRetried(Event):
    """A failed message is sent again, to those who did not get it."""

    message: str
    owner: str
    recipients: int
    attempt: int
    at: datetime


class MessageSent(Event):
    """Every copy came to its end: `sent` were handed over, `failed` were not, for these reasons."""

    message: str
    owner: str
    sent: int
    failed: int
    reasons: Mapping[str, int]
    at: datetime


class MessageFailed(Event):
    """Nobody got the message. `reasons` say why, copy by copy, as far as it came to copies."""

    message: str
    owner: str
    reason: FailureReason
    failed: int
    reasons: Mapping[str, int]
    at: datetime


class DraftMessage(Command):
    """Write a message. `last` is the last moment to which it may be scheduled."""

    message: str
    owner: str
    content: str
    groups: tuple[str, ...] = ()
    scheduled_for: datetime | None = None
    timezone: str | None = None
    last: datetime | None = None
    copy_of: str | None = None
    now: datetime


class EditMessage(Command):
    """Change what is given. The groups cannot be changed once the recipients are listed."""

    message: str
    content: str | UnsetType = UNSET
    groups: tuple[str, ...] | UnsetType = UNSET
    scheduled_for: datetime | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    last: datetime | None = None
    repeated: int = 0
    now: datetime


class ScheduleMessage(Command):
    """Let a draft wait for its time; without `scheduled_for` the one it was drafted with. `repeated` is how often the
    same text went, or is going, to the same groups within a day."""

    message: str
    scheduled_for: datetime | None = None
    timezone: str | None = None
    last: datetime | None = None
    repeated: int = 0
    now: datetime


class PauseMessage(Command):
    """Stop a message for the time being."""

    message: str
    reason: str | None = None
    now: datetime


class ResumeMessage(Command):
    """Let a paused message wait again; a new time is needed when its own has passed (W24)."""

    message: str
    scheduled_for: datetime | None = None
    last: datetime | None = None
    now: datetime


class CancelMessage(Command):
    """Call a message off."""

    message: str
    reason: str | None = None
    now: datetime


class RedraftMessage(Command):
    """Make it a draft again."""

    message: str
    now: datetime


class DeleteMessage(Command):
    """Throw it away."""

    message: str
    now: datetime


class DuplicateMessage(Command):
    """Make sure, beside the drafting of its copy, that this message may be duplicated."""

    message: str


class RetryMessage(Command):
    """Send a failed message again (W5)."""

    message: str
    now: datetime


class StartSending(Command):
    """Begin, with these recipients unless they are listed already. A message that is more than `late` seconds past its
    time has missed it and fails."""

    message: str
    recipients: tuple[str, ...]
    late: int
    now: datetime


class KeepSending(Command):
    """Make sure, beside the claim of a copy, that the message is still being sent, in this run and with this text."""

    message: str
    attempt: int
    revision: int


class FinishSending(Command):
    """Every copy has come to its end."""

    message: str
    sent: int
    failed: int
    reasons: Mapping[str, int]
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    owner: str = ""
    status: Status | None = None
    since: datetime | None = None
    """When it came to this status."""
    edited_at: datetime | None = None
    content: str = ""
    revision: int = 1
    groups: tuple[str, ...] = ()
    scheduled_for: datetime | None = None
    timezone: str | None = None
    recipients: int = 0
    attempt: int = 1
    deleted_at: datetime | None = None


MessageEvent = (
    MessageDrafted
    | MessageEdited
    | MessageScheduled
    | MessagePaused
    | MessageResumed
    | MessageCancelled
    | MessageRedrafted
    | MessageDeleted
    | RecipientsListed
    | SendingStarted
    | MessageRetried
    | MessageSent
    | MessageFailed
)


def evolve(state: State, event: MessageEvent) -> State:
    match event:
        case MessageDrafted():
            return State(
                owner=event.owner,
                status="draft",
                since=event.at,
                edited_at=event.at,
                content=event.content,
                groups=event.groups,
                scheduled_for=event.scheduled_for,
                timezone=event.timezone,
            )
        case MessageEdited():
            return replace(
                state,
                edited_at=event.at,
                content=event.content,
                revision=event.revision,
                groups=event.groups,
                scheduled_for=event.scheduled_for,
                timezone=event.timezone,
            )
        case MessageScheduled():
            waits = _moved(state, "scheduled", event.at)
            return replace(waits, scheduled_for=event.scheduled_for, timezone=event.timezone)
        case MessagePaused():
            return _moved(state, "paused", event.at)
        case MessageResumed():
            return replace(_moved(state, "scheduled", event.at), scheduled_for=event.scheduled_for)
        case MessageCancelled():
            return _moved(state, "cancelled", event.at)
        case MessageRedrafted():
            return _moved(state, "draft", event.at)
        case MessageDeleted():
            return replace(state, deleted_at=event.at)
        case RecipientsListed():
            return replace(state, recipients=state.recipients + len(event.recipients))
        case SendingStarted():
            return _moved(state, "sending", event.at)
        case MessageRetried():
            return replace(_moved(state, "retry", event.at), attempt=event.attempt)
        case MessageSent():
            return _moved(state, "sent", event.at)
        case MessageFailed():
            return _moved(state, "failed", event.at)
        case _:
            assert_never(event)


def _moved(state: State, status: Status, at: datetime) -> State:
    return replace(state, status=status, since=at)


MessageCommand = (
    DraftMessage
    | EditMessage
    | ScheduleMessage
    | PauseMessage
    | ResumeMessage
    | CancelMessage
    | RedraftMessage
    | DeleteMessage
    | DuplicateMessage
    | RetryMessage
    | StartSending
    | KeepSending
    | FinishSending
)


def decide(state: State, command: MessageCommand) -> list[Event]:
    """Refuses with what `message_text` and `schedule` refuse, GROUPS_MISSING, TOO_MANY, SCHEDULE_MISSING,
    SPAM_SUSPECTED (Invalid), UNKNOWN_MESSAGE (NotFound), INVALID_STATE, SCHEDULE_PASSED, RECIPIENTS_LISTED,
    NOT_DUE, MESSAGE_CHANGED and COUNTS_OPEN (Conflict)."""
    if isinstance(command, DraftMessage):
        return draft(state, command)
    if state.status is None:
        raise NotFound("UNKNOWN_MESSAGE", message=command.message)
    if state.deleted_at is not None:
        if isinstance(command, DeleteMessage) and command.now == state.deleted_at:
            return []
        raise NotFound("UNKNOWN_MESSAGE", message=command.message)
    match command:
        case EditMessage():
            return edit(state, command)
        case ScheduleMessage():
            return put_on_schedule(state, command)
        case PauseMessage():
            if _already(state, "paused", command.now):
                return []
            was = _may(state, "paused", "pause")
            reason = values.optional_text(command.reason, "reason", MAX_REASON, lines=True)
            return [MessagePaused(message=command.message, owner=state.owner, reason=reason, was=was, at=command.now)]
        case ResumeMessage():
            return resume(state, command)
        case CancelMessage():
            if _already(state, "cancelled", command.now):
                return []
            was = _may(state, "cancelled", "cancel")
            reason = values.optional_text(command.reason, "reason", MAX_REASON, lines=True)
            return [
                MessageCancelled(message=command.message, owner=state.owner, reason=reason, was=was, at=command.now)
            ]
        case RedraftMessage():
            if _already(state, "draft", command.now):
                return []
            was = _may(state, "draft", "redraft")
            return [MessageRedrafted(message=command.message, owner=state.owner, was=was, at=command.now)]
        case DeleteMessage():
            _allowed(state, DELETABLE, "delete")
            return [MessageDeleted(message=command.message, owner=state.owner, at=command.now)]
        case DuplicateMessage():
            _allowed(state, COPYABLE, "duplicate")
            return []
        case RetryMessage():
            if _already(state, "retry", command.now):
                return []
            _may(state, "retry", "retry")
            return [
                MessageRetried(
                    message=command.message,
                    owner=state.owner,
                    recipients=state.recipients,
                    attempt=state.attempt + 1,
                    at=command.now,
                )
            ]
        case StartSending():
            return start(state, command)
        case KeepSending():
            _allowed(state, GOING_OUT, "send")
            if (command.attempt, command.revision) != (state.attempt, state.revision):
                raise Conflict("MESSAGE_CHANGED", attempt=state.attempt, revision=state.revision)
            return []
        case FinishSending():
            return finish(state, command)
        case _:
            assert_never(command)


def draft(state: State, command: DraftMessage) -> list[Event]:
    drafted = MessageDrafted(
        message=command.message,
        owner=command.owner,
        content=message_text.text(command.content),
        groups=_groups(command.groups),
        scheduled_for=_moment(command.scheduled_for, command.now, command.last),
        timezone=_zone(command.timezone),
        copy_of=command.copy_of,
        at=command.now,
    )
    if state.status is None:
        return [drafted]
    if state.status == "draft" and state.since == command.now and state.deleted_at is None:
        return []
    raise Conflict("MESSAGE_EXISTS", message=command.message)


def edit(state: State, command: EditMessage) -> list[Event]:
    _allowed(state, EDITABLE, "edit")
    content = state.content if command.content is UNSET else message_text.text(command.content)
    groups = state.groups if command.groups is UNSET else _groups(command.groups)
    if state.recipients and groups != state.groups:
        raise Conflict("RECIPIENTS_LISTED", message=command.message, recipients=state.recipients)
    moment = state.scheduled_for
    if command.scheduled_for is not UNSET and command.scheduled_for != state.scheduled_for:
        moment = _moment(command.scheduled_for, command.now, command.last)
    timezone = state.timezone if command.timezone is UNSET else _zone(command.timezone)
    if (content, groups, moment, timezone) == (state.content, state.groups, state.scheduled_for, state.timezone):
        return []
    if state.status == "scheduled":
        if moment is None:
            raise Invalid("SCHEDULE_MISSING", field="scheduled_for")
        if not groups:
            raise Invalid("GROUPS_MISSING", field="groups")
        if content != state.content:
            _not_spam(content, command.repeated)
    return [
        MessageEdited(
            message=command.message,
            owner=state.owner,
            revision=state.revision + (content != state.content),
            content=content,
            groups=groups,
            scheduled_for=moment,
            timezone=timezone,
            at=command.now,
        )
    ]


def put_on_schedule(state: State, command: ScheduleMessage) -> list[Event]:
    if _already(state, "scheduled", command.now):
        return []
    if state.status == "paused":  # the way from there is to resume
        raise Conflict("INVALID_STATE", message_status=state.status, action="schedule")
    _may(state, "scheduled", "schedule")
    moment = _moment(command.scheduled_for or state.scheduled_for, command.now, command.last)
    if moment is None:
        raise Invalid("SCHEDULE_MISSING", field="scheduled_for")
    if not state.groups:
        raise Invalid("GROUPS_MISSING", field="groups")
    _not_spam(state.content, command.repeated)
    return [
        MessageScheduled(
            message=command.message,
            owner=state.owner,
            scheduled_for=moment,
            timezone=_zone(command.timezone) or state.timezone,
            at=command.now,
        )
    ]


def resume(state: State, command: ResumeMessage) -> list[Event]:
    if _already(state, "scheduled", command.now):
        return []
    if state.status == "draft":  # the way from there is to schedule
        raise Conflict("INVALID_STATE", message_status=state.status, action="resume")
    _may(state, "scheduled", "resume")
    moment = _moment(command.scheduled_for, command.now, command.last) or state.scheduled_for
    if moment is None or moment <= command.now:
        raise Conflict("SCHEDULE_PASSED", message=command.message, scheduled_for=moment)
    return [MessageResumed(message=command.message, owner=state.owner, scheduled_for=moment, at=command.now)]


def start(state: State, command: StartSending) -> list[Event]:
    """The recipients, where they are not listed yet, and the start; or the failure that takes its place."""
    late = values.number(command.late, "late", 0, MAX_LATE)
    if state.status == "sending" or _already(state, "failed", command.now):
        return []
    if state.status == "retry" and state.recipients:
        return []
    if state.status != "retry":
        _may(state, "sending", "start")
        if state.scheduled_for is None or state.scheduled_for > command.now:
            raise Conflict("NOT_DUE", message=command.message, scheduled_for=state.scheduled_for)
        if command.now - state.scheduled_for > timedelta(seconds=late):
            return [_failed(state, command.message, "MISSED_SCHEDULE", 0, {}, command.now)]
    listed = [] if state.recipients else _listed(state, command)
    total = state.recipients + sum(len(part.recipients) for part in listed)
    if not total:
        return [_failed(state, command.message, "NO_RECIPIENTS", 0, {}, command.now)]
    if state.status == "retry":
        return [*listed]
    started = SendingStarted(
        message=command.message, owner=state.owner, recipients=total, attempt=state.attempt, at=command.now
    )
    return [*listed, started]


def finish(state: State, command: FinishSending) -> list[Event]:
    """The end, with counts that must add up to the list of recipients."""
    if state.status in ("sent", "failed") and state.since == command.now:
        return []
    _may(state, "sent", "finish")
    if min(command.sent, command.failed) < 0 or command.sent + command.failed != state.recipients:
        raise Conflict(
            "COUNTS_OPEN",
            message=command.message,
            recipients=state.recipients,
            sent=command.sent,
            failed=command.failed,
        )
    if not command.sent:
        return [_failed(state, command.message, "NOTHING_SENT", command.failed, command.reasons, command.now)]
    return [
        MessageSent(
            message=command.message,
            owner=state.owner,
            sent=command.sent,
            failed=command.failed,
            reasons=dict(command.reasons),
            at=command.now,
        )
    ]


def _listed(state: State, command: StartSending) -> list[RecipientsListed]:
    """Each recipient once, in the order given."""
    recipients = tuple(dict.fromkeys(command.recipients))
    if len(recipients) > MAX_RECIPIENTS:
        raise Invalid("TOO_MANY", field="recipients", maximum=MAX_RECIPIENTS)
    return [
        RecipientsListed(
            message=command.message,
            owner=state.owner,
            recipients=recipients[first : first + LISTED_AT_ONCE],
            at=command.now,
        )
        for first in range(0, len(recipients), LISTED_AT_ONCE)
    ]


def _failed(
    state: State, message: str, reason: FailureReason, failed: int, reasons: Mapping[str, int], now: datetime
) -> MessageFailed:
    return MessageFailed(
        message=message, owner=state.owner, reason=reason, failed=failed, reasons=dict(reasons), at=now
    )


def _may(state: State, target: Status, action: str) -> Status:
    """The status it is in, when the table allows the move to `target`."""
    assert state.status is not None
    if target not in MOVES[state.status]:
        raise Conflict("INVALID_STATE", message_status=state.status, action=action)
    return state.status


def _allowed(state: State, statuses: frozenset[Status], action: str) -> None:
    if state.status not in statuses:
        raise Conflict("INVALID_STATE", message_status=state.status, action=action)


def _already(state: State, status: Status, now: datetime) -> bool:
    """Whether this very command was carried out before: the move it asks for happened at its moment."""
    return state.status == status and state.since == now


def _groups(groups: Sequence[str]) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(values.text(group, "groups") for group in groups))
    if len(kept) > MAX_GROUPS:
        raise Invalid("TOO_MANY", field="groups", maximum=MAX_GROUPS)
    return kept


def _moment(moment: datetime | None, now: datetime, last: datetime | None) -> datetime | None:
    return None if moment is None else schedule.check(moment, now, last)


def _zone(name: str | None) -> str | None:
    return schedule.zone_name(name) if name else None


def _not_spam(content: str, repeated: int) -> None:
    if reasons := message_text.spam(content, repeated):
        raise Invalid("SPAM_SUSPECTED", field="content", reasons=reasons)


def stream(organization: str, message: str) -> str:
    return values.stream_name("scheduled_message", organization, message)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
