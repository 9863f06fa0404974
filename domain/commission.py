"""A commission: the money a partner earns on a deal.

It is promised while the deal is under way (pending), earned when the deal is done, and paid at the end. It can be
cancelled until it is paid. Amounts are centavos, rates basis points (200 is 2 %). The Pazz contract shows it as
`pending` or `paid`, and counts it as earned from the moment it is earned.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, NotFound
from domain.values import Month

MAX_RATE = 10_000


class CommissionPromised(Event):
    """A deal is under way that will earn a partner this much; `sale` is the deal's value."""

    commission: str
    partner: str
    deal: str
    customer: str
    amount: int
    rate: int
    sale: int
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    at: datetime


class CommissionEarned(Event):
    """The deal is done: the money belongs to the partner, in the earnings of `month`."""

    commission: str
    partner: str
    deal: str
    customer: str
    amount: int
    rate: int
    sale: int
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    month: str
    at: datetime


class CommissionPaid(Event):
    """The money was paid to the partner; `month` is the one it was earned in."""

    commission: str
    partner: str
    month: str
    amount: int
    at: datetime


class CommissionCancelled(Event):
    """The money will not be paid. `month` is the one it had been earned in, if it had."""

    commission: str
    partner: str
    month: str | None
    amount: int
    sale: int
    was_earned: bool
    at: datetime


class PromiseCommission(Command):
    """Promise a partner money on a deal. With `earned_in`, it is earned at once in that month; a promise made before is
    then earned on these terms."""

    commission: str
    partner: str
    deal: str
    customer: str
    amount: int
    rate: int
    sale: int
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    earned_in: Month | None = None
    now: datetime


class EarnCommission(Command):
    """The deal is done: what was promised is earned in this month."""

    commission: str
    month: Month
    now: datetime


class PayCommission(Command):
    """The money was handed over."""

    commission: str
    now: datetime


class CancelCommission(Command):
    """The money will not be paid."""

    commission: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    status: Literal["none", "pending", "earned", "paid", "cancelled"] = "none"
    terms: CommissionPromised | None = None
    month: str | None = None


def evolve(state: State, event: CommissionPromised | CommissionEarned | CommissionPaid | CommissionCancelled) -> State:
    match event:
        case CommissionPromised():
            return replace(state, status="pending", terms=event)
        case CommissionEarned():
            return replace(state, status="earned", terms=_terms(event), month=event.month)
        case CommissionPaid():
            return replace(state, status="paid")
        case CommissionCancelled():
            return replace(state, status="cancelled")
        case _:
            assert_never(event)


def decide(state: State, command: PromiseCommission | EarnCommission | PayCommission | CancelCommission) -> list[Event]:
    """Refuses with AMOUNT_OUT_OF_RANGE, NUMBER_OUT_OF_RANGE (Invalid), COMMISSION_NOT_FOUND (NotFound),
    COMMISSION_ALREADY_PROMISED, COMMISSION_ALREADY_EARNED, COMMISSION_NOT_EARNED, COMMISSION_PAID and
    COMMISSION_CANCELLED (Conflict)."""
    if isinstance(command, PromiseCommission):
        return promise(state, command)
    terms = state.terms
    if terms is None:
        raise NotFound("COMMISSION_NOT_FOUND", commission=command.commission)
    match command:
        case EarnCommission():
            return earn(state, terms, command.month, command.now)
        case PayCommission():
            if state.status == "paid":
                return []
            if state.status == "cancelled":
                raise Conflict("COMMISSION_CANCELLED", commission=command.commission)
            if state.month is None:
                raise Conflict("COMMISSION_NOT_EARNED", commission=command.commission)
            return [
                CommissionPaid(
                    commission=terms.commission,
                    partner=terms.partner,
                    month=state.month,
                    amount=terms.amount,
                    at=command.now,
                )
            ]
        case CancelCommission():
            if state.status == "cancelled":
                return []
            if state.status == "paid":
                raise Conflict("COMMISSION_PAID", commission=command.commission)
            return [
                CommissionCancelled(
                    commission=terms.commission,
                    partner=terms.partner,
                    month=state.month,
                    amount=terms.amount,
                    sale=terms.sale,
                    was_earned=state.status == "earned",
                    at=command.now,
                )
            ]
        case _:
            assert_never(command)


def promise(state: State, command: PromiseCommission) -> list[Event]:
    values.money(command.amount, "amount", minimum=1)
    values.money(command.sale, "sale")
    values.number(command.rate, "rate", 0, MAX_RATE)
    terms = _terms(command)
    if state.status == "cancelled":
        raise Conflict("COMMISSION_CANCELLED", commission=command.commission)
    if state.terms is not None and command.earned_in is None:
        if _same(state.terms, terms):
            return []
        raise Conflict("COMMISSION_ALREADY_PROMISED", commission=command.commission)
    promised: list[Event] = [] if state.terms else [terms]
    if command.earned_in is None:
        return promised
    return promised + earn(state, terms, command.earned_in, command.now)


def earn(state: State, terms: CommissionPromised, month: Month, now: datetime) -> list[Event]:
    if state.status == "cancelled":
        raise Conflict("COMMISSION_CANCELLED", commission=terms.commission)
    if state.status in ("earned", "paid"):
        if state.month == str(month) and state.terms is not None and _same(state.terms, terms):
            return []
        raise Conflict("COMMISSION_ALREADY_EARNED", commission=terms.commission, month=state.month)
    return [
        CommissionEarned(
            commission=terms.commission,
            partner=terms.partner,
            deal=terms.deal,
            customer=terms.customer,
            amount=terms.amount,
            rate=terms.rate,
            sale=terms.sale,
            vehicle_make=terms.vehicle_make,
            vehicle_model=terms.vehicle_model,
            month=str(month),
            at=now,
        )
    ]


def _terms(said: PromiseCommission | CommissionEarned) -> CommissionPromised:
    return CommissionPromised(
        commission=said.commission,
        partner=said.partner,
        deal=said.deal,
        customer=said.customer,
        amount=said.amount,
        rate=said.rate,
        sale=said.sale,
        vehicle_make=said.vehicle_make,
        vehicle_model=said.vehicle_model,
        at=said.at if isinstance(said, CommissionEarned) else said.now,
    )


def _same(one: CommissionPromised, other: CommissionPromised) -> bool:
    return replace(one, at=other.at) == other


def stream(organization: str, commission: str) -> str:
    return values.stream_name("commission", organization, commission)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
