"""What the tests of the command handler ask for: a goal, a commission and a customer of one partner."""

from __future__ import annotations

import msgspec

from domain import commission, customer, goal
from domain.model import Command
from domain.values import Month
from eventstore.execute import Outcome, Request, Store
from eventstore.log import head_of
from eventstore.mapper import Recorded
from tests.support.store import ASKED, NOW, entries

OCTOBER = Month(2025, 10)
GOAL = goal.stream("acme", "ana", OCTOBER)
COMMISSION = commission.stream("acme", "com_1")
CUSTOMER = customer.stream("acme", "cus_1")


def set_goal(amount: int, *, create_only: bool = False, id: str = "goal_1") -> goal.SetGoal:
    return goal.SetGoal(
        goal=id, partner="ana", month=OCTOBER, amount=amount, current_month=OCTOBER, now=NOW, create_only=create_only
    )


def count(id: str, amount: int) -> goal.CountCommission:
    return goal.CountCommission(commission=id, partner="ana", month=OCTOBER, amount=amount, now=NOW)


PROMISE = commission.PromiseCommission(
    commission="com_1", partner="ana", deal="deal_1", customer="cus_1", amount=5, rate=200, sale=250, now=NOW
)
EARN = commission.EarnCommission(commission="com_1", month=OCTOBER, now=NOW)
PAY = commission.PayCommission(commission="com_1", now=NOW)
CANCEL = commission.CancelCommission(commission="com_1", now=NOW)
ADD = customer.AddCustomer(customer="cus_1", name="Zoë", now=NOW)


def keyed(key: str, fingerprint: str = "f") -> Request:
    return msgspec.structs.replace(ASKED, key=key, fingerprint=fingerprint)


async def ask(store: Store, command: Command, request: Request = ASKED) -> Outcome:
    """Run a command of these tests on its stream."""
    if isinstance(command, goal.SetGoal | goal.CountCommission | goal.UncountCommission):
        return await store.execute(goal.DECIDER, GOAL, command, request)
    if command is ADD or isinstance(command, customer.ChangeCustomer | customer.EraseCustomer):
        return await store.execute(customer.DECIDER, CUSTOMER, command, request)
    return await store.execute(commission.DECIDER, COMMISSION, command, request)


def names(database_url: str) -> list[str]:
    return [entry[3] for entry in entries(database_url)]


async def is_stored(store: Store, position: int) -> bool:
    async with store.pool.connection() as connection:
        return await head_of(connection) >= position


async def history(store: Store, stream: str) -> list[Recorded]:
    async with store.pool.connection() as connection:
        return [recorded async for recorded in store.log.stream(connection, stream)]
