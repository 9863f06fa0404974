"""What says something about a person is readable as long as their key is there, and by nobody afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import psycopg
import pytest

from domain import customer
from domain.customer import CustomerAdded, CustomerErased
from domain.model import ERASED, Conflict, Event
from eventstore import audit
from eventstore.sealing import Vault, WrongMasterKey, seal, unseal
from tests.support.store import MASTER_KEY, NOW, a_log, connected, given, in_event_loop, open_store

ZOE, BEA, CAI = (customer.stream("acme", name) for name in ("zoe", "bea", "cai"))
SECRETS = ("Zoë Núñez", "zoe@example.mx", "5215598772310")
OTHER_KEY = "08" * 32


def added(name: str = SECRETS[0]) -> CustomerAdded:
    return CustomerAdded(customer="zoe", name=name, email=SECRETS[1], phone=SECRETS[2], at=NOW)


def everything_stored(database_url: str) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(database_url) as connection:
        names = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables"
            " where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        return "\n".join(
            str(row)
            for (name,) in names
            for row in connection.execute(f"select t::text from {name} t").fetchall()  # type: ignore[arg-type] # noqa: S608
        )


def names(events: Iterable[Event | None]) -> list[str]:
    return [event.name for event in events if isinstance(event, CustomerAdded)]


async def read(database_url: str, stream: str = ZOE, master_key: str = MASTER_KEY) -> list[Event | None]:
    """A stream's events, as somebody sees them who starts now."""
    log = a_log(master_key=master_key)
    async with connected(database_url) as connection:
        return [recorded.event async for recorded in log.stream(connection, stream)]


@in_event_loop
async def test_personal_data_is_nowhere_in_the_database_and_readable_through_the_log(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, ZOE, added())
    stored = everything_stored(database_url)
    assert "CustomerAdded" in stored
    for secret in SECRETS:
        assert secret not in stored
        assert secret.encode().hex() not in stored
    assert await read(database_url) == [added()]


@in_event_loop
async def test_the_same_words_are_sealed_differently_each_time(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, ZOE, added(), added())
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("select data::text from events").fetchall()
    assert rows[0] != rows[1]


@in_event_loop
async def test_an_erased_person_is_gone_for_every_reader_and_the_chain_still_holds(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, ZOE, added(), CustomerErased(customer="zoe", at=NOW))
        await given(store, BEA, added("Bea"))
        before = audit.verify(database_url)
        async with store.pool.connection() as connection:
            await store.log.vault.erase(connection, ZOE)
            await store.log.vault.erase(connection, ZOE)  # twice is once
            found = [recorded.event async for recorded in store.log.stream(connection, ZOE)]
            everywhere = [recorded.event for recorded in await store.log.between(connection, 0, 10)]
    gone = CustomerAdded(customer="zoe", name=ERASED, email=None, phone=None, at=NOW)
    assert found == [gone, CustomerErased(customer="zoe", at=NOW)]
    assert names(everywhere) == [ERASED, "Bea"]
    assert names(await read(database_url)) == [ERASED]
    assert audit.verify(database_url) == before


@in_event_loop
async def test_who_was_erased_gets_no_other_key(database_url: str) -> None:
    """What was on its way while they were erased would be readable for good."""
    async with open_store(database_url) as store:
        await given(store, ZOE, added())
        async with store.pool.connection() as connection:
            for never in (ZOE, BEA):
                await store.log.vault.erase(connection, never)
                with pytest.raises(Conflict, match="SUBJECT_ERASED"):
                    await store.log.vault.make(connection, never)
            assert [*await store.log.vault.make_all(connection, [CAI, ZOE, BEA])] == [CAI]
    assert names(await read(database_url)) == [ERASED]


@in_event_loop
async def test_a_key_that_is_made_anew_does_not_open_what_the_other_sealed(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, ZOE, added("first"))
        async with store.pool.connection() as connection:
            await store.log.vault.drop(connection, ZOE)
        await given(store, ZOE, added("second"))
    assert names(await read(database_url)) == [ERASED, "second"]


@in_event_loop
async def test_many_who_need_a_new_key_at_once_get_the_same_one(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:

        async def sealed(number: int) -> str:
            store = (one, other)[number % 2]
            async with store.pool.connection() as connection:
                return seal(await store.log.vault.make(connection, ZOE), f"text {number}", "a")

        texts = await asyncio.gather(*(sealed(number) for number in range(20)))
        async with one.pool.connection() as connection:
            key = (await one.log.vault.keys(connection, [ZOE]))[ZOE]
    assert [unseal(key, text, "a") for text in texts] == [f"text {number}" for number in range(20)]


@in_event_loop
async def test_what_is_sealed_for_one_place_does_not_open_in_another(database_url: str) -> None:
    async with open_store(database_url) as store, store.pool.connection() as connection:
        zoe = await store.log.vault.make(connection, ZOE)
        bea = await store.log.vault.make(connection, BEA)
    sealed = seal(zoe, "Zoë", "CustomerAdded.name")
    assert unseal(zoe, sealed, "CustomerAdded.name") == "Zoë"
    assert unseal(zoe, sealed, "CustomerAdded.email") is None
    assert unseal(bea, sealed, "CustomerAdded.name") is None
    assert unseal(None, sealed, "CustomerAdded.name") is None


@in_event_loop
async def test_a_key_that_is_moved_to_another_subject_does_not_work_there(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, ZOE, added())
        async with store.pool.connection() as connection:
            await connection.execute("update subject_keys set subject = %s", [BEA])
            with pytest.raises(WrongMasterKey):
                await store.log.vault.keys(connection, [BEA])


@in_event_loop
async def test_a_wrong_master_key_reads_nothing_and_says_so(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, ZOE, added())
    with pytest.raises(WrongMasterKey, match="BITACORA_MASTER_KEY"):
        await read(database_url, master_key=OTHER_KEY)


@in_event_loop
async def test_a_wrong_master_key_seals_nothing_either(database_url: str) -> None:
    """Otherwise two master keys would be needed from there on, and nobody would know."""
    async with open_store(database_url) as store:
        await given(store, ZOE, added())
    async with open_store(database_url, a_log(master_key=OTHER_KEY)) as store:
        with pytest.raises(WrongMasterKey):
            await given(store, BEA, added("Bea"))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select subject from subject_keys").fetchall() == [(ZOE,)]


def test_a_blind_value_is_always_the_same_and_another_one_under_another_key() -> None:
    vault = Vault(MASTER_KEY)
    assert vault.blind("zoe@example.mx") == Vault(MASTER_KEY).blind("zoe@example.mx")
    assert vault.blind("zoe@example.mx") != vault.blind("zoë@example.mx")
    assert vault.blind("zoe@example.mx") != Vault(OTHER_KEY).blind("zoe@example.mx")
    assert "zoe" not in vault.blind("zoe@example.mx")
