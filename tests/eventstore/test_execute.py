"""The one command handler: it decides on what is so now, once for each key, and never on what it remembers alone."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from domain import claim, commission, customer, goal
from domain.goal import GoalAchieved, GoalRevised, GoalSet
from domain.model import Conflict, Invalid, NotFound
from domain.values import Month
from eventstore.commit import Commit, Committed, KeyReused, LogUnavailable, VersionConflict
from eventstore.execute import ATTEMPTS, Outcome, Request, Step, Store
from eventstore.mapper import Meta
from tests.eventstore.asking import (
    ADD,
    CANCEL,
    COMMISSION,
    CUSTOMER,
    EARN,
    GOAL,
    PAY,
    PROMISE,
    ask,
    count,
    history,
    is_stored,
    keyed,
    names,
    set_goal,
)
from tests.support.store import ASKED, NOW, connected, entries, eventually, in_event_loop, open_store

# --- deciding and appending


@in_event_loop
async def test_a_command_answers_with_its_events_and_the_position_of_the_last(database_url: str) -> None:
    async with open_store(database_url) as store:
        await ask(store, count("com_0", 200_000))
        outcome = await ask(store, set_goal(150_000))
    assert [type(event) for event in outcome.events] == [GoalSet, GoalAchieved]
    assert outcome.position == 3
    assert names(database_url) == ["CommissionCounted", "GoalSet", "GoalAchieved"]


@in_event_loop
async def test_a_command_that_changes_nothing_answers_where_that_was_so(database_url: str) -> None:
    async with open_store(database_url) as store:
        await ask(store, set_goal(150_000))
        await ask(store, PROMISE)
        outcome = await ask(store, set_goal(150_000))
    assert outcome == Outcome(events=(), position=1)


@in_event_loop
async def test_a_refusal_stores_nothing(database_url: str) -> None:
    async with open_store(database_url) as store:
        with pytest.raises(Invalid, match="AMOUNT_OUT_OF_RANGE"):
            await ask(store, set_goal(1))
        with pytest.raises(NotFound):
            await ask(store, PAY)
    assert names(database_url) == []


@in_event_loop
async def test_who_asked_and_what_led_to_it_is_stored_with_every_event(database_url: str) -> None:
    meta = Meta(organization="acme", by="usr_1", frontend="pazz", request="req_1", correlation="req_0", caused_by=17)
    async with open_store(database_url) as store:
        await ask(store, count("com_0", 200_000))
        await ask(store, set_goal(150_000), Request(meta=meta))
        found = await history(store, GOAL)
    assert [recorded.meta for recorded in found] == [ASKED.meta, meta, meta]


@in_event_loop
async def test_a_hundred_of_the_same_command_at_once_are_one_event_and_one_answer(database_url: str) -> None:
    async with open_store(database_url) as store:
        outcomes = await asyncio.gather(*(ask(store, set_goal(150_000)) for _ in range(100)))
    assert names(database_url) == ["GoalSet"]
    assert {outcome.position for outcome in outcomes} == {1}
    assert sorted(len(outcome.events) for outcome in outcomes) == [0] * 99 + [1]


@in_event_loop
async def test_a_hundred_of_the_same_command_at_once_in_two_processes_are_one_event(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:
        outcomes = await asyncio.gather(*(ask(store, set_goal(150_000)) for _ in range(50) for store in (one, other)))
    assert names(database_url) == ["GoalSet"]
    assert {outcome.position for outcome in outcomes} == {1}


@in_event_loop
async def test_two_processes_that_want_one_stream_get_on(database_url: str) -> None:
    """Nobody's commission is lost or counted twice, whoever had to decide again."""
    async with open_store(database_url) as one, open_store(database_url) as other:

        async def counted(store: Store, id: str) -> int:
            tries = 1
            while True:
                try:
                    await ask(store, count(id, 1))
                    return tries
                except VersionConflict:  # lost too often; the caller may come again
                    tries += 1

        tries = await asyncio.gather(
            *(counted(store, f"{name}{number}") for number in range(30) for name, store in (("a", one), ("b", other)))
        )
        state = await one.state(goal.DECIDER, GOAL)
    assert state.earned == 60
    assert names(database_url) == ["CommissionCounted"] * 60
    assert sum(tries) < 90


@in_event_loop
async def test_a_command_that_loses_every_time_says_so(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(database_url) as store:
        losses = 0

        async def lose(commit: object) -> Any:
            nonlocal losses
            losses += 1
            raise VersionConflict("somebody was faster")

        monkeypatch.setattr(store.writer, "append", lose)
        with pytest.raises(VersionConflict):
            await ask(store, set_goal(150_000))
    assert losses == ATTEMPTS


# --- what it remembers


@in_event_loop
async def test_a_state_that_is_remembered_is_not_read_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(database_url) as store:
        await ask(store, set_goal(150_000))
        monkeypatch.setattr(store.pool, "connection", None)
        assert (await ask(store, set_goal(160_000))).position == 2


@in_event_loop
async def test_an_old_state_that_appends_is_found_out_and_decides_again(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:
        await ask(one, set_goal(150_000))
        await ask(other, count("com_1", 120_000))
        outcome = await ask(one, set_goal(110_000))
    assert [type(event) for event in outcome.events] == [GoalRevised, GoalAchieved]


@in_event_loop
async def test_an_old_state_that_would_append_nothing_is_brought_up_to_date(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:
        await ask(one, set_goal(150_000))
        await ask(other, set_goal(999_000))
        outcome = await ask(one, set_goal(150_000))  # which it was, as far as this store knows
        state = await other.state(goal.DECIDER, GOAL)
    assert [type(event) for event in outcome.events] == [GoalRevised]
    assert state.amount == 150_000


@in_event_loop
async def test_an_old_state_that_would_refuse_is_brought_up_to_date(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:
        await ask(one, PROMISE)
        await ask(other, EARN)
        assert (await ask(one, PAY)).position == 3  # not yet earned, as far as this store knows


@in_event_loop
async def test_an_old_state_that_would_allow_is_brought_up_to_date(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:
        await ask(one, PROMISE)
        await ask(other, CANCEL)
        with pytest.raises(Conflict, match="COMMISSION_CANCELLED"):
            await ask(one, EARN)
    assert names(database_url) == ["CommissionPromised", "CommissionCancelled"]


@in_event_loop
async def test_a_caller_who_goes_away_leaves_no_wrong_state_behind(database_url: str) -> None:
    async with open_store(database_url) as store:
        await ask(store, set_goal(150_000))
        call = asyncio.create_task(ask(store, set_goal(160_000)))
        while not store.writer._queue:  # noqa: ASYNC110 - the moment is inside the store
            await asyncio.sleep(0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await eventually(lambda: is_stored(store, 2))
        outcome = await ask(store, set_goal(150_000))
    assert [type(event) for event in outcome.events] == [GoalRevised]
    assert names(database_url) == ["GoalSet", "GoalRevised", "GoalRevised"]


@in_event_loop
async def test_a_log_that_was_set_back_to_a_backup_is_believed(database_url: str) -> None:
    async with open_store(database_url) as store, connected(database_url) as backup:
        await ask(store, set_goal(150_000))
        await ask(store, set_goal(160_000))
        await backup.execute("delete from events where position = 2")
        assert (await ask(store, set_goal(170_000))).position == 2
        assert (await store.state(goal.DECIDER, GOAL)).amount == 170_000


@in_event_loop
async def test_only_so_many_states_are_remembered(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.execute.FOLDED_STATES", 3)
    async with open_store(database_url) as store:
        for year in range(2025, 2031):
            month = Month(year, 12)
            asked = msgspec.structs.replace(set_goal(150_000), month=month)
            await store.execute(goal.DECIDER, goal.stream("acme", "ana", month), asked, ASKED)
        assert len(store._folded) == 3
        assert (await store.state(goal.DECIDER, goal.stream("acme", "ana", Month(2025, 12)))).amount == 150_000


# --- several streams


def claiming(owner: str, digest: str = "d" * 64) -> Step:
    asked = claim.ClaimValue(kind="email", digest=digest, owner=owner, now=NOW)
    return Step(claim.DECIDER, claim.stream("email", digest), asked)


@in_event_loop
async def test_commands_on_several_streams_happen_together_or_not_at_all(database_url: str) -> None:
    async with open_store(database_url) as store:
        steps = [claiming(GOAL), Step(goal.DECIDER, GOAL, set_goal(150_000))]
        outcome = await store.execute_all(steps, ASKED)
        assert outcome.position == 2
        refused = [claiming("somebody else"), Step(commission.DECIDER, COMMISSION, PROMISE)]
        with pytest.raises(Conflict, match="VALUE_TAKEN"):
            await store.execute_all(refused, ASKED)
    assert [entry[1] for entry in entries(database_url)] == [claim.stream("email", "d" * 64), GOAL]


@in_event_loop
async def test_of_many_who_claim_one_value_at_once_one_gets_it(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:

        async def add(store: Store, id: str) -> str:
            stream = customer.stream("acme", id)
            asked = msgspec.structs.replace(ADD, customer=id)
            try:
                await store.execute_all([claiming(stream), Step(customer.DECIDER, stream, asked)], ASKED)
            except Conflict:
                return ""
            return stream

        winners = await asyncio.gather(*(add(store, f"c{n}") for n in range(20) for store in (one, other)))
    assert len({winner for winner in winners if winner}) == 1
    assert sorted(names(database_url)) == ["CustomerAdded", "ValueClaimed"]


@in_event_loop
async def test_a_stream_that_adds_nothing_must_still_be_what_the_others_were_decided_beside(database_url: str) -> None:
    """The claim is there already and adds nothing; given up meanwhile, it must not be relied on."""
    async with open_store(database_url) as one, open_store(database_url) as other:
        held = claiming(CUSTOMER)
        await one.execute_all([held], ASKED)
        released = claim.ReleaseValue(kind="email", digest="d" * 64, owner=CUSTOMER, now=NOW)
        await other.execute(claim.DECIDER, held.stream, released, ASKED)
        outcome = await one.execute_all([held, Step(customer.DECIDER, CUSTOMER, ADD)], ASKED)
    assert [type(event).__name__ for event in outcome.events] == ["ValueClaimed", "CustomerAdded"]


@in_event_loop
async def test_a_stream_that_adds_nothing_is_checked_with_the_append(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is given up after it was looked at and before the customer is stored."""
    async with open_store(database_url) as one, open_store(database_url) as other:
        held = claiming(CUSTOMER)
        await one.execute_all([held], ASKED)
        append = one.writer.append

        async def too_late(commit: Commit) -> Committed:
            monkeypatch.undo()
            released = claim.ReleaseValue(kind="email", digest="d" * 64, owner=CUSTOMER, now=NOW)
            await other.execute(claim.DECIDER, held.stream, released, ASKED)
            return await append(commit)

        monkeypatch.setattr(one.writer, "append", too_late)
        outcome = await one.execute_all([held, Step(customer.DECIDER, CUSTOMER, ADD)], ASKED)
    assert [type(event).__name__ for event in outcome.events] == ["ValueClaimed", "CustomerAdded"]


@in_event_loop
async def test_two_commands_on_one_stream_are_decided_one_after_the_other(database_url: str) -> None:
    async with open_store(database_url) as store:
        steps = [Step(commission.DECIDER, COMMISSION, command) for command in (PROMISE, EARN, PAY)]
        assert (await store.execute_all(steps, ASKED)).position == 3
    assert names(database_url) == ["CommissionPromised", "CommissionEarned", "CommissionPaid"]


# --- keys


@in_event_loop
async def test_a_command_that_comes_again_with_its_key_gets_its_first_outcome(database_url: str) -> None:
    async with open_store(database_url) as store:
        first = await ask(store, set_goal(150_000), keyed("k1"))
        await ask(store, set_goal(999_000))
        again = await ask(store, set_goal(150_000), keyed("k1"))
        assert (await store.state(goal.DECIDER, GOAL)).amount == 999_000
    assert again == msgspec.structs.replace(first, replayed=True)


@in_event_loop
async def test_fifty_of_one_key_at_once_get_one_outcome(database_url: str) -> None:
    async with open_store(database_url) as one, open_store(database_url) as other:
        outcomes = await asyncio.gather(
            *(ask(store, set_goal(150_000), keyed("k1")) for _ in range(25) for store in (one, other))
        )
    assert names(database_url) == ["GoalSet"]
    assert {(outcome.events, outcome.position) for outcome in outcomes} == {(outcomes[0].events, 1)}
    assert sum(not outcome.replayed for outcome in outcomes) == 1


@in_event_loop
async def test_a_key_with_another_request_is_refused_before_anything_is_decided(database_url: str) -> None:
    async with open_store(database_url) as store:
        await ask(store, set_goal(150_000), keyed("k1"))
        with pytest.raises(KeyReused):
            await ask(store, set_goal(160_000), keyed("k1", "another body"))
        with pytest.raises(KeyReused):
            await ask(store, PAY, keyed("k1", "another body"))  # which would be refused, too
    assert names(database_url) == ["GoalSet"]


@in_event_loop
async def test_a_command_that_changed_nothing_gets_the_same_answer_again(database_url: str) -> None:
    async with open_store(database_url) as store:
        await ask(store, set_goal(150_000))
        first = await ask(store, set_goal(150_000), keyed("k1"))
        await ask(store, set_goal(160_000))
        again = await ask(store, set_goal(150_000), keyed("k1"))
        assert (await store.state(goal.DECIDER, GOAL)).amount == 160_000
    assert first.events == again.events == ()
    assert again.replayed


@in_event_loop
async def test_a_request_that_raced_itself_is_not_refused_for_what_it_did_itself(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its twin is accepted after this one looked for the key and before it decides. It must not be told that the goal
    is there already: it made it."""
    async with open_store(database_url) as one, open_store(database_url) as other:
        look, looks = one._accepted, 0

        async def too_early(request: Request) -> Outcome | None:
            nonlocal looks
            looks += 1
            if looks > 1:
                return await look(request)
            await ask(other, set_goal(150_000, create_only=True), keyed("k1"))
            return None

        monkeypatch.setattr(one, "_accepted", too_early)
        outcome = await ask(one, set_goal(150_000, create_only=True, id="goal_2"), keyed("k1"))
    assert outcome.replayed
    assert outcome.position == 1
    assert names(database_url) == ["GoalSet"]


@in_event_loop
async def test_a_refused_command_may_come_again_with_its_key_and_be_decided_anew(database_url: str) -> None:
    async with open_store(database_url) as store:
        with pytest.raises(NotFound):
            await ask(store, EARN, keyed("k1"))
        await ask(store, PROMISE)
        assert not (await ask(store, EARN, keyed("k1"))).replayed


# --- a database that goes away


@in_event_loop
async def test_a_restarted_server_costs_a_command_nothing(database_url: str) -> None:
    """Whatever was connected is gone; a command that has to read first finds its way."""
    async with open_store(database_url) as store:
        for _ in range(3):
            await ask(store, set_goal(150_000))
        async with connected(database_url) as admin:
            await admin.execute(
                "select pg_terminate_backend(pid, 60000) from pg_stat_activity"
                " where datname = current_database() and application_name = 'bitacora test' and pid <> pg_backend_pid()"
            )
            assert (await ask(store, PROMISE)).position == 2


@in_event_loop
async def test_a_server_that_is_away_is_said_to_be(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_store(database_url) as store:
        await store.pool.close()
        with pytest.raises(LogUnavailable):
            await ask(store, PROMISE)
