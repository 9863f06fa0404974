"""Moving the claims on what must be unique in one organisation: in the same append as the event that uses the value."""

from __future__ import annotations

from datetime import datetime

from domain import claim
from eventstore.execute import Step
from eventstore.sealing import Vault


def moved(
    vault: Vault, organization: str, kind: str, owner: str, old: str | None, new: str | None, now: datetime
) -> list[Step]:
    """Let go of one value and claim another, each in the form in which it is compared; None and "" are no values."""
    if old == new:
        return []
    steps: list[Step] = []
    for value, command in ((old, claim.ReleaseValue), (new, claim.ClaimValue)):
        if value:
            digest = vault.blind(f"{organization}/{kind}/{value}")
            asked = command(kind=kind, digest=digest, owner=owner, now=now)
            steps.append(Step(claim.DECIDER, claim.stream(kind, digest), asked))
    return steps
