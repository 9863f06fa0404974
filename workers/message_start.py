"""When a message's time has come, its recipients are listed and its sending starts; one that is too late fails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain import scheduled_message
from eventstore.connect import AsyncConnection
from projections import contacts, scheduled_messages
from settings import Settings
from workers.due import Owed
from workers.reaction import Run


async def due(connection: AsyncConnection, now: datetime, limit: int, settings: Settings) -> Sequence[Owed]:
    found = []
    for message in await scheduled_messages.due(connection, now, limit):
        listed = message.recipient_count > 0
        recipients = [] if listed else await contacts.recipients(connection, message.organization, message.groups)
        start = scheduled_message.StartSending(
            message=message.id, recipients=tuple(recipients), late=settings.send_late_seconds, now=now
        )
        stream = scheduled_message.stream(message.organization, message.id)
        found.append(Owed(message.organization, Run(scheduled_message.DECIDER, stream, start)))
    return found
