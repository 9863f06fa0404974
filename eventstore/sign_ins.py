"""Sign-ins and password hashes: the two kinds of secret that are kept beside the log, never in it.

Every refresh token follows from the one before and a key that only the server has. So whoever trades one twice within
the leeway, such as two tabs of a browser or a client whose answer was lost, gets the same next token, and a sign-in
stays a single chain: of two who hold one token, the slower one is found out at the next trade, and the sign-in ends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
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
# Waits for whoever is about to set another one.
IS_PASSWORD = "select true from credentials where account = %s and password_hash = %s for share"
BEGIN = """
insert into sign_ins (sign_in, account, claims, token_hash, expires_at)
values (%s, %s, %s, %s, now() + make_interval(secs => %s))
"""
TRADES = 8
"""How many trades back a token is looked for that is traded once more. Nobody refreshes more often in a few seconds."""
ROTATE = """
update sign_ins set token_hash = %s, refreshed_at = now(), expires_at = now() + make_interval(secs => %s),
    rotated_at = (array[now()] || rotated_at)[1:%s]
where sign_in = %s and token_hash = %s and revoked_at is null and expires_at > now()
returning account, claims
"""
# `found.place`: how many trades ago the token was the one to be traded, by the place of the present one among those
# that follow from it.
ROTATED = """
select account, claims, found.place
from sign_ins, lateral array_position(%s::bytea[], token_hash) as found(place)
where sign_in = %s and revoked_at is null and expires_at > now()
    and rotated_at[found.place] > now() - make_interval(secs => %s)
"""
# The announcement reaches every API process, which then refuses the access tokens of that sign-in; the one that asks
# need not wait for it.
REVOKE = """
with revoked as (update sign_ins set revoked_at = now() where sign_in = %s and revoked_at is null returning sign_in)
select pg_notify('revoked', sign_in) from revoked
"""
REVOKE_ALL = """
with revoked as (update sign_ins set revoked_at = now() where account = %s and revoked_at is null returning sign_in)
select sign_in, pg_notify('revoked', sign_in) from revoked
"""
FORGET = """
with code as (delete from recovery_codes where account = %(account)s),
    link as (delete from password_resets where account = %(account)s)
delete from credentials where account = %(account)s
"""
TOKEN = re.compile(r"[0-9a-f]{24}\.[A-Za-z0-9_-]{43}")

AGE = "select extract(epoch from now() - created_at)::float8 from sign_ins where sign_in = %s"
ALIVE = """
select claims ->> 'organization', claims ->> 'id' from sign_ins
where sign_in = %s and revoked_at is null and expires_at > now() and refreshed_at > now() - make_interval(secs => %s)
"""
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


async def is_password(connection: AsyncConnection, account: str, password_hash: str) -> bool:
    """Whether this is still the account's password hash."""
    return await (await connection.execute(IS_PASSWORD, [account, password_hash])).fetchone() is not None


async def begin(connection: AsyncConnection, account: str, claims: dict[str, Any], lifetime: int) -> SignIn:
    """Start a sign-in that lasts `lifetime` seconds without a refresh."""
    sign_in, secret = secrets.token_hex(12), secrets.token_urlsafe(32)
    await connection.execute(BEGIN, [sign_in, account, msgspec.json.encode(claims).decode(), _digest(secret), lifetime])
    return SignIn(sign_in=sign_in, account=account, claims=claims, refresh_token=f"{sign_in}.{secret}")


async def rotate(
    connection: AsyncConnection, refresh_token: str, lifetime: int, *, key: str, leeway: float
) -> SignIn | None:
    """Trade a refresh token for the next one. None when it is unknown, expired or revoked. One that was traded less
    than `leeway` seconds ago is answered with the token that is good now; one that was traded before that revokes the
    whole sign-in, since two parties hold it."""
    if TOKEN.fullmatch(refresh_token) is None:
        return None
    sign_in, _, secret = refresh_token.partition(".")
    fresh = _next(key, sign_in, secret)
    cursor = await connection.execute(ROTATE, [_digest(fresh), lifetime, TRADES, sign_in, _digest(secret)])
    row = await cursor.fetchone()
    if row is None:
        return await _rotated(connection, sign_in, fresh, key, leeway)
    return SignIn(sign_in=sign_in, account=row[0], claims=row[1], refresh_token=f"{sign_in}.{fresh}")


async def _rotated(connection: AsyncConnection, sign_in: str, fresh: str, key: str, leeway: float) -> SignIn | None:
    """The sign-in whose token was traded for `fresh` a moment ago, with what is good now. Ends it when that was longer
    ago, or never."""
    following = [fresh]
    while len(following) < TRADES:
        following.append(_next(key, sign_in, following[-1]))
    cursor = await connection.execute(ROTATED, [[_digest(secret) for secret in following], sign_in, leeway])
    row = await cursor.fetchone()
    if row is None:
        await revoke(connection, sign_in)
        return None
    return SignIn(sign_in=sign_in, account=row[0], claims=row[1], refresh_token=f"{sign_in}.{following[row[2] - 1]}")


async def revoke(connection: AsyncConnection, sign_in: str) -> None:
    """End a sign-in. Unknown or ended already: nothing happens."""
    await connection.execute(REVOKE, [sign_in])


async def revoke_all(connection: AsyncConnection, account: str) -> list[str]:
    """End every sign-in of an account: its password or its rights changed. Returns those that ended."""
    return [row[0] for row in await (await connection.execute(REVOKE_ALL, [account])).fetchall()]


async def forget(connection: AsyncConnection, account: str) -> None:
    """End every sign-in of an account, and keep no password of it nor a way to another one."""
    await revoke_all(connection, account)
    await connection.execute(FORGET, {"account": account})


async def age(source: Source, sign_in: str) -> float | None:
    """How many seconds ago a sign-in began; None for one that is unknown."""
    return await reading.value(source, AGE, [sign_in])


async def alive(source: Source, sign_in: str, seconds: float) -> tuple[str, str] | None:
    """The organisation and the id of who holds a sign-in, if it could still be refreshed, and was refreshed or begun in
    the last `seconds`."""
    found = await reading.tuples(source, ALIVE, [sign_in, seconds])
    return (found[0][0], found[0][1]) if found else None


async def revoked_since(connection: AsyncConnection, seconds: float) -> set[str]:
    """The sign-ins that ended in the last `seconds`."""
    return {row[0] for row in await (await connection.execute(REVOKED_SINCE, [seconds])).fetchall()}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _next(key: str, sign_in: str, secret: str) -> str:
    """The secret that follows. Without the key nobody can tell, whoever saw an earlier one."""
    follows = hmac.digest(key.encode(), f"refresh/{sign_in}/{secret}".encode(), "sha256")
    return base64.urlsafe_b64encode(follows).decode().rstrip("=")
