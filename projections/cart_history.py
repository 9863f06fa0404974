"""What a cart held after each of its versions, read from the log itself: for somebody who wants an earlier one back."""

from __future__ import annotations

from datetime import datetime

import msgspec

from domain import cart
from domain.cart import CartCleared, CartRestored, CartSaved, Line
from eventstore.connect import AsyncConnection
from eventstore.log import Log
from eventstore.mapper import Recorded

KINDS = {CartSaved: "saved", CartRestored: "restored", CartCleared: "cleared"}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a cart: when, by whom, and what was in it then. `restored` is the version it was put back to."""

    version: int
    at: datetime
    by: str | None
    what: str
    restored: int | None
    quantities: dict[str, int]


async def page(log: Log, connection: AsyncConnection, stream: str, before: int, limit: int) -> list[Version]:
    """The changes before a version, newest first."""
    found = await log.part(connection, stream, max(0, before - limit - 1), before - 1)
    return [version for recorded in reversed(found) if (version := _version(recorded))]


async def as_of(log: Log, connection: AsyncConnection, stream: str, version: int) -> tuple[Line, ...] | None:
    """What was in the cart after a version, with its snapshots; None for a version that it never had."""
    found = await log.part(connection, stream, 0, version)
    if not found or found[-1].version != version:
        return None
    lines: tuple[Line, ...] = ()
    for recorded in found:
        if isinstance(recorded.event, CartSaved | CartRestored | CartCleared):
            lines = cart.contents(lines, recorded.event)
    return lines


def _version(recorded: Recorded) -> Version | None:
    event = recorded.event
    if not isinstance(event, CartSaved | CartRestored | CartCleared):
        return None
    lines = () if isinstance(event, CartCleared) else event.lines
    return Version(
        version=recorded.version,
        at=event.at,
        by=recorded.meta.by,
        what=KINDS[type(event)],
        restored=event.version if isinstance(event, CartRestored) else None,
        quantities={line.item: line.quantity for line in lines},
    )
