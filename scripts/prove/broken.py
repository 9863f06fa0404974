"""A sender with a fault planted in it, to see that the proof finds faults.

claim    copies are not claimed before the call, only recorded after it
settle   a copy in doubt is released without asking the provider
"""

from __future__ import annotations

import sys
from typing import Any

from domain import delivery, scheduled_message
from domain.model import Conflict
from eventstore.execute import Step
from projections.deliveries import Delivery
from scripts.processes import sender
from workers import post as posts
from workers.line import Copy, Line
from workers.settling import Settling


async def claim_afterwards(self: Any, copy: Copy, provider_id: str) -> None:
    moment = posts.now()
    claimed = delivery.ClaimDelivery(
        message=copy.message,
        recipient=copy.recipient,
        claim=copy.claim,
        worker="careless",
        run=copy.run,
        revision=1,
        phone_digest="",
        now=moment,
    )
    handed = delivery.HandOverDelivery(
        message=copy.message, recipient=copy.recipient, provider_id=provider_id, now=moment
    )
    for command in (claimed, handed):
        try:
            await self._post.record(copy.organization, Step(delivery.DECIDER, copy.stream, command))
        except Conflict:
            continue


async def no_claim(self: Any, message: Any, chats: dict[str, tuple[str, str]]) -> list[Copy]:
    """The line's claim, without the claim."""
    state = await self._post.store.state(
        scheduled_message.DECIDER, scheduled_message.stream(message.organization, message.id)
    )
    return [
        Copy(
            organization=message.organization,
            message=message.id,
            recipient=recipient,
            claim=posts.new_claim(),
            run=message.attempt,
            chat=chat,
            text=state.content,
            claimed=posts.now().timestamp(),
        )
        for recipient, (_, chat) in chats.items()
    ]


async def no_question(self: Any, row: Delivery, *_: Any) -> list[Any]:
    """The provider's answer, without the question."""
    return []


def plant(fault: str) -> None:
    if fault == "claim":
        Line._claim = no_claim  # type: ignore[method-assign]
        Line._hand_over = claim_afterwards  # type: ignore[method-assign]
    elif fault == "settle":
        Settling._ask = no_question  # type: ignore[method-assign]
    else:
        sys.exit(f"there is no fault {fault!r}")


if __name__ == "__main__":
    plant(sys.argv.pop(1))
    sender()
