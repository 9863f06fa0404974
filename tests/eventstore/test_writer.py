"""Group commit: whoever appends shares a flush with others, and neither gains nor suffers from it."""

from __future__ import annotations

import asyncio
from typing import LiteralString

import psycopg
import pytest

from eventstore import audit, writer
from eventstore.commit import (
    MAX_COMMIT_BYTES,
    MAX_EVENT_BYTES,
    MAX_KEY_LENGTH,
    MAX_STREAM_LENGTH,
    Commit,
    Committed,
    KeyReused,
    LogUnavailable,
    OutcomeUnknown,
    Part,
    Record,
    Unstorable,
    VersionConflict,
)
from eventstore.schema import migrate
from eventstore.writer import Writer
from scripts.postgres import Postgres
from tests.eventstore import crowd
from tests.support.lossy import Lossy
from tests.support.store import META, commit, connected, entries, eventually, in_event_loop, streams, together

LOCK = "select pg_advisory_lock(8317002115)"
WAITING: LiteralString = """
select count(*) from pg_stat_activity
where application_name = 'bitacora writer' and wait_event_type = 'Lock' and datname = current_database()
"""
END_WRITERS: LiteralString = """
select pg_terminate_backend(pid, 60000) from pg_stat_activity
where application_name = 'bitacora writer' and datname = current_database()
"""

# --- what is stored


@in_event_loop
async def test_the_events_of_a_commit_get_the_next_positions_and_versions(database_url: str) -> None:
    async with Writer(database_url) as store:
        assert await store.append(commit("a", 0, b"{}", b"{}")) == Committed(1, 2)
        assert await store.append(commit("b", 0, b"{}")) == Committed(3, 3)
        assert await store.append(commit("a", 2, b"{}")) == Committed(4, 4)
    assert streams(database_url) == [(1, "a", 1), (2, "a", 2), (3, "b", 1), (4, "a", 3)]


@in_event_loop
async def test_data_and_metadata_are_kept_to_the_byte(database_url: str) -> None:
    odd = '{ "b":1,"a" : "ñ \\u00e9 العربية \\\\u0000", "a":2 }'
    async with Writer(database_url) as store:
        await store.append(Commit([Part("a", 0, [Record("Noted", odd.encode())])], b'{"organization" :"acme"}'))
    assert [entry[3:] for entry in entries(database_url)] == [("Noted", odd, '{"organization" :"acme"}')]


@in_event_loop
async def test_commands_that_arrive_together_share_a_flush(database_url: str) -> None:
    async with Writer(database_url) as store:
        outcomes = await together(store, [commit(f"s{number}", 0, b"{}", b"{}") for number in range(100)])
        assert outcomes == [Committed(2 * number + 1, 2 * number + 2) for number in range(100)]
        assert store.flushes == 1
        assert store.stored == 200


@in_event_loop
async def test_one_stream_takes_commands_that_arrive_together_in_their_order(database_url: str) -> None:
    async with Writer(database_url) as store:
        outcomes = await together(store, [commit("a", version) for version in range(20)])
    assert outcomes == [Committed(position, position) for position in range(1, 21)]


@in_event_loop
async def test_an_append_is_announced_with_the_position_of_its_last_event(database_url: str) -> None:
    async with Writer(database_url) as store, connected(database_url) as ear:
        await ear.execute("listen log")
        await store.append(commit("a", 0, b"{}", b"{}", b"{}"))
        heard = [notice.payload async for notice in ear.notifies(timeout=10, stop_after=1)]
    assert heard == ["3"]


# --- versions, and neighbours


@in_event_loop
async def test_a_stream_that_moved_on_is_a_conflict_and_nothing_is_stored(database_url: str) -> None:
    async with Writer(database_url) as store:
        await store.append(commit("a", 0))
        for expected in (0, 2, 7):
            with pytest.raises(VersionConflict, match=f"a is not at {expected}"):
                await store.append(commit("a", expected))
        with pytest.raises(VersionConflict):
            await store.append(commit("new", 1))
    assert len(entries(database_url)) == 1


@in_event_loop
async def test_one_bad_command_in_a_flush_does_not_fail_its_neighbours(database_url: str) -> None:
    """A stale version, a version too far, JSON that is none, text that is no UTF-8: each alone pays for it."""
    async with Writer(database_url) as store:
        await store.append(commit("old", 0))
        outcomes = await together(
            store,
            [
                commit("first", 0, b"{}", b"{}"),
                commit("old", 0),
                commit("keyed", 0, key="k1"),
                commit("gap", 5),
                commit("broken", 0, b'{"a":'),
                commit("middle", 0),
                commit("not text", 0, b'{"a":"\xff"}'),
                commit("last", 0, b"{}"),
            ],
        )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [
        Committed, VersionConflict, Committed, VersionConflict, Unstorable, Committed, Unstorable, Committed,
    ]  # fmt: skip
    assert [stream for _, stream, _ in streams(database_url)] == ["old", "first", "first", "keyed", "middle", "last"]
    assert [position for position, _, _ in streams(database_url)] == [1, 2, 3, 4, 5, 6]


@in_event_loop
async def test_several_streams_are_appended_whole_or_not_at_all(database_url: str) -> None:
    async with Writer(database_url) as store:
        await store.append(commit("a", 0))
        parts = [Part("b", 0, [Record("Noted", b"{}")]), Part("a", 0, [Record("Noted", b"{}")])]
        with pytest.raises(VersionConflict):
            await store.append(Commit(parts, META))
        assert len(entries(database_url)) == 1
        parts[1] = Part("a", 1, parts[1].records)
        assert await store.append(Commit(parts, META)) == Committed(2, 3)
    assert streams(database_url) == [(1, "a", 1), (2, "b", 1), (3, "a", 2)]


@in_event_loop
async def test_a_stream_that_is_only_looked_at_is_checked_as_well(database_url: str) -> None:
    event = [Record("Noted", b"{}")]
    async with Writer(database_url) as store:
        await store.append(commit("seen", 0))
        with pytest.raises(VersionConflict):
            await store.append(Commit([Part("a", 0, event), Part("seen", 0, [])], META))
        assert await store.append(Commit([Part("a", 0, event), Part("seen", 1, [])], META)) == Committed(2, 2)


UNSTORABLE: dict[str, Commit] = {
    "no stream": commit(""),
    "a stream with a line break": commit("a\nb"),
    "a stream with a NUL": commit("a\0b"),
    "half a surrogate pair": commit("a\ud800"),
    "a long stream": commit("s" * (MAX_STREAM_LENGTH + 1)),
    "a version before the first": commit("a", -1),
    "a version beyond all": commit("a", 2**31 - 1),
    "no name": commit("a", name=""),
    "a name with a line break": commit("a", name="No\nted"),
    "a large event": commit("a", 0, b'"' + b"x" * MAX_EVENT_BYTES + b'"'),
    "many large events": commit("a", 0, *[b'"' + b"x" * 1_000_000 + b'"'] * (MAX_COMMIT_BYTES // 1_000_000 + 1)),
    "a NUL in the data": commit("a", 0, b'{"a":"\\u0000"}'),
    "a NUL after a backslash": commit("a", 0, b'{"a":"\\\\\\u0000"}'),
    "a NUL in the metadata": Commit([Part("a", 0, [Record("Noted", b"{}")])], b'{"by":"\\u0000"}'),
    "a stream twice": Commit([Part("a", 0, [Record("Noted", b"{}")]), Part("a", 1, [])], META),
    "an empty key": commit("a", key=""),
    "a key with a NUL": commit("a", key="k\0"),
    "a key that is no text": commit("a", key="\udc80"),
    "a long key": commit("a", key="k" * (MAX_KEY_LENGTH + 1)),
}


@in_event_loop
async def test_what_cannot_be_stored_is_refused_before_it_meets_its_neighbours(database_url: str) -> None:
    async with Writer(database_url) as store:
        outcomes = await together(store, [*UNSTORABLE.values(), commit("good")])
        assert store.flushes == 1
    refused = {what: type(outcome) for what, outcome in zip(UNSTORABLE, outcomes, strict=False)}
    assert refused == dict.fromkeys(UNSTORABLE, Unstorable)
    assert outcomes[-1] == Committed(1, 1)


# --- keys


@in_event_loop
async def test_a_command_that_comes_again_with_its_key_is_stored_once(database_url: str) -> None:
    async with Writer(database_url) as store:
        first = await store.append(commit("a", 0, b"{}", b"{}", key="k1", fingerprint="f"))
        await store.append(commit("a", 2))
        again = await store.append(commit("a", 3, b"{}", b"{}", key="k1", fingerprint="f"))
    assert first == Committed(1, 2)
    assert again == Committed(1, 2, replayed=True)
    assert len(entries(database_url)) == 3


@in_event_loop
async def test_a_key_that_comes_again_with_another_request_is_refused(database_url: str) -> None:
    async with Writer(database_url) as store:
        await store.append(commit("a", 0, key="k1", fingerprint="one"))
        with pytest.raises(KeyReused):
            await store.append(commit("b", 0, key="k1", fingerprint="other"))
    assert streams(database_url) == [(1, "a", 1)]


@in_event_loop
async def test_fifty_of_one_key_at_once_from_two_processes_worth_of_writers_are_one(database_url: str) -> None:
    async with Writer(database_url) as one, Writer(database_url) as other:
        outcomes = await asyncio.gather(
            together(one, [commit("a", 0, b"{}", key="k", fingerprint="f") for _ in range(25)]),
            together(other, [commit("a", 0, b"{}", key="k", fingerprint="f") for _ in range(25)]),
        )
    found = [outcome for part in outcomes for outcome in part]
    assert found.count(Committed(1, 1)) == 1
    assert found.count(Committed(1, 1, replayed=True)) == 49
    assert streams(database_url) == [(1, "a", 1)]


@in_event_loop
async def test_a_command_that_changed_nothing_is_remembered_by_its_key_too(database_url: str) -> None:
    nothing = Commit([Part("a", 1, [])], META, "k1", "f")
    async with Writer(database_url) as store:
        await store.append(commit("a", 0))
        assert await store.append(nothing) == Committed(2, 1)
        await store.append(commit("a", 1))
        assert await store.append(nothing) == Committed(2, 1, replayed=True)


@in_event_loop
async def test_a_command_that_lost_its_race_leaves_its_key_free(database_url: str) -> None:
    async with Writer(database_url) as store:
        await store.append(commit("a", 0))
        with pytest.raises(VersionConflict):
            await store.append(commit("a", 0, key="k1", fingerprint="f"))
        assert await store.append(commit("a", 1, key="k1", fingerprint="f")) == Committed(2, 2)


# --- callers


@in_event_loop
async def test_a_caller_who_goes_away_takes_nobody_along(database_url: str) -> None:
    async with Writer(database_url) as store:
        calls = [asyncio.create_task(store.append(commit(f"s{number}"))) for number in range(5)]
        await asyncio.sleep(0)  # they wait for their flush
        calls[2].cancel()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        Committed, Committed, asyncio.CancelledError, Committed, Committed,
    ]  # fmt: skip
    assert [stream for _, stream, _ in streams(database_url)] == ["s0", "s1", "s2", "s3", "s4"]


@in_event_loop
async def test_a_caller_who_goes_away_in_the_midst_of_a_flush_takes_nobody_along(database_url: str) -> None:
    async with Writer(database_url) as store, connected(database_url) as other:
        await other.execute(LOCK)
        calls = [asyncio.create_task(store.append(commit(f"s{number}"))) for number in range(3)]
        await eventually(lambda: is_waiting(other))
        calls[0].cancel()
        await other.execute("select pg_advisory_unlock_all()")
        assert (await asyncio.gather(*calls[1:])) == [Committed(2, 2), Committed(3, 3)]
    assert len(entries(database_url)) == 3


async def is_waiting(connection: psycopg.AsyncConnection) -> bool:
    """Whether a flush waits for the log's lock."""
    row = await (await connection.execute(WAITING)).fetchone()
    return row is not None and row[0] > 0


@in_event_loop
async def test_too_many_waiting_commands_are_refused_at_once(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 5)
    async with Writer(database_url) as store:
        outcomes = await together(store, [commit(f"s{number}") for number in range(8)])
    assert [type(outcome) for outcome in outcomes] == [Committed] * 5 + [LogUnavailable] * 3
    assert len(entries(database_url)) == 5


@in_event_loop
async def test_a_flush_holds_no_more_than_its_number_and_its_bytes(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_FLUSH", 4)
    async with Writer(database_url) as store:
        await together(store, [commit(f"a{number}") for number in range(10)])
        assert store.flushes == 3
    monkeypatch.setattr(writer, "MAX_FLUSH", 512)
    monkeypatch.setattr(writer, "MAX_FLUSH_BYTES", 2_000)
    async with Writer(database_url) as store:
        await together(store, [commit(f"b{number}", 0, b'"' + b"x" * 998 + b'"') for number in range(10)])
        assert store.flushes == 5
    assert len(entries(database_url)) == 20


@in_event_loop
async def test_a_long_queue_for_one_stream_does_not_keep_others_waiting(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_FLUSH", 3)
    async with Writer(database_url) as store:
        outcomes = await together(store, [*(commit("busy", version) for version in range(12)), commit("other")])
    assert all(isinstance(outcome, Committed) for outcome in outcomes)
    assert [position for position, stream, _ in streams(database_url) if stream == "busy"] == sorted(
        outcome.first for outcome in outcomes[:12] if isinstance(outcome, Committed)
    )


# --- closing


@in_event_loop
async def test_a_writer_that_is_closed_stores_what_waits_and_takes_no_more(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_FLUSH", 2)
    async with Writer(database_url) as store:
        calls = [asyncio.create_task(store.append(commit(f"s{number}"))) for number in range(7)]
        await asyncio.sleep(0)
    assert all(call.done() for call in calls)
    assert [await call for call in calls] == [Committed(position, position) for position in range(1, 8)]
    with pytest.raises(LogUnavailable):
        await store.append(commit("late"))


@in_event_loop
async def test_a_writer_that_must_leave_in_a_flush_tells_everybody_what_it_knows(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "LEAVING", 0.05)
    async with connected(database_url) as other:
        await other.execute(LOCK)
        async with Writer(database_url) as store:
            sent = asyncio.create_task(store.append(commit("a", 0)))
            await eventually(lambda: is_waiting(other))
            queued = asyncio.create_task(store.append(commit("b", 0)))
            await asyncio.sleep(0)
        outcomes = await asyncio.gather(sent, queued, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown, LogUnavailable]


# --- a database that goes away


@in_event_loop
async def test_a_connection_that_breaks_in_a_flush_fails_only_those_in_it_with_an_unknown_outcome(
    database_url: str,
) -> None:
    async with Writer(database_url) as store, connected(database_url) as other:
        acknowledged = await store.append(commit("before"))
        await other.execute(LOCK)
        sent = [asyncio.create_task(store.append(commit(f"s{number}", key=f"k{number}"))) for number in range(3)]
        await eventually(lambda: is_waiting(other))
        queued = asyncio.create_task(store.append(commit("after")))
        await asyncio.sleep(0)
        await other.execute(END_WRITERS)
        await other.execute("select pg_advisory_unlock_all()")
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        assert [(type(outcome), str(outcome)) for outcome in outcomes] == [
            (OutcomeUnknown, "outcome unknown, retry with the same key")
        ] * 3
        assert acknowledged == Committed(1, 1)
        assert await queued == Committed(2, 2)
        retried = await together(store, [commit(f"s{number}", key=f"k{number}") for number in range(3)])
        assert retried == [Committed(3, 3), Committed(4, 4), Committed(5, 5)]
    assert len(entries(database_url)) == 5


@in_event_loop
async def test_an_answer_lost_on_its_way_is_settled_by_the_key(database_url: str) -> None:
    """The events are stored and their caller does not know it: the retry must find them, not store them again."""
    async with Lossy(database_url) as lossy, Writer(lossy.url) as store:
        await store.append(commit("before", key="k0"))  # the statement is prepared, its next answer is the outcome
        lossy.lose_answer()
        with pytest.raises(OutcomeUnknown, match="retry with the same key"):
            await store.append(commit("a", 0, b"{}", key="k1", fingerprint="f"))
        assert lossy.lost == 1
        assert await store.append(commit("a", 0, b"{}", key="k1", fingerprint="f")) == Committed(2, 2, replayed=True)
    assert streams(database_url) == [(1, "before", 1), (2, "a", 1)]


@in_event_loop
async def test_a_server_that_went_away_while_nothing_happened_costs_nobody_anything(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "IDLE", 0.0)
    async with Writer(database_url) as store, connected(database_url) as other:
        await store.append(commit("a", 0))
        await other.execute(END_WRITERS)
        assert await store.append(commit("a", 1)) == Committed(2, 2)


def test_a_server_killed_in_a_flush_and_started_again_has_what_was_acknowledged_and_takes_the_retry(
    durable_postgres: Postgres,
) -> None:
    url = durable_postgres.url()
    migrate(url)

    async def story() -> None:
        async with Writer(url) as store:
            first = await together(store, [commit(f"before{number}") for number in range(50)])
            assert all(isinstance(outcome, Committed) for outcome in first)
            async with connected(url) as other:
                await other.execute(LOCK)
                unknown = asyncio.create_task(store.append(commit("a", 0, b"{}", key="k1")))
                await eventually(lambda: is_waiting(other))
                durable_postgres.kill()
            with pytest.raises(OutcomeUnknown):
                await unknown
            with pytest.raises(LogUnavailable):
                await store.append(commit("b", 0))
            durable_postgres.start()
            assert await store.append(commit("a", 0, b"{}", key="k1")) == Committed(51, 51)
            assert await store.append(commit("a", 0, b"{}", key="k1")) == Committed(51, 51, replayed=True)
            assert await store.append(commit("b", 0)) == Committed(52, 52)

    asyncio.run(story())
    assert [position for position, _, _ in streams(url)] == list(range(1, 53))


# --- many writers


def test_several_processes_append_without_gaps_and_no_reader_sees_a_later_event_first(database_url: str) -> None:
    """Every look at the log goes on exactly where the last one ended: whatever is later was not there before."""
    stored, missed = crowd.watched(database_url)
    assert missed == []
    everything = streams(database_url)
    assert [position for position, _, _ in everything] == list(range(1, stored + 1))
    versions: dict[str, int] = {}
    for _, stream, version in everything:
        assert version == versions.get(stream, 0) + 1
        versions[stream] = version
    assert versions["everybodys"] == versions["everybodys-twin"] > 10
    assert audit.verify(database_url).events == stored
