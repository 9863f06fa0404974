"""Events that reactions answer, and what follows from them."""

from __future__ import annotations

from domain import commission, goal, level
from domain.commission import CommissionCancelled, CommissionEarned, CommissionPaid
from domain.values import Month
from tests.support.store import NOW

OCTOBER = Month(2025, 10)


def stream(number: int = 1) -> str:
    """Where a commission is."""
    return commission.stream("acme", f"com_{number}")


GOAL = goal.stream("acme", "ana", OCTOBER)
LEVEL = level.stream("acme", "ana")


def earned(number: int = 1, *, amount: int = 500_00, sale: int = 25_000_00, month: str = "2025-10") -> CommissionEarned:
    return CommissionEarned(
        commission=f"com_{number}",
        partner="ana",
        deal=f"deal_{number}",
        customer="cus_1",
        amount=amount,
        rate=200,
        sale=sale,
        month=month,
        at=NOW,
    )


def cancelled(number: int = 1, *, month: str | None = "2025-10", was_earned: bool = True) -> CommissionCancelled:
    return CommissionCancelled(
        commission=f"com_{number}", partner="ana", month=month, amount=1, sale=1, was_earned=was_earned, at=NOW
    )


PAID = CommissionPaid(commission="com_1", partner="ana", month="2025-10", amount=1, at=NOW)
