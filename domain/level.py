"""A partner's level: how much they have sold so far, and the level that this has brought them.

Every earned commission adds its deal's value to the sales; a commission cancelled afterwards takes it off again. A deal
counts once, however many commissions are earned on it, with the highest value that they were promised at. Reaching
the sales that a level asks for upgrades the partner, and a level once reached is never lost (Pazz contract). What each
level asks for and pays comes with the command, because it is a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Decider, Event, Invalid
from domain.values import LEVELS, LevelName


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """A level, the accumulated sales it asks for (centavos), and the commission rate it pays (basis points)."""

    level: LevelName
    sales: int
    rate: int


LADDER = (
    Rung(level="starter", sales=0, rate=200),
    Rung(level="master", sales=4_500_000_00, rate=250),
    Rung(level="legend", sales=8_000_000_00, rate=300),
)
"""What holds unless settings say otherwise, lowest first: thresholds of the Pazz document."""


class SaleAccumulated(Event):
    """A sale was added to what the partner has sold: `sale` is what that came to, which is less than the deal's `value`
    where another commission on the deal had been earned. Early ones say neither deal nor value: each is a deal."""

    commission: str
    partner: str
    sale: int
    deal: str | None = None
    value: int | None = None
    at: datetime


class SaleWithdrawn(Event):
    """A sale's commission was cancelled and `sale` taken off; 0 when it had not been added yet, or when the deal counts
    as much by another commission."""

    commission: str
    partner: str
    sale: int
    at: datetime


class LevelUpgraded(Event):
    """The partner rose to a higher level, for good."""

    partner: str
    level: str
    previous: str
    at: datetime


class AccumulateSale(Command):
    """Add the sale of an earned commission: its deal's value in centavos."""

    commission: str
    deal: str
    partner: str
    sale: int
    ladder: tuple[Rung, ...] = LADDER
    now: datetime


class WithdrawSale(Command):
    """Take off the sale of a cancelled commission. Cancelled before it was added, it will never be added."""

    commission: str
    partner: str
    now: datetime


class ReviewLevel(Command):
    """Look again at what the partner has sold, because the ladder is another one."""

    partner: str
    ladder: tuple[Rung, ...] = LADDER
    now: datetime


class Sale(msgspec.Struct, frozen=True):
    """What a commission was earned on, and how much that is worth."""

    deal: str
    value: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    level: LevelName = LEVELS[0]
    sales: Mapping[str, Sale] = {}  # by commission
    withdrawn: frozenset[str] = frozenset()

    @property
    def accumulated(self) -> int:
        worth: dict[str, int] = {}
        for sale in self.sales.values():
            worth[sale.deal] = max(sale.value, worth.get(sale.deal, 0))
        return sum(worth.values())

    def worth(self, deal: str, but: str = "") -> int:
        """With what a deal counts; `but` is a commission that is left out."""
        return max((sale.value for name, sale in self.sales.items() if sale.deal == deal and name != but), default=0)


def evolve(state: State, event: SaleAccumulated | SaleWithdrawn | LevelUpgraded) -> State:
    match event:
        case SaleAccumulated():
            value = event.sale if event.value is None else event.value
            sale = Sale(event.deal or f"deal of {event.commission}", value)
            return replace(state, sales={**state.sales, event.commission: sale})
        case SaleWithdrawn():
            sales = {known: sale for known, sale in state.sales.items() if known != event.commission}
            return replace(state, sales=sales, withdrawn=state.withdrawn | {event.commission})
        case LevelUpgraded():
            return replace(state, level=event.level)
        case _:
            assert_never(event)


def decide(state: State, command: AccumulateSale | WithdrawSale | ReviewLevel) -> list[Event]:
    """Refuses with AMOUNT_OUT_OF_RANGE and LADDER_INVALID (Invalid)."""
    match command:
        case AccumulateSale():
            values.money(command.sale, "sale")
            check(command.ladder)
            if command.commission in state.sales or command.commission in state.withdrawn:
                return []
            sold = SaleAccumulated(
                commission=command.commission,
                partner=command.partner,
                sale=max(0, command.sale - state.worth(command.deal)),
                deal=command.deal,
                value=command.sale,
                at=command.now,
            )
            return [sold, *upgrades(evolve(state, sold), command)]
        case WithdrawSale():
            if command.commission in state.withdrawn:
                return []
            known = state.sales.get(command.commission)
            sale = state.worth(known.deal) - state.worth(known.deal, but=command.commission) if known else 0
            return [SaleWithdrawn(commission=command.commission, partner=command.partner, sale=sale, at=command.now)]
        case ReviewLevel():
            check(command.ladder)
            return upgrades(state, command)
        case _:
            assert_never(command)


def upgrades(state: State, command: AccumulateSale | ReviewLevel) -> list[Event]:
    """The rise to the highest level whose sales are reached, if that is higher than the partner's."""
    reached = max((rung.level for rung in command.ladder if rung.sales <= state.accumulated), key=LEVELS.index)
    if LEVELS.index(reached) <= LEVELS.index(state.level):
        return []
    return [LevelUpgraded(partner=command.partner, level=reached, previous=state.level, at=command.now)]


def check(ladder: tuple[Rung, ...]) -> None:
    """Raise `Invalid` unless every level stands on the ladder once, lowest first, and the lowest asks for nothing."""
    sales = [rung.sales for rung in ladder]
    if tuple(rung.level for rung in ladder) != LEVELS or sales[0] != 0 or sales != sorted(sales):
        raise Invalid("LADDER_INVALID", field="ladder")


def rung(level: str, ladder: tuple[Rung, ...] = LADDER) -> Rung:
    """What a level asks for and pays."""
    return ladder[LEVELS.index(values.one_of(level, LEVELS, "level"))]


def next_rung(level: str, ladder: tuple[Rung, ...] = LADDER) -> Rung | None:
    """The one above; None at the top."""
    above = LEVELS.index(values.one_of(level, LEVELS, "level")) + 1
    return ladder[above] if above < len(ladder) else None


def stream(organization: str, partner: str) -> str:
    return values.stream_name("level", organization, partner)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
