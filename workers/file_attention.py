"""When a financing file has stood still for too long, it is noted that its customer needs attention."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain import deal
from eventstore.connect import AsyncConnection
from projections import attention
from settings import Settings
from workers.due import Owed
from workers.reaction import Run


async def due(connection: AsyncConnection, now: datetime, limit: int, settings: Settings) -> Sequence[Owed]:
    return [
        Owed(
            organization,
            Run(deal.DECIDER, deal.stream(organization, found), deal.NoticeAttention(deal=found, now=now)),
        )
        for organization, found in await attention.due(connection, now, limit)
    ]
