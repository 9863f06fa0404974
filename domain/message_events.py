"""What happens to a scheduled message, and what can be asked of it: the words of the aggregate `scheduled_message`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from domain.model import Command, Event

FailureReason = Literal["MISSED_SCHEDULE", "NO_RECIPIENTS", "TOO_MANY_RECIPIENTS", "NOTHING_SENT"]


class _OfMessage(Event):
    message: str
    owner: str
    at: datetime


class _Written(_OfMessage):
    content: str
    groups: tuple[str, ...]
    scheduled_for: datetime | None
    timezone: str | None


class MessageDrafted(_Written):
    """Somebody wrote a message. `copy_of` is the one it was duplicated from."""

    copy_of: str | None = None


class MessageEdited(_Written):
    """A message was changed; carries all of it, as it is now. `revision` counts its texts from 1."""

    revision: int


class MessageScheduled(_OfMessage):
    """A message waits for its time."""

    scheduled_for: datetime
    timezone: str | None


class MessagePaused(_OfMessage):
    """A message was stopped for the time being. `was` is what it was doing."""

    reason: str | None
    was: str


class MessageResumed(_OfMessage):
    """A paused message waits for its time again."""

    scheduled_for: datetime


class MessageCancelled(_OfMessage):
    """A message was called off. What it had sent stays sent."""

    reason: str | None
    was: str


class MessageRedrafted(_OfMessage):
    """A message went back to being a draft. One that had failed goes to everybody anew, as in a retry."""

    was: str


class MessageDeleted(_OfMessage):
    """A message was thrown away. Its history stays."""


class RecipientsListed(_OfMessage):
    """Some of the contacts that the message goes to, once and for all. Long lists take several of these."""

    recipients: tuple[str, ...]


class SendingStarted(_OfMessage):
    """A message's time has come."""

    recipients: int
    attempt: int


class MessageRetried(_OfMessage):
    """A failed message is sent again, to those who did not get it."""

    recipients: int
    attempt: int


class MessageSent(_OfMessage):
    """Every copy came to its end: `sent` were handed over, `failed` were not, for these reasons."""

    sent: int
    failed: int
    reasons: Mapping[str, int]


class MessageFailed(_OfMessage):
    """Nobody got the message. `reasons` say why, copy by copy, as far as it came to copies."""

    reason: FailureReason
    failed: int
    reasons: Mapping[str, int]


class _ToMessage(Command):
    message: str
    now: datetime


class DraftMessage(_ToMessage):
    """Write a message. `last` is the last moment to which it may be scheduled."""

    owner: str
    content: str
    groups: tuple[str, ...] = ()
    scheduled_for: datetime | None = None
    timezone: str | None = None
    last: datetime | None = None
    copy_of: str | None = None


class EditMessage(_ToMessage):
    """Change what is given. The groups cannot be changed once the recipients are listed. `reached` is how many it would
    go to now."""

    content: str | UnsetType = UNSET
    groups: tuple[str, ...] | UnsetType = UNSET
    scheduled_for: datetime | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    last: datetime | None = None
    repeated: int = 0
    reached: int = 0


class ScheduleMessage(_ToMessage):
    """Let a draft wait for its time; without `scheduled_for` the one it was drafted with. `repeated` is how often the
    same text went, or is going, to the same groups within a day, `reached` how many it would go to now."""

    scheduled_for: datetime | None = None
    timezone: str | None = None
    last: datetime | None = None
    repeated: int = 0
    reached: int = 0


class PauseMessage(_ToMessage):
    """Stop a message for the time being."""

    reason: str | None = None


class ResumeMessage(_ToMessage):
    """Let a paused message wait again; a new time is needed when its own has passed (W24). `reached` is how many it
    would go to now."""

    scheduled_for: datetime | None = None
    last: datetime | None = None
    reached: int = 0


class CancelMessage(_ToMessage):
    """Call a message off."""

    reason: str | None = None


class RedraftMessage(_ToMessage):
    """Make it a draft again; its time stays, to be used or changed."""


class DeleteMessage(_ToMessage):
    """Throw it away."""


class DuplicateMessage(_ToMessage):
    """Make sure, beside the drafting of its copy, that this message may be duplicated."""


class RetryMessage(_ToMessage):
    """Send a failed message again (W5)."""


class StartSending(_ToMessage):
    """Begin, with these recipients unless they are listed already. A message that is more than `late` seconds past its
    time has missed it and fails."""

    recipients: tuple[str, ...]
    late: int


class KeepSending(Command):
    """Make sure, beside the claim of a copy, that the message is still being sent, in this run and with this text."""

    message: str
    attempt: int
    revision: int


class FinishSending(_ToMessage):
    """Every copy has come to its end."""

    sent: int
    failed: int
    reasons: Mapping[str, int]


MessageEvent = (
    MessageDrafted | MessageEdited | MessageScheduled | MessagePaused | MessageResumed
    | MessageCancelled | MessageRedrafted | MessageDeleted | RecipientsListed | SendingStarted
    | MessageRetried | MessageSent | MessageFailed
)  # fmt: skip
MessageCommand = (
    DraftMessage | EditMessage | ScheduleMessage | PauseMessage | ResumeMessage | CancelMessage
    | RedraftMessage | DeleteMessage | DuplicateMessage | RetryMessage | StartSending | KeepSending | FinishSending
)  # fmt: skip
TimedCommand = _ToMessage
"""Every command that says when."""
