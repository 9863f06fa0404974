"""Where a scheduled message can stand, and where it may go from there.

`MOVES` is the transition table of the WhatsApp Scheduler contract (2.1), to the letter; the other tables say in which
states a user may do what changes no state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from domain.model import Conflict

Status = Literal["draft", "scheduled", "sending", "sent", "paused", "cancelled", "failed", "retry"]
STATUSES: tuple[Status, ...] = get_args(Status)

MOVES: Mapping[Status, frozenset[Status]] = {
    "draft": frozenset({"scheduled", "cancelled"}),
    "scheduled": frozenset({"sending", "paused", "cancelled", "draft"}),
    "sending": frozenset({"sent", "failed", "paused", "cancelled"}),
    "sent": frozenset(),
    "paused": frozenset({"scheduled", "cancelled", "draft"}),
    "cancelled": frozenset({"draft"}),
    "failed": frozenset({"retry", "draft", "cancelled"}),
    "retry": frozenset({"sent", "failed", "paused", "cancelled"}),
}
EDITABLE: frozenset[Status] = frozenset({"draft", "scheduled", "paused", "failed"})
DELETABLE: frozenset[Status] = frozenset({"draft", "scheduled", "paused", "cancelled", "failed"})
COPYABLE: frozenset[Status] = frozenset({"draft", "scheduled", "sent", "cancelled"})
GOING_OUT: frozenset[Status] = frozenset({"sending", "retry"})


def may_become(status: Status, target: Status, action: str) -> None:
    """Refuse with INVALID_STATE what the table does not allow."""
    if target not in MOVES[status]:
        raise Conflict("INVALID_STATE", message_status=status, action=action)


def must_be(status: Status | None, among: frozenset[Status], action: str) -> None:
    """Refuse with INVALID_STATE what can be done in these states only."""
    if status not in among:
        raise Conflict("INVALID_STATE", message_status=status, action=action)
