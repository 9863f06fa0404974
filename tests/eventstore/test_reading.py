"""Reading for many at a time: everybody gets their own rows, and one bad question is nobody else's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg
import pytest
import uvloop

from eventstore import lane, reading
from eventstore.connect import Connection, connect, connect_async
from eventstore.lane import AT_ONCE
from eventstore.reading import Reader, Source
from tests.support.waiting import PATIENCE

NUMBER = "select %s::int as number"
HELD = "select 5 from pg_advisory_xact_lock(1)"
"""A question that is answered when nobody holds the lock, as `held` does."""
WAITS = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Of every kind of column that views have."""

    number: int
    text: str | None
    at: datetime
    document: Any


Ask = Callable[[str, Callable[[Reader], Awaitable[Any]]], Any]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Run something with a reader, in either of the loops that there are."""

    def in_loop(database_url: str, work: Callable[[Reader], Awaitable[Any]]) -> Any:
        async def run() -> Any:
            async with Reader(database_url) as reader:
                return await work(reader)

        return request.param(run())

    return in_loop


@contextmanager
def held(database_url: str) -> Iterator[Connection]:
    """Nobody gets an answer to `HELD` in here."""
    with connect(database_url, "test") as other:
        other.execute("select pg_advisory_lock(1)")
        yield other


async def waiting(other: Connection) -> int:
    """The server process that has come to wait for the lock."""
    async with asyncio.timeout(PATIENCE):
        while (found := other.execute(WAITS).fetchone()) is None:  # noqa: ASYNC110 - it is in the server
            await asyncio.sleep(0.01)
    return found[0]


def test_rows_are_the_same_from_a_reader_and_from_a_connection(ask: Ask, database_url: str) -> None:
    query = "select %(n)s::int as number, %(text)s::text as text, %(at)s as at, %(body)s::jsonb as document"
    at = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
    given = {"n": 7, "text": "año «nuevo» 100 %", "at": at, "body": '{"a": [1, null, "ñ"]}'}

    async def from_both(reader: Reader) -> list[list[Row]]:
        async with await connect_async(database_url, "test") as connection:
            sources: tuple[Source, Source] = reader, connection
            return [await reading.rows(source, Row, query, given) for source in sources]

    one, other = ask(database_url, from_both)
    assert one == other == [Row(number=7, text="año «nuevo» 100 %", at=at, document={"a": [1, None, "ñ"]})]


def test_everybody_gets_their_own_answer(ask: Ask, database_url: str) -> None:
    many = AT_ONCE * 3 + 1

    async def at_once(reader: Reader) -> list[Any]:
        questions = [
            reading.tuples(reader, "select g from generate_series(1, %s) g", [number % 5]) for number in range(many)
        ]
        return await asyncio.gather(*questions)

    assert ask(database_url, at_once) == [[(n,) for n in range(1, number % 5 + 1)] for number in range(many)]


def test_one_that_fails_fails_alone(ask: Ask, database_url: str) -> None:
    async def at_once(reader: Reader) -> list[Any]:
        return await asyncio.gather(
            reading.value(reader, NUMBER, [1]),
            reading.value(reader, "select 1 / %s::int", [0]),
            reading.value(reader, NUMBER, [2]),
            reading.value(reader, "select from nowhere", []),
            reading.value(reader, NUMBER, ["no \0 text"]),
            reading.value(reader, "select %(a)s::int", {"b": 1}),
            reading.value(reader, "select %s::text", ["never asked before"]),
            reading.value(reader, NUMBER, [3]),
            return_exceptions=True,
        )

    found = ask(database_url, at_once)
    assert [found[nth] for nth in (0, 2, 6, 7)] == [1, 2, "never asked before", 3]
    assert isinstance(found[1], psycopg.errors.DivisionByZero)
    assert isinstance(found[3], psycopg.errors.UndefinedTable)
    assert isinstance(found[4], psycopg.DataError)
    assert isinstance(found[5], KeyError)


def test_it_goes_on_after_the_server_dropped_its_connections(ask: Ask, database_url: str) -> None:
    async def before_and_after(reader: Reader) -> list[Any]:
        first = await reading.value(reader, NUMBER, [1])
        with connect(database_url, "test") as other:
            assert other.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where application_name = 'bitacora reader' and datname = current_database()"
            ).fetchall()
        return [first, *await asyncio.gather(*(reading.value(reader, NUMBER, [n]) for n in (2, 3, 4)))]

    assert ask(database_url, before_and_after) == [1, 2, 3, 4]


def test_a_question_under_way_is_asked_once_more(ask: Ask, database_url: str) -> None:
    async def cut_off(reader: Reader) -> Any:
        await reading.value(reader, NUMBER, [1])
        with held(database_url) as other:
            asked = asyncio.create_task(reading.value(reader, HELD, []))
            other.execute("select pg_terminate_backend(%s)", [await waiting(other)])
        return await asked

    assert ask(database_url, cut_off) == 5


def test_a_table_that_was_built_anew_is_read_as_it_is_now(ask: Ask, database_url: str) -> None:
    async def around(reader: Reader) -> list[Any]:
        with connect(database_url, "test") as other:
            other.execute("create table public.shown (a int); insert into public.shown values (1)")
            found = [await reading.tuples(reader, "select * from shown") for _ in range(2)]
            other.execute("drop table public.shown; create table public.shown (a text, b int)")
            other.execute("insert into public.shown values ('x', 2)")
        return [*found, *await asyncio.gather(*(reading.tuples(reader, "select * from shown") for _ in range(2)))]

    assert ask(database_url, around) == [[(1,)], [(1,)], [("x", 2)], [("x", 2)]]


def test_a_long_question_does_not_hold_up_the_others(ask: Ask, database_url: str) -> None:
    async def beside(reader: Reader) -> int:
        await reading.value(reader, NUMBER, [0])
        with held(database_url) as other:
            long = asyncio.create_task(reading.value(reader, HELD, []))
            await waiting(other)
            assert [await reading.value(reader, NUMBER, [n]) for n in range(50)] == list(range(50))
            assert not long.done()
        return await long

    assert ask(database_url, beside) == 5


def test_without_a_server_the_asker_hears_of_it(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "PATIENCE", 0.3)
    with pytest.raises(psycopg.OperationalError):
        ask("postgresql://nobody@127.0.0.1:1/none", lambda reader: reading.value(reader, NUMBER, [1]))


def test_whoever_goes_away_leaves_the_others_alone(ask: Ask, database_url: str) -> None:
    async def some_leave(reader: Reader) -> list[Any]:
        await reading.value(reader, NUMBER, [0])
        asked = [asyncio.create_task(reading.value(reader, NUMBER, [n])) for n in range(10)]
        await asyncio.sleep(0)
        for task in asked[::2]:
            task.cancel()
        return await asyncio.gather(*asked[1::2])

    assert ask(database_url, some_leave) == [1, 3, 5, 7, 9]


def test_a_statement_without_rows_is_answered(ask: Ask, database_url: str) -> None:
    async def nothing(reader: Reader) -> Any:
        await reading.tuples(reader, "set application_name = 'x'")
        return await reading.tuples(reader, "set application_name = 'bitacora reader'")

    assert list(ask(database_url, nothing)) == []


def test_a_question_may_be_larger_than_what_a_socket_takes(ask: Ask, database_url: str) -> None:
    large = "ñ" * 3_000_000

    async def echo(reader: Reader) -> list[Any]:
        return await asyncio.gather(*(reading.value(reader, "select %s::text", [large]) for _ in range(3)))

    assert ask(database_url, echo) == [large] * 3


def test_a_batch_that_is_not_answered_is_given_up(ask: Ask, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stuck(reader: Reader) -> list[Any]:
        await reading.value(reader, NUMBER, [0])
        with monkeypatch.context() as for_this_one:
            for_this_one.setattr(lane, "PATIENCE", 0.3)
            with held(database_url), pytest.raises(psycopg.OperationalError, match="did not answer"):
                await reading.value(reader, HELD)
        return [await reading.value(reader, NUMBER, [n]) for n in (1, 2)]

    assert ask(database_url, stuck) == [1, 2]


def test_whoever_asks_of_a_closed_reader_is_refused(ask: Ask, database_url: str) -> None:
    async def closing(reader: Reader) -> None:
        await reading.value(reader, NUMBER, [0])
        with held(database_url) as other:
            out = asyncio.create_task(reading.value(reader, HELD))
            await waiting(other)
            late = asyncio.create_task(reading.value(reader, NUMBER, [1]))
            await asyncio.sleep(0)
            await reader.__aexit__(None, None, None)
        for question in (out, late, reading.value(reader, NUMBER, [2])):
            with pytest.raises(psycopg.OperationalError, match="ends"):
                await question

    ask(database_url, closing)


def test_while_one_lane_cannot_connect_the_others_answer(ask: Ask, database_url: str) -> None:
    async def without_the_first(reader: Reader) -> list[Any]:
        reader._lanes[0]._url = "postgresql://nobody@127.0.0.1:1/none"
        slow = asyncio.create_task(reading.value(reader, NUMBER, [0]))
        await asyncio.sleep(0.05)
        found = [await reading.value(reader, NUMBER, [n]) for n in (1, 2, 3)]
        return [await slow, *found]

    assert ask(database_url, without_the_first) == [0, 1, 2, 3]


def test_questions_to_a_connection_are_asked_one_after_the_other(database_url: str) -> None:
    async def fails_first() -> Any:
        async with await connect_async(database_url, "test") as connection:
            with pytest.raises(psycopg.errors.UndefinedTable):
                await reading.together(
                    connection,
                    reading.value(connection, "select from nowhere"),
                    reading.value(connection, NUMBER, [1]),
                )
            return await reading.together(
                connection, reading.value(connection, NUMBER, [1]), reading.value(connection, NUMBER, [2])
            )

    assert asyncio.run(fails_first()) == [1, 2]
