"""Sign-ins and password hashes: the two kinds of secret that are kept beside the log, never in it."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Any

import msgspec

from eventstore import reading
from eventstore.connect import AsyncConnection
from eventstore.reading import Source

SET_PASSWORD = """
insert into credentials (account, password_hash) values (%s, %s)
on conflict (account) do update set password_hash = excluded.password_hash, changed_at = now()
"""
PASSWORD = "select password_hash from credentials where account = %s"
BEGIN = """
insert into sign_ins (sign_in, account, claims, token_hash, expires_at)
values (%s, %s, %s, %s, now() + make_interval(secs => %s))
"""
ROTATE = """
update sign_ins set token_hash = %s, refreshed_at = now(), expires_at = now() + make_interval(secs => %s)
where sign_in = %s and token_hash = %s and revoked_at is null and expires_at > now()
returning account, claims
"""
# The announcement reaches every API process, which then refuses the access tokens of that sign-in at once.
REVOKE = """
with revoked as (update sign_ins set revoked_at = now() where sign_in = %s and revoked_at is null returning sign_in)
select pg_notify('revoked', sign_in) from revoked
"""
REVOKE_ALL = """
with revoked as (update sign_ins set revoked_at = now() where account = %s and revoked_at is null returning sign_in)
select pg_notify('revoked', sign_in) from revoked
"""
TOKEN = re.compile(r"[0-9a-f]{24}\.[A-Za-z0-9_-]{43}")

AGE = "select extract(epoch from now() - created_at)::float8 from sign_ins where sign_in = %s"
REVOKED_SINCE = "select sign_in from sign_ins where revoked_at > now() - make_interval(secs => %s)"


class SignIn(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in as its holder gets it: `refresh_token` is shown once and only its digest is kept."""

    sign_in: str
    account: str
    claims: dict[str, Any]
    refresh_token: str


async def set_password(connection: AsyncConnection, account: str, password_hash: str) -> None:
    """Keep the account's password hash."""
    await connection.execute(SET_PASSWORD, [account, password_hash])


async def password_hash(connection: AsyncConnection, account: str) -> str | None:
    """The account's password hash, None when it has none."""
    row = await (await connection.execute(PASSWORD, [account])).fetchone()
    return row[0] if row else None


async def begin(connection: AsyncConnection, account: str, claims: dict[str, Any], lifetime: int) -> SignIn:
    """Start a sign-in that lasts `lifetime` seconds without a refresh."""
    sign_in, secret = secrets.token_hex(12), secrets.token_urlsafe(32)
    await connection.execute(BEGIN, [sign_in, account, msgspec.json.encode(claims).decode(), _digest(secret), lifetime])
    return SignIn(sign_in=sign_in, account=account, claims=claims, refresh_token=f"{sign_in}.{secret}")


async def rotate(connection: AsyncConnection, refresh_token: str, lifetime: int) -> SignIn | None:
    """Trade a refresh token for the next one. None when it is unknown, expired or revoked; one that was traded before
    revokes the whole sign-in, since two parties hold it."""
    if TOKEN.fullmatch(refresh_token) is None:
        return None
    sign_in, _, secret = refresh_token.partition(".")
    fresh = secrets.token_urlsafe(32)
    cursor = await connection.execute(ROTATE, [_digest(fresh), lifetime, sign_in, _digest(secret)])
    row = await cursor.fetchone()
    if row is None:
        await revoke(connection, sign_in)
        return None
    return SignIn(sign_in=sign_in, account=row[0], claims=row[1], refresh_token=f"{sign_in}.{fresh}")


async def revoke(connection: AsyncConnection, sign_in: str) -> None:
    """End a sign-in. Unknown or ended already: nothing happens."""
    await connection.execute(REVOKE, [sign_in])


async def revoke_all(connection: AsyncConnection, account: str) -> None:
    """End every sign-in of an account: its password or its rights changed."""
    await connection.execute(REVOKE_ALL, [account])


async def age(source: Source, sign_in: str) -> float | None:
    """How many seconds ago a sign-in began; None for one that is unknown."""
    return await reading.value(source, AGE, [sign_in])


async def revoked_since(connection: AsyncConnection, seconds: float) -> set[str]:
    """The sign-ins that ended in the last `seconds`."""
    return {row[0] for row in await (await connection.execute(REVOKED_SINCE, [seconds])).fetchall()}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
