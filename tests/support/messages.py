"""Scheduled messages as tests of the WhatsApp Scheduler write them, act on them and have them sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from domain import scheduled_message
from domain.delivery import DeliveryClaimed, DeliveryConfirmed, DeliveryFailed, DeliveryHandedOver
from domain.scheduled_message import MessageFailed, MessageSent, RecipientsListed, SendingStarted
from tests.support.business import made
from tests.support.http import Answer, Client, World

API = "/scheduler/api"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SOON = "2026-03-03T14:30:00Z"


def draft(ana: Client, group: str, **more: Any) -> str:
    return made(ana, f"{API}/messages", {"content": "Hola", "scheduled_for": SOON, "groups": [group], **more})


def do(client: Client, message: str, action: str, **body: Any) -> Answer:
    return client.post(f"{API}/messages/{message}/{action}", json=body or None)


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def provider_id(message: str, recipient: str) -> str:
    """The id that the provider gave this copy; theirs have no underscores."""
    return f"3EB0{message}{recipient}".replace("_", "").upper()


def sending(world: World, message: str, outcomes: dict[str, str], at: datetime = NOW + timedelta(days=2)) -> None:
    """What senders record: the recipients listed, and for each what became of their copy."""
    stream = scheduled_message.stream(world.own, message)
    about: dict[str, Any] = {"message": message, "at": at}
    owner = {"owner": "usr_1"}
    world.given(stream, RecipientsListed(**about, **owner, recipients=tuple(outcomes)))
    world.given(stream, SendingStarted(**about, **owner, recipients=len(outcomes), attempt=1))
    for recipient, outcome in outcomes.items():
        if outcome == "nothing yet":
            continue
        copy = {**about, "recipient": recipient}
        claimed = DeliveryClaimed(
            **copy, claim="c", worker="w", attempt=1, run=1, revision=1, phone_digest=f"d{recipient}"
        )
        events: list[Any] = [claimed]
        if outcome == "failed":
            events.append(DeliveryFailed(**copy, reason="NOT_ON_WHATSAPP", run=1, was_sent=False))
        elif outcome != "claimed":
            events.append(DeliveryHandedOver(**copy, provider_id=provider_id(message, recipient), settled=False))
            if outcome != "sent":
                events.append(DeliveryConfirmed(**copy, level=outcome))  # type: ignore[arg-type]
        world.given(f"delivery-{world.own}-{message}-{recipient}", *events)


def brought(world: World, ana: Client, group: str, status: str, **more: Any) -> str:
    """A message that stands there, brought there as people and senders would."""
    message = draft(ana, group, **more)
    if status in ("scheduled", "paused", "sending", "sent", "failed"):
        assert do(ana, message, "schedule").status == 200
    if status == "paused":
        do(ana, message, "pause")
    if status == "cancelled":
        do(ana, message, "cancel")
    if status in ("sending", "sent", "failed"):
        sending(world, message, {"cnt_1": "failed" if status == "failed" else "sent"})
    ended: dict[str, Any] = {"message": message, "owner": "usr_1", "reasons": {}, "at": NOW + timedelta(days=2)}
    stream = scheduled_message.stream(world.own, message)
    if status == "sent":
        world.given(stream, MessageSent(**ended, sent=1, failed=0))
    if status == "failed":
        world.given(stream, MessageFailed(**ended, reason="NOTHING_SENT", failed=1))
    assert ana.get(f"{API}/messages/{message}").json["status"] == status
    return message
