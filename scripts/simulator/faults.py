"""What goes wrong on demand, how often. Shares are between 0 and 1; the same seed makes the same choices."""

from __future__ import annotations

import random
from typing import Annotated, Literal

import msgspec

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=600)]


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults in force."""

    latency: Seconds = 0.0
    """Every call to send takes this long."""
    refused: Share = 0.0
    """500, and nothing was sent."""
    failed_after: Share = 0.0
    """500, although the message was sent."""
    hung: Share = 0.0
    """The message is sent, and no answer ever comes."""
    cut: Share = 0.0
    """The message is sent, and the line is cut instead of an answer."""
    empty: Share = 0.0
    """The message is sent, and the answer is 201 without a body."""
    late: Share = 0.0
    """No answer comes, and the message is sent only after `late_by`."""
    late_by: Seconds = 3.0
    lost_ack: Share = 0.0
    """An ack is never reported."""
    doubled_ack: Share = 0.0
    """An ack is reported twice."""
    early_ack: Share = 0.0
    """An ack is reported before the ones that come before it."""
    ack_after: Seconds = 0.1
    """How long a message takes from one ack to the next."""
    read: Share = 1.0
    """How many recipients read what reaches them."""
    unreachable: Share = 0.0
    """How many messages end with ack -1 instead of arriving."""


Outcome = Literal["sent", "refused", "failed_after", "hung", "cut", "empty", "late"]
OUTCOMES: tuple[Outcome, ...] = ("refused", "failed_after", "hung", "cut", "empty", "late")


class Chance:
    """Chooses by the shares."""

    def __init__(self, seed: int | None) -> None:
        self._random = random.Random(seed)

    def outcome(self, faults: Faults) -> Outcome:
        """What becomes of one call to send; at most one thing goes wrong."""
        drawn = self._random.random()
        for name in OUTCOMES:
            drawn -= getattr(faults, name)
            if drawn < 0:
                return name
        return "sent"

    def happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def identity(self) -> str:
        """An id as WhatsApp Web makes them."""
        return f"3EB0{self._random.getrandbits(72):018X}"

    def between(self, least: float, most: float) -> float:
        return self._random.uniform(least, most)
