"""When every copy of a message has come to its end, the message has: with exact counts, and the reasons of failures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain import scheduled_message
from eventstore.connect import AsyncConnection
from projections import deliveries, scheduled_messages
from settings import Settings
from workers.due import Owed
from workers.reaction import Run


async def due(connection: AsyncConnection, now: datetime, limit: int, settings: Settings) -> Sequence[Owed]:
    found = []
    for message in await scheduled_messages.going_out(connection, limit):
        counts = await deliveries.counts_of(connection, message.organization, message.id)
        if counts.open or counts.total != message.recipient_count:
            continue
        reasons = await deliveries.reasons(connection, message.organization, message.id) if counts.failed else {}
        finish = scheduled_message.FinishSending(
            message=message.id, sent=counts.out, failed=counts.failed, reasons=reasons, now=now
        )
        stream = scheduled_message.stream(message.organization, message.id)
        found.append(Owed(message.organization, Run(scheduled_message.DECIDER, stream, finish)))
    return found
