"""When a promotion's time has come, it starts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain import promotion
from eventstore.connect import AsyncConnection
from projections import promotions
from settings import Settings
from workers.due import Owed
from workers.reaction import Run


async def due(connection: AsyncConnection, now: datetime, limit: int, settings: Settings) -> Sequence[Owed]:
    return [
        Owed(
            organization,
            Run(
                promotion.DECIDER,
                promotion.stream(organization, found),
                promotion.StartPromotion(promotion=found, now=now),
            ),
        )
        for organization, found in await promotions.due(connection, now, limit)
    ]
