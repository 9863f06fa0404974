"""A shopper's cart: which products, how many, and what each looked like when it was put in.

Every save says the whole cart, in the shopper's order; the last one wins and every earlier one can be restored. A line
repeats the snapshot of its product only where it is new or different, so that a cart saved every half second leaves
little in the log. Snapshots are kept as the shopper's client sent them and never decide what anything costs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, assert_never

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Decider, Event, Invalid

MAX_LINES = 200
MAX_QUANTITY = 100_000
MAX_SNAPSHOT = 32 * 1024
"""Bytes of JSON; a product with twenty signed image addresses takes half of it."""
MAX_CART = 512 * 1024
"""Bytes of JSON of all snapshots together."""


class Line(msgspec.Struct, frozen=True):
    """So many of one product. Without a snapshot, the line keeps the one it had in the save before."""

    item: str
    quantity: int
    snapshot: dict[str, Any] | UnsetType = UNSET


class CartSaved(Event):
    """A shopper's client saved the cart."""

    shopper: str
    lines: tuple[Line, ...]
    at: datetime


class CartRestored(Event):
    """Somebody put the cart back to what it was after an earlier version."""

    shopper: str
    version: int
    lines: tuple[Line, ...]
    at: datetime


class CartCleared(Event):
    """A cart that nobody had touched for long was given up."""

    shopper: str
    idle_since: datetime
    at: datetime


class SaveCart(Command):
    """Keep this cart, every line with its snapshot. `known` are those of its products that the inventory has. With
    `spare`, an empty cart does not replace one that holds something."""

    shopper: str
    lines: tuple[Line, ...]
    known: frozenset[str]
    now: datetime
    spare: bool = False


class RestoreCart(Command):
    """Put the cart back to what it was after a version: these lines, every one with its snapshot."""

    shopper: str
    version: int
    lines: tuple[Line, ...]
    now: datetime


class ClearIdleCart(Command):
    """Give up a cart that was last touched before a moment."""

    shopper: str
    idle_before: datetime
    now: datetime


class Kept(msgspec.Struct, frozen=True):
    """A line as the state remembers it: of the snapshot only the digest."""

    item: str
    quantity: int
    digest: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    saved: bool = False
    lines: tuple[Kept, ...] = ()
    touched_at: datetime | None = None


def evolve(state: State, event: CartSaved | CartRestored | CartCleared) -> State:
    match event:
        case CartSaved() | CartRestored():
            known = {line.item: line.digest for line in state.lines}
            lines = tuple(
                Kept(
                    line.item,
                    line.quantity,
                    known[line.item] if isinstance(line.snapshot, UnsetType) else digest(line.snapshot),
                )
                for line in event.lines
            )
            return State(saved=True, lines=lines, touched_at=event.at)
        case CartCleared():
            return State()
        case _:
            assert_never(event)


def contents(before: Iterable[Line], event: CartSaved | CartRestored | CartCleared) -> tuple[Line, ...]:
    """What is in the cart after the event, every line with its snapshot, given what was in it before."""
    if isinstance(event, CartCleared):
        return ()
    known = {line.item: line.snapshot for line in before}
    return tuple(
        line if line.snapshot is not UNSET else replace(line, snapshot=known[line.item]) for line in event.lines
    )


def decide(state: State, command: SaveCart | RestoreCart | ClearIdleCart) -> list[Event]:
    """Refuses with LINES_TOO_MANY, QUANTITY_OUT_OF_RANGE, SNAPSHOT_INVALID, SNAPSHOT_TOO_LARGE, CART_TOO_LARGE and
    ITEMS_UNKNOWN (Invalid)."""
    match command:
        case SaveCart():
            lines, digests = checked(command.lines)
            unknown = [line.item for line in lines if line.item not in command.known]
            if unknown:
                raise Invalid("ITEMS_UNKNOWN", field="items", items=unknown)
            if _is_same(state, lines, digests) or (command.spare and state.lines and not lines):
                return []
            return [CartSaved(shopper=command.shopper, lines=_told(state, lines, digests), at=command.now)]
        case RestoreCart():
            lines, digests = checked(command.lines)
            if _is_same(state, lines, digests):
                return []
            return [
                CartRestored(
                    shopper=command.shopper,
                    version=command.version,
                    lines=_told(state, lines, digests),
                    at=command.now,
                )
            ]
        case ClearIdleCart():
            if not state.lines or state.touched_at is None or state.touched_at >= command.idle_before:
                return []
            return [CartCleared(shopper=command.shopper, idle_since=state.touched_at, at=command.now)]
        case _:
            assert_never(command)


def checked(lines: tuple[Line, ...]) -> tuple[tuple[Line, ...], Mapping[str, str]]:
    """The lines within their limits, one for each product, and the digests of their snapshots. Where a product comes
    twice, its quantities are added and the later snapshot stands."""
    merged: dict[str, Line] = {}
    for line in lines:
        known = merged.get(line.item)
        merged[line.item] = replace(line, quantity=line.quantity + known.quantity) if known else line
        if line.quantity < 1 or merged[line.item].quantity > MAX_QUANTITY:
            raise Invalid("QUANTITY_OUT_OF_RANGE", field="items", item=line.item[:100], minimum=1, maximum=MAX_QUANTITY)
    if len(merged) > MAX_LINES:
        raise Invalid("LINES_TOO_MANY", field="items", maximum=MAX_LINES)
    digests: dict[str, str] = {}
    room = MAX_CART
    for line in merged.values():
        encoded = _encoded(line)
        room -= len(encoded)
        if len(encoded) > MAX_SNAPSHOT:
            raise Invalid("SNAPSHOT_TOO_LARGE", field="items", item=line.item[:100], maximum=MAX_SNAPSHOT)
        if room < 0:
            raise Invalid("CART_TOO_LARGE", field="items", maximum=MAX_CART)
        digests[line.item] = _digest(encoded)
    return tuple(merged.values()), digests


def digest(snapshot: Mapping[str, Any]) -> str:
    """What tells two snapshots apart; the order of their keys does not."""
    return _digest(msgspec.json.encode(snapshot, order="deterministic"))


def _encoded(line: Line) -> bytes:
    if isinstance(line.snapshot, UnsetType):
        raise Invalid("SNAPSHOT_INVALID", field="items", item=line.item[:100])
    try:
        return msgspec.json.encode(line.snapshot, order="deterministic")
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise Invalid("SNAPSHOT_INVALID", field="items", item=line.item[:100]) from None


def _digest(encoded: bytes) -> str:
    return hashlib.blake2b(encoded, digest_size=12).hexdigest()


def _is_same(state: State, lines: tuple[Line, ...], digests: Mapping[str, str]) -> bool:
    return state.saved and state.lines == tuple(Kept(line.item, line.quantity, digests[line.item]) for line in lines)


def _told(state: State, lines: tuple[Line, ...], digests: Mapping[str, str]) -> tuple[Line, ...]:
    """The lines as an event tells them: a snapshot that the cart has already is left out."""
    known = {line.item: line.digest for line in state.lines}
    return tuple(
        replace(line, snapshot=UNSET) if known.get(line.item) == digests[line.item] else line for line in lines
    )


def stream(organization: str, shopper: str) -> str:
    return values.stream_name("cart", organization, shopper)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide, snapshot_every=100)
