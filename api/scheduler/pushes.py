"""What an event means as a frame, made of what GET shows."""

from __future__ import annotations

from datetime import datetime

import msgspec

from api.hub import Push
from api.scheduler import imports, notifications, phrases
from api.scheduler.contract import iso
from domain.contact_import import ImportFinished, ImportRead, ImportRefused, ImportRequested, RowsImported
from domain.notification import NotificationRaised
from domain.scheduled_message import (
    MessageCancelled,
    MessageDrafted,
    MessageFailed,
    MessagePaused,
    MessageRedrafted,
    MessageResumed,
    MessageRetried,
    MessageScheduled,
    MessageSent,
    SendingStarted,
)
from eventstore.connect import AsyncConnection
from eventstore.mapper import Recorded
from projections import contact_imports, deliveries, scheduled_messages
from projections import notifications as notification_rows
from projections.scheduled_messages import ScheduledMessage

STATUSES: dict[type, str] = {
    MessageDrafted: "draft",
    MessageScheduled: "scheduled",
    MessageResumed: "scheduled",
    MessagePaused: "paused",
    MessageCancelled: "cancelled",
    MessageRedrafted: "draft",
    SendingStarted: "sending",
    MessageRetried: "sending",
    MessageSent: "sent",
    MessageFailed: "failed",
}
"""The status that a message has from each of these events on (W6)."""
MessageEvent = (
    MessageDrafted
    | MessageScheduled
    | MessageResumed
    | MessagePaused
    | MessageCancelled
    | MessageRedrafted
    | SendingStarted
    | MessageRetried
    | MessageSent
    | MessageFailed
)
STOPS = (MessagePaused, MessageCancelled, MessageSent, MessageFailed, SendingStarted, MessageRetried)
IMPORTS = (ImportRequested, ImportRead, RowsImported, ImportFinished, ImportRefused)


def subject(recorded: Recorded) -> str | None:
    """Whose event it is, when this frontend tells somebody about it."""
    event = recorded.event
    if isinstance(event, NotificationRaised):
        return f"{recorded.meta.organization}/{event.user}" if event.kind in phrases.NOTIFICATIONS else None
    if isinstance(event, (*STATUSES, *IMPORTS)):
        return f"{recorded.meta.organization}/{getattr(event, 'owner', '')}"
    return None


async def of(connection: AsyncConnection, recorded: Recorded) -> list[Push]:
    """The frames to send because of an event."""
    to, event, organization = subject(recorded), recorded.event, recorded.meta.organization
    if to is None:
        return []
    if isinstance(event, NotificationRaised):
        row = await notification_rows.by_id(connection, organization, event.notification)
        if row is None:
            return []
        return [_push(to, "new_notification", recorded.position, notification=notifications.shown(row))]
    if isinstance(event, IMPORTS):
        found = await contact_imports.by_id(connection, organization, event.contact_import)
        if found is None:
            return []
        return [_push(to, "import_progress", recorded.position, **msgspec.to_builtins(imports.progress(found)))]
    assert isinstance(event, MessageEvent)
    said = []
    if isinstance(event, STOPS):
        row = await scheduled_messages.by_id(connection, organization, event.message)
        if row is not None and row.recipient_count:
            said.append(await progress(connection, organization, row, recorded.position))
    status = _status(to, event.message, STATUSES[type(event)], event.at, recorded.position)
    return [*said, status]


async def progress(connection: AsyncConnection, organization: str, row: ScheduledMessage, position: int) -> Push:
    """How far a message is."""
    counts = await deliveries.counts_of(connection, organization, row.id)
    return _push(
        f"{organization}/{row.owner}",
        "message_progress",
        position,
        message_id=row.id,
        sent=counts.out,
        total=counts.total,
        failed=counts.failed,
        delivered=counts.confirmed,
    )


def all_delivered(told: Push) -> bool:
    """Whether every recipient's phone has the message."""
    return 0 < told.body["total"] == told.body["delivered"]


def delivered(organization: str, row: ScheduledMessage, now: datetime, position: int) -> Push:
    """Every recipient's phone has the message (W6)."""
    return _status(f"{organization}/{row.owner}", row.id, "delivered", now, position)


def _status(to: str, message: str, status: str, at: datetime, position: int) -> Push:
    return _push(to, "message_status_update", position, message_id=message, status=status, timestamp=iso(at))


def _push(to: str, name: str, position: int, **body: object) -> Push:
    return Push(to=to, name=name, body={"type": name, **body}, position=position)
