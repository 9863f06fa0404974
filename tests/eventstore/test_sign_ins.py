"""Sign-ins: a refresh token works once; one that comes back ends the sign-in it belongs to, and that one alone."""

from __future__ import annotations

import asyncio

import pytest

from eventstore import sign_ins
from eventstore.connect import AsyncConnection
from tests.support.store import connected, in_event_loop, open_store

ANA, BEA = "user-acme-ana", "user-acme-bea"
MONTH = 30 * 24 * 3600
CLAIMS = {"id": "ana", "organization": "acme", "roles": ["partner"]}


async def begin(connection: AsyncConnection, account: str = ANA) -> sign_ins.SignIn:
    return await sign_ins.begin(connection, account, CLAIMS, MONTH)


@in_event_loop
async def test_a_refresh_token_is_traded_for_the_next_one(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        assert (begun.account, begun.claims) == (ANA, CLAIMS)
        token = begun.refresh_token
        for _ in range(3):
            traded = await sign_ins.rotate(connection, token, MONTH)
            assert traded is not None
            assert (traded.sign_in, traded.account, traded.claims) == (begun.sign_in, ANA, CLAIMS)
            assert traded.refresh_token != token
            token = traded.refresh_token


@in_event_loop
async def test_no_token_is_kept_only_its_digest(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        rows = await (await connection.execute("select s::text from sign_ins s")).fetchall()
    assert begun.refresh_token.partition(".")[2] not in str(rows)


@in_event_loop
async def test_a_token_that_comes_back_ends_its_sign_in_and_no_other(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun, other = await begin(connection), await begin(connection)
        traded = await sign_ins.rotate(connection, begun.refresh_token, MONTH)
        assert traded is not None
        assert await sign_ins.rotate(connection, begun.refresh_token, MONTH) is None
        assert await sign_ins.rotate(connection, traded.refresh_token, MONTH) is None
        assert await sign_ins.revoked_since(connection, 60) == {begun.sign_in}
        assert await sign_ins.rotate(connection, other.refresh_token, MONTH) is not None


@in_event_loop
async def test_of_many_who_trade_one_token_at_once_one_gets_the_next_and_the_sign_in_is_over(
    database_url: str,
) -> None:
    """Two parties hold the token, and nobody can say which of them should."""
    async with open_store(database_url) as store, connected(database_url) as connection:
        begun = await begin(connection)

        async def trade() -> sign_ins.SignIn | None:
            async with store.pool.connection() as own:
                return await sign_ins.rotate(own, begun.refresh_token, MONTH)

        traded = [found for found in await asyncio.gather(*(trade() for _ in range(20))) if found]
        assert len(traded) == 1
        assert await sign_ins.rotate(connection, traded[0].refresh_token, MONTH) is None


@in_event_loop
async def test_an_expired_sign_in_cannot_be_refreshed(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        await connection.execute("update sign_ins set expires_at = now()")
        assert await sign_ins.rotate(connection, begun.refresh_token, MONTH) is None


@in_event_loop
async def test_a_refresh_puts_the_end_off(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        assert await sign_ins.rotate(connection, begun.refresh_token, 2 * MONTH) is not None
        row = await (
            await connection.execute("select expires_at > now() + interval '59 days' from sign_ins")
        ).fetchone()
    assert row == (True,)


@pytest.mark.parametrize(
    "token", ["", ".", "x", "a.b", "0" * 24 + ".\0", "\ud800", "ñ" * 24 + "." + "a" * 43, "0" * 24 + "." + "a" * 43]
)
@in_event_loop
async def test_a_token_that_is_none_is_refused_without_a_fuss(database_url: str, token: str) -> None:
    async with connected(database_url) as connection:
        await begin(connection)
        assert await sign_ins.rotate(connection, token, MONTH) is None
        assert await sign_ins.revoked_since(connection, 60) == set()


@in_event_loop
async def test_every_process_hears_at_once_that_a_sign_in_is_over(database_url: str) -> None:
    async with connected(database_url) as connection, connected(database_url) as ear:
        one, two, other = await begin(connection), await begin(connection), await begin(connection, BEA)
        await ear.execute("listen revoked")
        await sign_ins.revoke(connection, one.sign_in)
        await sign_ins.revoke(connection, one.sign_in)  # over already: nobody is told again
        await sign_ins.revoke_all(connection, ANA)
        await sign_ins.revoke(connection, other.sign_in)
        heard = [notice.payload async for notice in ear.notifies(timeout=10, stop_after=3)]
        assert heard == [one.sign_in, two.sign_in, other.sign_in]
        assert await sign_ins.revoked_since(connection, 60) == {one.sign_in, two.sign_in, other.sign_in}


@in_event_loop
async def test_what_ended_long_ago_is_not_remembered(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        await sign_ins.revoke(connection, begun.sign_in)
        await connection.execute("update sign_ins set revoked_at = now() - interval '1 hour'")
        assert await sign_ins.revoked_since(connection, 60) == set()
        assert await sign_ins.rotate(connection, begun.refresh_token, MONTH) is None


@in_event_loop
async def test_a_password_hash_is_kept_changed_and_unknown_for_others(database_url: str) -> None:
    async with connected(database_url) as connection:
        assert await sign_ins.password_hash(connection, ANA) is None
        await sign_ins.set_password(connection, ANA, "$argon2id$one")
        await sign_ins.set_password(connection, BEA, "$argon2id$bea")
        await sign_ins.set_password(connection, ANA, "$argon2id$two")
        assert await sign_ins.password_hash(connection, ANA) == "$argon2id$two"
        assert await sign_ins.password_hash(connection, BEA) == "$argon2id$bea"
