"""When a customer's financing file needs somebody's attention (rules of the Pazz document and contract).

A file that has not left `prequalification` 48 hours after it was opened needs attention, one that has not left
`documentation` after 72 hours, and every open file after seven days in which the customer did nothing. A limit is
crossed when it is past, not when it is reached. Days are 24 hours.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

PIPELINE = "vehicle_financing"
STEPS = {"prequalification": timedelta(hours=48), "documentation": timedelta(hours=72)}
"""How long after the file was opened these stages may take; the others may take as long as they like."""
IDLE = timedelta(days=7)
SOON = timedelta(days=3)
"""A customer who has done nothing for so long is of medium priority, past `IDLE` of high priority."""
HIGH_VALUE = 500_000_00
"""A deal worth more than this is of high priority in any case."""

Reason = Literal["prequalification_unfinished", "documentation_unfinished", "inactive"]


def step_due(stage: str, opened_at: datetime) -> datetime | None:
    """Until when a file may be in this stage; None for ever."""
    return opened_at + STEPS[stage] if stage in STEPS else None


def due(stage: str, opened_at: datetime, touched_at: datetime) -> tuple[datetime, Reason]:
    """The moment after which an open file needs attention, and why."""
    idle = touched_at + IDLE
    step = step_due(stage, opened_at)
    if step is None or idle < step:
        return idle, "inactive"
    return step, "prequalification_unfinished" if stage == "prequalification" else "documentation_unfinished"
