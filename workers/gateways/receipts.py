"""What the provider reports about a message: that it arrived, was read, or could not be brought.

Reports come by webhook, twice, late and out of order; each is a command that says what is, so repeating or reordering
them changes nothing. One that comes before we know the message's id ourselves is asked to come again.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from domain import claim, delivery
from domain.model import Conflict, NotFound
from eventstore.connect import AsyncConnection
from eventstore.execute import Request, Step, Store
from eventstore.mapper import Meta
from projections import deliveries
from settings import Settings
from workers.gateways.whatsapp import Progress, Receipt, session

YOUNG = timedelta(minutes=2)
"""How old a message is about which nothing is known, when that is most likely still to change."""

COPY = "whatsapp_copy"
"""The kind of claim by which a provider's message belongs to one delivery."""

Known = tuple[str, str, str]
"""organization, message, recipient"""


async def take(store: Store, settings: Settings, receipt: Receipt, now: datetime) -> bool:
    """Record what a receipt says. False when it speaks of a young message that is not known yet."""
    if receipt.progress == "sent" and receipt.reference is None:
        return True
    async with store.pool.connection() as connection:  # let go before the store takes one
        known = await _known(connection, receipt)
    if known is None:
        return receipt.at is None or receipt.at < now - YOUNG
    if receipt.reference is not None:
        await _hand_over(store, settings, known, receipt, now)
    await record(store, known, receipt.provider_id, receipt.progress, receipt.reason, now)
    return True


async def record(store: Store, known: Known, provider_id: str, progress: Progress, reason: str, now: datetime) -> None:
    """Record how far the provider's copy got."""
    organization, message, recipient = known
    command: delivery.DeliveryCommand
    match progress:
        case "sent":
            return
        case "failed":
            command = delivery.RejectDelivery(
                message=message,
                recipient=recipient,
                provider_id=provider_id,
                reason=reason or "REJECTED",
                now=now,
            )
        case level:
            command = delivery.ConfirmDelivery(
                message=message, recipient=recipient, provider_id=provider_id, level=level, now=now
            )
    request = Request(meta=Meta(organization=organization, by="whatsapp"))
    try:
        await store.execute(delivery.DECIDER, delivery.stream(*known), command, request)
    except (Conflict, NotFound):  # not handed over in the log: what settles its doubt will ask
        return


async def _known(connection: AsyncConnection, receipt: Receipt) -> Known | None:
    """Which copy it is about: by our own reference where the provider kept it, by the provider's id otherwise."""
    parts = (receipt.reference or "").split("/")
    if len(parts) == 3 and all(parts):
        return parts[0], parts[1], parts[2]
    row = await deliveries.by_provider_id(connection, receipt.provider_id)
    return (row.organization, row.message, row.recipient) if row else None


async def _hand_over(store: Store, settings: Settings, known: Known, receipt: Receipt, now: datetime) -> None:
    """A receipt with our reference says that the provider has the copy, whatever became of the call's answer."""
    organization, message, recipient = known
    stream = delivery.stream(*known)
    handed = delivery.HandOverDelivery(message=message, recipient=recipient, provider_id=receipt.provider_id, now=now)
    claimed = owned(session(settings, organization), receipt.provider_id, stream, now)
    request = Request(meta=Meta(organization=organization, by="whatsapp"))
    try:
        await store.execute_all([Step(delivery.DECIDER, stream, handed), claimed], request)
    except (Conflict, NotFound):
        return


def owned(session: str, provider_id: str, owner: str, now: datetime) -> Step:
    """The step by which a provider's message comes to belong to this delivery, and to no other: two copies of one text
    for one person can be told apart by nothing else."""
    digest = hashlib.sha256(f"{session}\n{provider_id}".encode()).hexdigest()[:40]
    claimed = claim.ClaimValue(kind=COPY, digest=digest, owner=owner, now=now)
    return Step(claim.DECIDER, claim.stream(COPY, digest), claimed)


def moment() -> datetime:
    return datetime.now(UTC)
