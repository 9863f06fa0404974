"""Codes of six digits with which somebody who forgot a password sets another one: beside the log, never in it.

A code is verified first and redeemed then. Every wrong guess uses up one of a few, whichever of the two it was for, and
guesses made at the same moment are counted one after the other.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from eventstore.connect import AsyncConnection
from eventstore.sealing import Vault

GUESSES = 5

KEEP = """
insert into recovery_codes (account, digest, expires_at, guesses) values (%s, %s, %s, %s)
on conflict (account) do update
set digest = excluded.digest, expires_at = excluded.expires_at, guesses = excluded.guesses, verified = false
"""
VERIFY = """
update recovery_codes
set guesses = guesses - case when digest = %(digest)s then 0 else 1 end, verified = verified or digest = %(digest)s
where account = %(account)s and expires_at > %(now)s and guesses > 0
returning digest = %(digest)s
"""
GUESS = """
update recovery_codes set guesses = guesses - case when digest = %(digest)s then 0 else 1 end
where account = %(account)s and expires_at > %(now)s and guesses > 0
returning digest = %(digest)s and verified
"""
REDEEM = "delete from recovery_codes where account = %s and digest = %s returning true"


async def issue(connection: AsyncConnection, vault: Vault, account: str, expires_at: datetime) -> str:
    """A new code for the account; the one issued before is good no longer."""
    code = f"{secrets.randbelow(1_000_000):06}"
    await connection.execute(KEEP, [account, _digest(vault, account, code), expires_at, GUESSES])
    return code


async def verify(connection: AsyncConnection, vault: Vault, account: str, code: str, now: datetime) -> bool:
    """Whether this is the account's code; it may then be redeemed."""
    guess = {"account": account, "digest": _digest(vault, account, code), "now": now}
    row = await (await connection.execute(VERIFY, guess)).fetchone()
    return row is not None and row[0]


async def redeem(connection: AsyncConnection, vault: Vault, account: str, code: str, now: datetime) -> bool:
    """Use up the account's code. False unless it is that, and was verified before."""
    digest = _digest(vault, account, code)
    guess = {"account": account, "digest": digest, "now": now}
    row = await (await connection.execute(GUESS, guess)).fetchone()
    if row is None or not row[0]:
        return False
    return await (await connection.execute(REDEEM, [account, digest])).fetchone() is not None


def _digest(vault: Vault, account: str, code: str) -> str:
    return vault.blind(f"recovery code/{account}/{code}")
