"""Doing a job: its effect is in the log once, however often and by however many it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import goal, user
from domain.user import UserErased
from eventstore import jobs, password_resets, recovery_codes, sign_ins
from eventstore.commit import Commit, LogUnavailable, Part
from eventstore.connect import connect
from eventstore.execute import Store
from eventstore.mapper import Meta, Unreadable
from tests.support.store import (
    NOW,
    a_log,
    broken,
    connected,
    entries,
    given,
    in_event_loop,
    open_store,
    some_settings,
)
from tests.workers.happenings import GOAL, LEVEL, earned, stream
from workers import feed
from workers.perform import Performer

LEFT = "select reaction, failed from jobs"


@asynccontextmanager
async def performing(database_url: str) -> AsyncIterator[Performer]:
    """A worker."""
    performer = Performer(some_settings(database_url))
    yield performer
    await performer.close()


def advance(database_url: str) -> list[jobs.Job]:
    """Let the feed find out what there is to do."""
    with connect(database_url, "feed") as connection:
        return feed.advance(connection, a_log(), some_settings(database_url))


def left(database_url: str) -> list[tuple[str, str | None]]:
    with connect(database_url, "test") as connection:
        return connection.execute(LEFT).fetchall()


def effects(database_url: str) -> list[tuple[str, str]]:
    """The stream and name of everything that followed from the first event."""
    return sorted((entry[1], entry[3]) for entry in entries(database_url)[1:])


ONCE = [(GOAL, "CommissionCounted"), (LEVEL, "SaleAccumulated")]


@in_event_loop
async def test_a_job_that_is_done_is_in_the_log_and_gone(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, stream(), earned())
    async with performing(database_url) as worker:
        for job in advance(database_url):
            await worker.perform(*job)
    assert effects(database_url) == ONCE
    assert left(database_url) == []


@in_event_loop
async def test_what_a_reaction_does_says_what_led_to_it(database_url: str) -> None:
    async with open_store(database_url) as store:
        meta = Meta(organization="acme", by="usr_9", request="req_1")
        record = store.log.mapper.record(earned())
        await store.writer.append(Commit([Part(stream(), 0, [record])], store.log.mapper.meta(meta)))
        async with performing(database_url) as worker:
            for job in advance(database_url):
                await worker.perform(*job)
        async with store.pool.connection() as connection:
            found = [recorded async for recorded in store.log.stream(connection, GOAL)]
    assert [recorded.meta for recorded in found] == [
        Meta(organization="acme", by="reaction:goal_progress", correlation="req_1", caused_by=1)
    ]


@in_event_loop
async def test_a_job_that_is_done_again_and_again_has_one_effect(database_url: str) -> None:
    """A worker that was killed after the effect and before the row went away is followed by another."""
    async with open_store(database_url) as store:
        await given(store, stream(), earned())
    found = advance(database_url)
    async with performing(database_url) as worker:
        for _ in range(3):
            for job in found:
                await worker.perform(*job)
            with connect(database_url, "test") as connection:
                connection.execute("delete from jobs")
                connection.execute("update checkpoints set position = 0 where follower = 'feed'")
                jobs.add(connection, found, 0, 1)
    assert effects(database_url) == ONCE


@in_event_loop
async def test_a_job_that_many_do_at_once_has_one_effect(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, stream(), earned())
    found = advance(database_url)
    async with performing(database_url) as one, performing(database_url) as other:
        await asyncio.gather(*(worker.perform(*job) for job in found for worker in (one, other) for _ in range(10)))
    assert effects(database_url) == ONCE
    assert left(database_url) == []


@in_event_loop
async def test_an_effect_that_is_replayed_decides_nothing_anew(database_url: str) -> None:
    """The goal moved on since: the job done again must not look at it again."""
    async with open_store(database_url) as store:
        await given(store, stream(), earned())
        found = advance(database_url)
        async with performing(database_url) as worker:
            await worker.perform("goal_progress", 1)
            uncounted = goal.CommissionUncounted(
                commission="com_1", partner="ana", month="2025-10", amount=500_00, at=NOW
            )
            await given(store, GOAL, uncounted)
            with connect(database_url, "test") as connection:
                connection.execute("insert into jobs (reaction, position) values ('goal_progress', 1)")
            await worker.perform("goal_progress", 1)
        assert (await store.state(goal.DECIDER, GOAL)).earned == 0
    assert len(found) == 2


@in_event_loop
async def test_a_job_that_nobody_asked_for_is_not_done(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, stream(), earned())
    async with performing(database_url) as worker:
        await worker.perform("goal_progress", 1)
    assert effects(database_url) == []


@in_event_loop
async def test_a_refusal_is_kept_with_the_job_and_not_tried_again(database_url: str) -> None:
    async with open_store(database_url) as store:
        await given(store, stream(), earned(amount=-5))
    async with performing(database_url) as worker:
        for job in advance(database_url):
            await worker.perform(*job)
        with connect(database_url, "test") as connection:
            connection.execute("update jobs set next_at = now()")
            assert jobs.claim_due(connection) == []
        await worker.perform("goal_progress", 1)
    ((reaction, why),) = left(database_url)
    assert reaction == "goal_progress"
    assert why is not None
    assert why.startswith("AMOUNT_OUT_OF_RANGE")
    assert effects(database_url) == [(LEVEL, "SaleAccumulated")]


@in_event_loop
async def test_an_event_that_cannot_be_read_stays_to_be_done(database_url: str) -> None:
    broken(database_url, stream(), "CommissionEarned")
    async with performing(database_url) as worker:
        for job in advance(database_url):
            with pytest.raises(Unreadable, match="CommissionEarned at position 1"):
                await worker.perform(*job)
    assert sorted(left(database_url)) == [("goal_progress", None), ("level_progress", None)]


@in_event_loop
async def test_what_fails_for_another_reason_stays_to_be_done(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_store(database_url) as store:
        await given(store, stream(), earned())
    found = advance(database_url)
    async with performing(database_url) as worker:
        with monkeypatch.context() as away:

            async def unavailable(*_: object) -> Any:
                raise LogUnavailable("the log cannot be reached")

            away.setattr(Store, "execute", unavailable)
            for job in found:
                with pytest.raises(LogUnavailable):
                    await worker.perform(*job)
        assert sorted(left(database_url)) == [("goal_progress", None), ("level_progress", None)]
        for job in found:
            await worker.perform(*job)
    assert effects(database_url) == ONCE


@in_event_loop
async def test_a_person_who_is_erased_loses_key_password_and_sign_ins_even_twice(database_url: str) -> None:
    account = user.stream("acme", "usr_1")
    async with open_store(database_url) as store:
        await given(store, account, UserErased(user="usr_1", at=NOW))
        async with store.pool.connection() as connection:
            await store.log.vault.make(connection, account)
            begun = await sign_ins.begin(connection, account, {}, 1_000)
            await sign_ins.set_password(connection, account, "a hash")
            await password_resets.issue(connection, account, 1_000)
            await recovery_codes.issue(connection, store.log.vault, account, datetime.now(UTC) + timedelta(hours=1))
    for _ in range(2):
        async with performing(database_url) as worker, connected(database_url) as connection:
            await connection.execute(
                "insert into jobs (reaction, position) values ('erasure', 1) on conflict do nothing"
            )
            await worker.perform("erasure", 1)
            assert await store.log.vault.keys(connection, [account]) == {}
            assert await sign_ins.rotate(connection, begun.refresh_token, 1_000, key="k", leeway=10) is None
            for table in ("credentials", "password_resets", "recovery_codes"):
                kept = await connection.execute(f"select account from {table}")  # noqa: S608
                assert await kept.fetchall() == [], table
    assert left(database_url) == []
