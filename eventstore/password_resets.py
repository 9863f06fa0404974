"""Tokens with which somebody who forgot a password sets another one: kept beside the log, never in it."""

from __future__ import annotations

import hashlib
import secrets

from eventstore.connect import AsyncConnection

ISSUE = """
insert into password_resets (account, token_hash, expires_at) values (%s, %s, now() + make_interval(secs => %s))
on conflict (account) do update set token_hash = excluded.token_hash, expires_at = excluded.expires_at
"""
REDEEM = "delete from password_resets where token_hash = %s returning account, expires_at > now()"


async def issue(connection: AsyncConnection, account: str, lifetime: int) -> str:
    """A token that is good once, for `lifetime` seconds; the one issued before is good no longer."""
    token = secrets.token_urlsafe(32)
    await connection.execute(ISSUE, [account, _digest(token), lifetime])
    return token


async def redeem(connection: AsyncConnection, token: str) -> str | None:
    """The account of a token, which is used up. None when it is unknown, used or too old."""
    row = await (await connection.execute(REDEEM, [_digest(token)])).fetchone()
    return row[0] if row and row[1] else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
