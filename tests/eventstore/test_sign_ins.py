"""Sign-ins: a refresh token is traded once, or again within a few seconds; one that comes back later ends the
sign-in it belongs to, and that one alone."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import pytest

from eventstore import sign_ins
from eventstore.connect import AsyncConnection
from tests.support.store import connected, in_event_loop, open_store

ANA, BEA = "user-acme-ana", "user-acme-bea"
MONTH = 30 * 24 * 3600
KEY, LEEWAY = "a key of the server", 600.0  # seconds: more than any machine that runs this stands still
CLAIMS = {"id": "ana", "organization": "acme", "roles": ["partner"]}


async def begin(connection: AsyncConnection, account: str = ANA) -> sign_ins.SignIn:
    return await sign_ins.begin(connection, account, CLAIMS, MONTH)


async def rotate(
    connection: AsyncConnection, token: str, lifetime: int = MONTH, *, key: str = KEY, leeway: float = LEEWAY
) -> sign_ins.SignIn | None:
    return await sign_ins.rotate(connection, token, lifetime, key=key, leeway=leeway)


async def seconds_pass(connection: AsyncConnection, seconds: float) -> None:
    """As if what was traded had been traded so much earlier."""
    earlier = "update sign_ins set rotated_at = array(select t - make_interval(secs => %s) from unnest(rotated_at) t)"
    await connection.execute(earlier, [seconds])


@in_event_loop
async def test_a_refresh_token_is_traded_for_the_next_one(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        assert (begun.account, begun.claims) == (ANA, CLAIMS)
        token = begun.refresh_token
        for _ in range(3):
            traded = await rotate(connection, token)
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
        traded = await rotate(connection, begun.refresh_token)
        assert traded is not None
        await seconds_pass(connection, LEEWAY)
        assert await rotate(connection, begun.refresh_token) is None
        assert await rotate(connection, traded.refresh_token) is None
        assert await sign_ins.revoked_since(connection, 60) == {begun.sign_in}
        assert await rotate(connection, other.refresh_token) is not None


@in_event_loop
async def test_all_who_trade_one_token_at_once_get_the_next(database_url: str) -> None:
    """Such as the tabs of one browser, which come back from sleep together."""
    async with open_store(database_url) as store, connected(database_url) as connection:
        begun = await begin(connection)

        async def trade() -> sign_ins.SignIn | None:
            async with store.pool.connection() as own:
                return await rotate(own, begun.refresh_token)

        traded = await asyncio.gather(*(trade() for _ in range(20)))
        assert None not in traded
        tokens = {found.refresh_token for found in traded if found}
        assert len(tokens) == 1 != tokens & {begun.refresh_token}
        await seconds_pass(connection, 3600)
        assert await rotate(connection, tokens.pop()) is not None


@in_event_loop
async def test_a_token_that_was_traded_a_moment_ago_gets_what_is_good_now(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        second = await rotate(connection, begun.refresh_token)
        assert second is not None
        assert await rotate(connection, begun.refresh_token) == second
        await seconds_pass(connection, LEEWAY / 2)
        third = await rotate(connection, second.refresh_token)
        assert third is not None
        assert await rotate(connection, begun.refresh_token) == third
        assert await rotate(connection, second.refresh_token) == third
        await seconds_pass(connection, LEEWAY / 2)  # the first one's time is over, the second one's is not
        assert await rotate(connection, second.refresh_token) == third
        assert await rotate(connection, begun.refresh_token) is None
        assert await rotate(connection, third.refresh_token) is None


@in_event_loop
async def test_without_leeway_every_token_is_traded_once(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        assert await rotate(connection, begun.refresh_token, leeway=0) is not None
        assert await rotate(connection, begun.refresh_token, leeway=0) is None
        assert await sign_ins.revoked_since(connection, 60) == {begun.sign_in}


@pytest.mark.parametrize("end", ["update sign_ins set revoked_at = now()", "update sign_ins set expires_at = now()"])
@in_event_loop
async def test_a_sign_in_that_is_over_is_not_refreshed_within_the_leeway(database_url: str, end: LiteralString) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        assert await rotate(connection, begun.refresh_token) is not None
        await connection.execute(end)
        assert await rotate(connection, begun.refresh_token) is None


@in_event_loop
async def test_only_the_server_can_tell_which_token_follows(database_url: str) -> None:
    """Who finds an old token in a log must not be able to walk on to the present one."""
    async with connected(database_url) as connection:
        begun = await begin(connection)
        secret, following = begun.refresh_token.partition(".")[2], set[str]()
        for key in (KEY, "another key"):
            for sign_in in (begun.sign_in, "0" * 24):
                again = "update sign_ins set sign_in = %s, token_hash = sha256(%s)"
                await connection.execute(again, [sign_in, secret.encode()])
                traded = await rotate(connection, f"{sign_in}.{secret}", key=key)
                assert traded is not None
                following.add(traded.refresh_token.partition(".")[2])
        assert len(following) == 4


@in_event_loop
async def test_an_expired_sign_in_cannot_be_refreshed(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        await connection.execute("update sign_ins set expires_at = now()")
        assert await rotate(connection, begun.refresh_token) is None


@in_event_loop
async def test_a_refresh_puts_the_end_off(database_url: str) -> None:
    async with connected(database_url) as connection:
        begun = await begin(connection)
        assert await rotate(connection, begun.refresh_token, 2 * MONTH) is not None
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
        assert await rotate(connection, token) is None
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
        assert await rotate(connection, begun.refresh_token) is None


@in_event_loop
async def test_a_password_hash_is_kept_changed_and_unknown_for_others(database_url: str) -> None:
    async with connected(database_url) as connection:
        assert await sign_ins.password_hash(connection, ANA) is None
        await sign_ins.set_password(connection, ANA, "$argon2id$one")
        await sign_ins.set_password(connection, BEA, "$argon2id$bea")
        await sign_ins.set_password(connection, ANA, "$argon2id$two")
        assert await sign_ins.password_hash(connection, ANA) == "$argon2id$two"
        assert await sign_ins.password_hash(connection, BEA) == "$argon2id$bea"
