"""The views: everything that a screen, a report or a worker asks for, read from the events.

Each module is one view (`projections.view.View`). `VIEWS` lists them: adding a view is a file and a line here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from projections import (
    attention,
    carts,
    commissions,
    contact_imports,
    contacts,
    customers,
    deals,
    deliveries,
    drafts,
    goals,
    groups,
    levels,
    message_texts,
    notifications,
    preferences,
    products,
    promotions,
    scheduled_messages,
    shoppers,
    support_requests,
    timelines,
    users,
)

if TYPE_CHECKING:
    from projections.view import View

VIEWS: tuple[View, ...] = cast(
    "tuple[View, ...]",
    (
        attention,
        carts,
        commissions,
        contact_imports,
        contacts,
        customers,
        deals,
        deliveries,
        drafts,
        goals,
        groups,
        levels,
        message_texts,
        notifications,
        preferences,
        products,
        promotions,
        scheduled_messages,
        shoppers,
        support_requests,
        timelines,
        users,
    ),
)
