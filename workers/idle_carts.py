"""When a cart has not changed for as many days as the settings say, it is cleared; with none set, never."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from domain import cart
from eventstore.connect import AsyncConnection
from projections import carts
from settings import Settings
from workers.due import Owed
from workers.reaction import Run


async def due(connection: AsyncConnection, now: datetime, limit: int, settings: Settings) -> Sequence[Owed]:
    if settings.tienda_idle_cart_days <= 0:
        return []
    before = now - timedelta(days=settings.tienda_idle_cart_days)
    return [
        Owed(
            owner.organization,
            Run(
                cart.DECIDER,
                cart.stream(owner.organization, owner.shopper),
                cart.ClearIdleCart(shopper=owner.shopper, idle_before=before, now=now),
            ),
        )
        for owner in await carts.idle(connection, before, limit)
    ]
