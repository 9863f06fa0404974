"""A delivery: one recipient's copy of a scheduled message, sent at most once and never lost from sight.

A copy is claimed before the provider is called, so that of several workers one sends it. After the call it is handed
over (the provider has it) or failed (it never will); when nobody can tell, because the answer or the worker was lost,
it is unknown, and only what the provider says settles that: found there, or released to be claimed anew. A handed-over
copy is confirmed when it reached the recipient's phone, and again when it was read.

The log cannot tell a worker that died before its call from one that died after it. So a claim is never given back
without asking the provider, and a late word from the first worker is believed even then.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, NotFound

MAX_PROVIDER_ID = 300
MAX_REASON = 120

Status = Literal["pending", "claimed", "unknown", "sent", "delivered", "read", "failed"]
Level = Literal["delivered", "read"]
Doubt = Literal["interrupted", "timed_out", "gateway_error", "no_id"]
"""Why nobody can tell: the worker was gone, no answer came, the gateway failed, its answer named no message."""
ENDED: frozenset[Status] = frozenset({"sent", "delivered", "read", "failed"})


class DeliveryClaimed(Event):
    """A worker is about to hand this copy over. `revision` says which text of the message, `phone_digest` to which
    number (a digest made with a secret), `run` which run of the message; `attempt` counts the claims of this copy."""

    message: str
    recipient: str
    claim: str
    worker: str
    attempt: int
    run: int
    revision: int
    phone_digest: str
    at: datetime


class DeliveryHandedOver(Event):
    """The provider has this copy, under this id. `settled` says that it was found there after a doubt."""

    message: str
    recipient: str
    provider_id: str
    settled: bool
    at: datetime


class DeliveryDoubted(Event):
    """Nobody can tell whether the provider has this copy."""

    message: str
    recipient: str
    doubt: Doubt
    at: datetime


class DeliveryReleased(Event):
    """The provider does not have this copy: it may be claimed again."""

    message: str
    recipient: str
    reason: str
    at: datetime


class DeliveryConfirmed(Event):
    """The recipient's phone has this copy; with `read`, the recipient has seen it."""

    message: str
    recipient: str
    level: Level
    at: datetime


class DeliveryFailed(Event):
    """This copy will not reach its recipient. `was_sent` says that the provider had taken it before."""

    message: str
    recipient: str
    reason: str
    run: int
    was_sent: bool
    at: datetime


class DeliveryDoubled(Event):
    """The provider has a second copy, under another id. Must never happen; said aloud if it does."""

    message: str
    recipient: str
    provider_id: str
    at: datetime


class ClaimDelivery(Command):
    """Take it on oneself to send this copy. `claim` is new for every try."""

    message: str
    recipient: str
    claim: str
    worker: str
    run: int
    revision: int
    phone_digest: str
    now: datetime


class HandOverDelivery(Command):
    """The provider took this copy and gave it this id."""

    message: str
    recipient: str
    provider_id: str
    now: datetime


class ReleaseDelivery(Command):
    """The call never reached the provider, for this reason: give the claim back."""

    message: str
    recipient: str
    claim: str
    reason: str
    now: datetime


class DoubtDelivery(Command):
    """The call, or its answer, was lost."""

    message: str
    recipient: str
    claim: str
    doubt: Doubt
    now: datetime


class SettleDelivery(Command):
    """The provider was asked: it has this copy under `provider_id`, or does not have it. A copy that the gateway did
    not take `tries` times fails."""

    message: str
    recipient: str
    claim: str
    provider_id: str | None
    tries: int
    now: datetime


class ConfirmDelivery(Command):
    """The provider says how far its copy got."""

    message: str
    recipient: str
    provider_id: str
    level: Level
    now: datetime


class FailDelivery(Command):
    """This copy cannot be sent in this run. `claim` is that of the caller; without one the copy must be unclaimed."""

    message: str
    recipient: str
    claim: str | None
    reason: str
    run: int
    now: datetime


class RejectDelivery(Command):
    """The provider says that it cannot bring its copy to the recipient."""

    message: str
    recipient: str
    provider_id: str
    reason: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    status: Status = "pending"
    claim: str | None = None
    claimed_at: datetime | None = None
    attempt: int = 0
    run: int = 1
    revision: int = 1
    phone_digest: str = ""
    errors: int = 0
    """How often in this run the gateway was called and the copy was not there afterwards."""
    doubt: Doubt | None = None
    provider_id: str | None = None
    doubled: frozenset[str] = frozenset()


DeliveryEvent = (
    DeliveryClaimed
    | DeliveryHandedOver
    | DeliveryDoubted
    | DeliveryReleased
    | DeliveryConfirmed
    | DeliveryFailed
    | DeliveryDoubled
)


def evolve(state: State, event: DeliveryEvent) -> State:
    match event:
        case DeliveryClaimed():
            return replace(
                state,
                status="claimed",
                claim=event.claim,
                claimed_at=event.at,
                attempt=event.attempt,
                run=event.run,
                revision=event.revision,
                phone_digest=event.phone_digest,
                errors=state.errors if event.run == state.run else 0,
                doubt=None,
                provider_id=None,
            )
        case DeliveryHandedOver():
            return replace(state, status="sent", provider_id=event.provider_id, doubt=None)
        case DeliveryDoubted():
            return replace(state, status="unknown", doubt=event.doubt)
        case DeliveryReleased():
            missed = state.doubt in ("timed_out", "gateway_error", "no_id")
            return replace(state, status="pending", errors=state.errors + missed, doubt=None)
        case DeliveryConfirmed():
            return replace(state, status=event.level)
        case DeliveryFailed():
            return replace(state, status="failed", run=event.run, doubt=None)
        case DeliveryDoubled():
            return replace(state, doubled=state.doubled | {event.provider_id})
        case _:
            assert_never(event)


DeliveryCommand = (
    ClaimDelivery
    | HandOverDelivery
    | ReleaseDelivery
    | DoubtDelivery
    | SettleDelivery
    | ConfirmDelivery
    | FailDelivery
    | RejectDelivery
)


def decide(state: State, command: DeliveryCommand) -> list[Event]:
    """Refuses with DELIVERY_TAKEN, DELIVERY_ENDED, NOT_HANDED_OVER (Conflict) and NOT_CLAIMED (NotFound)."""
    match command:
        case ClaimDelivery():
            return claim(state, command)
        case HandOverDelivery():
            return hand_over(state, command, settled=False)
        case ReleaseDelivery():
            if state.claim != command.claim or state.status != "claimed":
                return []
            return [_released(command, command.reason)]
        case DoubtDelivery():
            if state.claim != command.claim or state.status != "claimed":
                return []
            return [
                DeliveryDoubted(
                    message=command.message, recipient=command.recipient, doubt=command.doubt, at=command.now
                )
            ]
        case SettleDelivery():
            return settle(state, command)
        case ConfirmDelivery():
            return confirm(state, command)
        case FailDelivery():
            if command.run < state.run or (state.status == "failed" and command.run == state.run):
                return []
            if state.status in ("sent", "delivered", "read"):
                raise Conflict("DELIVERY_ENDED", recipient=command.recipient, delivery_status=state.status)
            if state.status in ("claimed", "unknown") and state.claim != command.claim:
                raise Conflict("DELIVERY_TAKEN", recipient=command.recipient, delivery_status=state.status)
            return [_failed(state, command, command.reason, command.run)]
        case RejectDelivery():
            if state.status != "sent" or state.provider_id != command.provider_id:
                return []
            return [_failed(state, command, command.reason, state.run)]
        case _:
            assert_never(command)


def claim(state: State, command: ClaimDelivery) -> list[Event]:
    if state.status == "claimed" and state.claim == command.claim:
        return []
    if state.status in ("claimed", "unknown"):
        raise Conflict("DELIVERY_TAKEN", recipient=command.recipient, delivery_status=state.status)
    if command.run < state.run or state.status in ("sent", "delivered", "read"):
        raise Conflict("DELIVERY_ENDED", recipient=command.recipient, delivery_status=state.status)
    if state.status == "failed" and command.run == state.run:
        raise Conflict("DELIVERY_ENDED", recipient=command.recipient, delivery_status=state.status)
    return [
        DeliveryClaimed(
            message=command.message,
            recipient=command.recipient,
            claim=values.text(command.claim, "claim"),
            worker=values.text(command.worker, "worker"),
            attempt=state.attempt + 1,
            run=command.run,
            revision=command.revision,
            phone_digest=command.phone_digest,
            at=command.now,
        )
    ]


def hand_over(state: State, command: HandOverDelivery | SettleDelivery, settled: bool) -> list[Event]:
    """What the provider says it has is believed in every state. A second copy under another id is said aloud."""
    assert command.provider_id is not None
    if not state.attempt:
        raise NotFound("NOT_CLAIMED", recipient=command.recipient)
    provider_id = values.text(command.provider_id, "provider_id", MAX_PROVIDER_ID)
    if provider_id == state.provider_id or provider_id in state.doubled:
        return []
    if state.provider_id is not None:
        return [
            DeliveryDoubled(
                message=command.message, recipient=command.recipient, provider_id=provider_id, at=command.now
            )
        ]
    return [
        DeliveryHandedOver(
            message=command.message,
            recipient=command.recipient,
            provider_id=provider_id,
            settled=settled,
            at=command.now,
        )
    ]


def settle(state: State, command: SettleDelivery) -> list[Event]:
    if state.claim != command.claim or state.status not in ("claimed", "unknown"):
        return []
    if command.provider_id is not None:
        return hand_over(state, command, settled=True)
    if state.status == "claimed":
        raise Conflict("DELIVERY_TAKEN", recipient=command.recipient, delivery_status=state.status)
    missed = state.errors + (state.doubt != "interrupted")
    if missed >= max(1, command.tries):
        return [_failed(state, command, "NOT_ACCEPTED", state.run)]
    return [_released(command, "not found")]


def confirm(state: State, command: ConfirmDelivery) -> list[Event]:
    if state.provider_id is None:
        raise Conflict("NOT_HANDED_OVER", recipient=command.recipient)
    if state.provider_id != command.provider_id:
        return []
    if state.status == "read" or state.status == command.level:
        return []
    return [
        DeliveryConfirmed(message=command.message, recipient=command.recipient, level=command.level, at=command.now)
    ]


def _released(command: ReleaseDelivery | SettleDelivery, reason: str) -> DeliveryReleased:
    return DeliveryReleased(message=command.message, recipient=command.recipient, reason=_plain(reason), at=command.now)


def _failed(
    state: State, command: FailDelivery | RejectDelivery | SettleDelivery, reason: str, run: int
) -> DeliveryFailed:
    return DeliveryFailed(
        message=command.message,
        recipient=command.recipient,
        reason=_plain(reason),
        run=run,
        was_sent=state.status == "sent",
        at=command.now,
    )


def _plain(reason: str) -> str:
    """A provider's words as one short line."""
    return "".join(character if character.isprintable() else " " for character in reason[:MAX_REASON])


def stream(organization: str, message: str, recipient: str) -> str:
    return values.stream_name("delivery", organization, message, recipient)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
