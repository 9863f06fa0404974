"""Accounts of shoppers, with what must be unique about them: the same for the shop and for the back office."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from litestar import Request

from api import claims, commands
from api.runtime import Runtime
from domain import shopper
from domain.shopper import UNIQUE, ChangeShopper, EraseShopper, Known, RegisterShopper
from eventstore import sign_ins
from eventstore.execute import Step
from eventstore.sealing import Vault
from projections.shoppers import Shopper


async def register(
    runtime: Runtime, request: Request[Any, Any, Any], organization: str, asked: RegisterShopper, password: str
) -> str:
    """Open an account: the account and the claims on its username, identity card and e-mail address in one append, then
    its password. Returns its stream. Raises `Invalid`, or `Conflict("VALUE_TAKEN")`."""
    account = shopper.stream(organization, asked.shopper)
    hashed = await runtime.passwords.hash(password)
    steps = [
        step
        for field in UNIQUE
        for step in moved(runtime.vault, organization, account, field, None, getattr(asked, field), asked.now)
    ]
    await commands.run_all(runtime, request, [*steps, Step(shopper.DECIDER, account, asked)], organization)
    async with runtime.connection() as connection:
        # A repeated request heals what a crash left half done, and leaves a password alone that was changed since.
        if await sign_ins.password_hash(connection, account) is None:
            await sign_ins.set_password(connection, account, hashed)
    return account


async def change(runtime: Runtime, request: Request[Any, Any, Any], row: Shopper, asked: ChangeShopper) -> None:
    """Correct a profile, and move the claims with it."""
    steps: list[Step] = []
    for field in UNIQUE:
        old, new = getattr(row, field), getattr(asked, field)
        if isinstance(new, str | None):
            steps += moved(runtime.vault, row.organization, row.account, field, old, new, asked.now)
    await commands.run_all(runtime, request, [*steps, Step(shopper.DECIDER, row.account, asked)])


async def erase(runtime: Runtime, request: Request[Any, Any, Any], row: Shopper, asked: EraseShopper) -> None:
    """Forget a person, and free what they had claimed. The keys of their data are destroyed by a reaction."""
    steps = [
        step
        for field in UNIQUE
        for step in moved(runtime.vault, row.organization, row.account, field, getattr(row, field), None, asked.now)
    ]
    await commands.run_all(runtime, request, [*steps, Step(shopper.DECIDER, row.account, asked)])


def known(row: Shopper) -> Known:
    """The values whose claims a change would move."""
    return Known(row.username, row.card, row.email)


def moved(
    vault: Vault, organization: str, account: str, field: str, old: str | None, new: str | None, now: datetime
) -> list[Step]:
    """The claims of one unique field, from one value to another."""
    return claims.moved(vault, organization, f"shopper_{field}", account, _key(field, old), _key(field, new), now)


def _key(field: str, value: str | None) -> str | None:
    return shopper.compared(field, value) if value else None
