"""The views: everything that a screen, a report or a worker asks for, read from the events.

Each module is one view (`projections.view.View`). `VIEWS` lists them: adding a view is a file and a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from projections import (
    attention,
    commissions,
    customers,
    deals,
    deliveries,
    goals,
    levels,
    promotions,
    scheduled_messages,
    timelines,
    users,
)

if TYPE_CHECKING:
    from projections.view import View

VIEWS: tuple[View, ...] = cast(
    "tuple[View, ...]",
    (
        attention,
        commissions,
        customers,
        deals,
        deliveries,
        goals,
        levels,
        promotions,
        scheduled_messages,
        timelines,
        users,
    ),
)
