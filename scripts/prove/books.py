"""The three books: what the simulator was sent, what the log says, what the views show. They must agree."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from domain import delivery
from domain.delivery import DeliveryClaimed
from domain.scheduled_message import MessagePaused, MessageSent, SendingStarted
from eventstore import log as logs
from eventstore.connect import connect, connect_async
from eventstore.log import Log
from eventstore.mapper import Mapper, Recorded
from eventstore.sealing import Vault
from projections import deliveries, scheduled_messages
from scripts.prove.people import ORGANIZATION, TEXT, Plan
from scripts.simulator import book

PAGE = 5_000
OUT = ("sent", "delivered", "read")
ENDED = (*OUT, "failed")
LIKELY: Mapping[int, tuple[str, ...]] = {
    -1: ("failed",),
    0: ("sent", "failed", "pending", "claimed", "unknown"),
    1: ("sent",),
    2: ("delivered",),
    3: ("delivered", "read"),
}
"""What the log may say of a copy by its ack at the provider. Nobody asks whether what arrived was read: where that
report was lost, the copy stays delivered."""

Shown = Mapping[str, tuple[str, str | None]]
"""Stream -> status, the provider's id."""


class Logged(msgspec.Struct):
    """What the log says."""

    copies: dict[str, delivery.State]
    """By stream."""
    sent: dict[str, int]
    """Message -> how many copies it says it sent."""
    claimed_while_paused: int
    claims: int
    events: int


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How the books compare. All but the last four must be 0."""

    doubled: int
    """Copies that the provider got and nobody asked for."""
    missing: int
    """Copies that were asked for, are not said to have failed, and never reached the provider."""
    unresolved: int
    """Copies of which the log or the views cannot say what became of them."""
    unlike: int
    """Copies or messages of which two books say different things."""
    claimed_while_paused: int
    received: int
    failed: int
    claims: int
    events: int

    @property
    def holds(self) -> bool:
        return not (self.doubled or self.missing or self.unresolved or self.unlike or self.claimed_while_paused)


def compare(database_url: str, master_key: str, simulator: Path, plan: Plan) -> Verdict:
    """Read the three books and compare."""
    received = book.read(simulator)
    logged = read_log(database_url, master_key)
    shown, messages = asyncio.run(read_views(database_url, plan))
    in_chat = Counter(message.chat for message in received if message.body == TEXT)
    failed = sum(state.status == "failed" for state in logged.copies.values())
    doubled = sum(max(0, count - plan.expected.get(chat, 0)) for chat, count in in_chat.items())
    short = sum(max(0, count - in_chat[chat]) for chat, count in plan.expected.items())
    open_in_log = sum(state.status not in ENDED for state in logged.copies.values())
    open_in_views = sum(status not in ENDED for status, _ in shown.values())
    unfinished = sum(messages.get(message, ("", 0))[0] not in ("sent", "failed") for message in plan.messages)
    return Verdict(
        doubled=doubled + sum(len(state.doubled) for state in logged.copies.values()) * (doubled == 0),
        missing=max(0, short - failed),
        unresolved=max(open_in_log, open_in_views, plan.copies - len(shown), unfinished),
        unlike=_unlike(received, logged, shown, messages, plan),
        claimed_while_paused=logged.claimed_while_paused,
        received=len(received),
        failed=failed,
        claims=logged.claims,
        events=logged.events,
    )


def _unlike(
    received: list[book.Message],
    logged: Logged,
    shown: Shown,
    messages: Mapping[str, tuple[str, int]],
    plan: Plan,
) -> int:
    """How often one book contradicts another."""
    acks = {message.id: message.ack for message in received}
    owners = Counter(state.provider_id for state in logged.copies.values() if state.provider_id)
    faults = sum(count - 1 for count in owners.values())  # one message of the provider in two deliveries
    faults += sum(identity not in acks for identity in owners)
    faults += sum(identity not in owners for identity in acks)
    for stream, state in logged.copies.items():
        faults += shown.get(stream) != (state.status, state.provider_id)
        faults += state.status not in LIKELY[acks.get(state.provider_id or "", 0)]
    for message in plan.messages:
        out = sum(status in OUT for stream, (status, _) in shown.items() if f"-{message}-" in stream)
        faults += logged.sent.get(message) != out
        faults += messages.get(message, ("", 0))[1] != sum(f"-{message}-" in stream for stream in shown)
    return faults


def read_log(database_url: str, master_key: str) -> Logged:
    """Fold every delivery, from the first event of the log to the last."""
    found = Logged({}, {}, 0, 0, 0)
    paused: set[str] = set()
    log = Log(Mapper(), Vault(master_key))
    with connect(database_url, "prove") as connection:
        head = logs.head(connection)
        for position in range(0, head, PAGE):
            for recorded in log.followed_now(connection, position, min(position + PAGE, head)):
                _note(found, paused, recorded)
    found.events = head
    return found


def _note(found: Logged, paused: set[str], recorded: Recorded) -> None:
    match recorded.event:
        case MessagePaused() as event:
            paused.add(event.message)
        case SendingStarted() as event:
            paused.discard(event.message)
        case MessageSent() as event:
            found.sent[event.message] = event.sent
        case DeliveryClaimed() as event:
            found.claims += 1
            found.claimed_while_paused += event.message in paused
        case _:
            pass
    if recorded.stream.startswith("delivery-") and recorded.event is not None:
        known = found.copies.get(recorded.stream, delivery.DECIDER.initial)
        found.copies[recorded.stream] = delivery.DECIDER.evolve(known, recorded.event)


async def read_views(database_url: str, plan: Plan) -> tuple[Shown, dict[str, tuple[str, int]]]:
    """Every copy as the views show it; message -> status, recipients."""
    shown: dict[str, tuple[str, str | None]] = {}
    messages: dict[str, tuple[str, int]] = {}
    async with await connect_async(database_url, "prove") as connection:
        for name in plan.messages:
            message = await scheduled_messages.by_id(connection, ORGANIZATION, name)
            if message is not None:
                messages[name] = (message.status, message.recipient_count)
            skip = 0
            while rows := await deliveries.page(connection, ORGANIZATION, name, (), PAGE, skip):
                skip += len(rows)
                for row in rows:
                    stream = delivery.stream(ORGANIZATION, name, row.recipient)
                    shown[stream] = (row.status, row.provider_id)
    return shown, messages
