"""What senders do: every copy once, whoever dies, whatever gets lost."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import pytest

from domain import contact, delivery
from domain.contact import ContactDeleted
from eventstore import paces
from tests.support.store import connected, eventually, given, in_event_loop
from tests.support.whatsapp import ORGANIZATION, TEXT, Office, chat, office, phone
from workers import line
from workers.gateways.whatsapp import Doubtful, NotSent, Rejected
from workers.line import Line
from workers.settling import Settling

NAMES = [f"c{number:02}" for number in range(30)]


@in_event_loop
async def test_two_senders_together_send_every_copy_once(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people(*NAMES)
        await here.going_out()
        async with here.sending(2):
            counts = await here.ended()
        assert counts.out == len(NAMES)
        assert sorted(to for _, to, _, _ in here.provider.messages) == sorted(chat(name) for name in NAMES)


@in_event_loop
async def test_a_worker_that_died_before_its_call_leaves_a_copy_that_is_sent_once(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        await here.claimed("ana")
        async with here.sending():
            await here.ended()
        assert here.provider.got(chat("ana")) == 1
        assert here.provider.asked >= 1
        assert (await here.state("ana")).attempt >= 2


@in_event_loop
async def test_a_worker_that_died_after_its_call_leaves_a_copy_that_is_found(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        await here.claimed("ana")
        here.provider.take(chat("ana"), TEXT)
        async with here.sending():
            await here.ended()
        assert here.provider.got(chat("ana")) == 1
        state = await here.state("ana")
        assert (state.status, state.provider_id, state.attempt) == ("sent", "P1", 1)


@in_event_loop
async def test_lost_answers_are_settled_without_sending_again(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people(*NAMES[:6])
        here.provider.plan = {chat(name): ["lost"] for name in NAMES[:6]}
        await here.going_out()
        async with here.sending(2):
            counts = await here.ended()
        assert counts.out == 6
        assert here.provider.calls == len(here.provider.messages) == 6


@in_event_loop
async def test_a_call_that_failed_without_sending_is_made_again(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        here.provider.plan = {chat("ana"): [Doubtful("gateway_error")]}
        await here.going_out()
        async with here.sending():
            counts = await here.ended()
        assert counts.out == here.provider.got(chat("ana")) == 1


@in_event_loop
async def test_a_copy_that_the_gateway_never_takes_fails(database_url: str) -> None:
    async with office(database_url, send_tries=2) as here:
        await here.people("ana")
        here.provider.plan = {chat("ana"): [Doubtful("gateway_error"), Doubtful("timed_out"), "sent"]}
        await here.going_out()
        async with here.sending():
            counts = await here.ended()
        assert (counts.failed, here.provider.got(chat("ana"))) == (1, 0)


@in_event_loop
async def test_absence_proves_nothing_while_the_call_may_still_arrive(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        await here.claimed("ana")
        settling = Settling(here.post)

        async def looked() -> bool:
            await settling.look()
            await here.seen()
            return (await here.state("ana")).status == "pending"

        await eventually(looked)
        (claimed, _), (doubted, doubt), (released, release) = await _story(here, "ana")
        assert (doubt, release) == ("DeliveryDoubted", "DeliveryReleased")
        assert doubted - claimed > here.post.silence
        assert released - claimed > here.settings.whatsapp_settle_seconds > here.post.silence


@in_event_loop
async def test_the_same_text_for_the_same_person_twice_arrives_twice(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        here.provider.plan = {chat("ana"): ["lost", "lost"]}
        await here.going_out("m1")
        await here.going_out("m2")
        async with here.sending(2):
            await here.ended("m1")
            await here.ended("m2")
        assert here.provider.got(chat("ana")) == 2
        assert {(await here.state("ana", name)).provider_id for name in ("m1", "m2")} == {"P1", "P2"}


@in_event_loop
async def test_one_copy_at_the_provider_settles_one_of_two_alike(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        here.provider.plan = {chat("ana"): ["lost", Doubtful("timed_out")]}
        await here.going_out("m1")
        await here.going_out("m2")
        async with here.sending(2):
            await here.ended("m1")
            await here.ended("m2")
        assert here.provider.got(chat("ana")) == 2
        assert {(await here.state("ana", name)).provider_id for name in ("m1", "m2")} == {"P1", "P2"}


@in_event_loop
async def test_while_the_gateway_is_away_nothing_fails_and_then_it_goes_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "STATE_WAIT", 0.1)
    async with office(database_url) as here:
        await here.people(*NAMES[:5])
        here.provider.connected = False
        await here.going_out()
        async with here.sending():
            await eventually(lambda: _asked(here, 3))
            assert (await here.counts()).pending == 5
            here.provider.connected = True
            counts = await here.ended()
        assert counts.out == len(here.provider.messages) == 5


@in_event_loop
async def test_a_number_that_is_away_too_long_fails_what_is_left(database_url: str) -> None:
    async with office(database_url, send_late_seconds=0) as here:
        await here.people("ana", "eva")
        here.provider.connected = False
        await here.going_out()
        async with here.sending():
            counts = await here.ended()
        assert (counts.failed, here.provider.calls) == (2, 0)
        assert await _reasons(here) == {"WHATSAPP_AWAY"}


@in_event_loop
async def test_a_call_that_never_left_is_made_again(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "STATE_WAIT", 0.1)
    async with office(database_url) as here:
        await here.people("ana")
        here.provider.plan = {chat("ana"): [NotSent("connection refused", 0.1)]}
        await here.going_out()
        async with here.sending(settling=False):  # it is no doubt, so nobody has to settle anything
            counts = await here.ended()
        assert counts.out == here.provider.got(chat("ana")) == 1
        assert here.provider.plan == {chat("ana"): []}


@in_event_loop
async def test_who_cannot_be_reached_fails_with_a_reason(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana", "eva", "luz", "sol")
        here.provider.nobody = {phone("ana")}
        here.provider.plan = {chat("eva"): [Rejected("REJECTED 131026")]}
        await here.going_out()
        gone = ContactDeleted(contact="luz", owner="alma", at=datetime.now(UTC))
        await given(here.store, contact.stream(ORGANIZATION, "luz"), gone)
        await here.seen()
        async with here.sending():
            counts = await here.ended()
        assert (counts.out, counts.failed) == (1, 3)
        assert await _reasons(here) == {"NOT_ON_WHATSAPP", "REJECTED 131026", "CONTACT_GONE"}


@in_event_loop
async def test_a_doubt_about_somebody_who_is_gone_is_never_resent(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        await here.claimed("ana")
        await given(
            here.store,
            contact.stream(ORGANIZATION, "ana"),
            ContactDeleted(contact="ana", owner="alma", at=datetime.now(UTC)),
        )
        await here.seen()
        async with here.sending():
            counts = await here.ended()
        assert (counts.failed, here.provider.calls) == (1, 0)


@in_event_loop
async def test_a_worker_that_was_held_up_gives_its_claim_back_instead_of_calling(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        await here.claimed("ana")
        sender = Line(here.post, ORGANIZATION, lambda: False)
        copy = line.Copy(
            organization=ORGANIZATION,
            message="m1",
            recipient="ana",
            claim="lost",
            run=1,
            chat=chat("ana"),
            text=TEXT,
            claimed=datetime.now(UTC).timestamp() - here.post.call_within - 0.01,
        )
        await sender._deliver(copy)
        assert here.provider.calls == 0
        assert (await here.state("ana")).status == "pending"
        await sender._deliver(msgspec.structs.replace(copy, claimed=datetime.now(UTC).timestamp() + 60))
        assert here.provider.calls == 0  # a clock that was put back proves nothing either


@in_event_loop
async def test_senders_share_the_pace_of_a_number(database_url: str) -> None:
    async with connected(database_url) as one, connected(database_url) as other:
        began = time.monotonic()
        waits = [await paces.take(each, "default", 2.0) for each in (one, other, one)]
        meanwhile = time.monotonic() - began
        assert await paces.take(other, "another", 2.0) == 0.0
    assert waits[0] == 0.0
    assert 2.0 - meanwhile <= waits[1] <= 2.0
    assert 4.0 - meanwhile <= waits[2] <= 4.0


@in_event_loop
async def test_a_paced_number_sends_no_faster(database_url: str) -> None:
    async with office(database_url, send_per_minute=300) as here:
        await here.people(*NAMES[:6])
        await here.going_out()
        began = datetime.now(UTC)
        async with here.sending(2):
            await here.ended()
        last = max(at for _, _, _, at in here.provider.messages)
        assert (last - began).total_seconds() > 0.9, "the sixth turn comes a second after the first"


async def _story(here: Office, recipient: str) -> list[tuple[float, str]]:
    """What happened to a copy, and when by the log."""
    async with here.post.connection() as connection:
        stream = delivery.stream(ORGANIZATION, "m1", recipient)
        return [
            (recorded.event.at.timestamp(), recorded.name)
            async for recorded in here.store.log.stream(connection, stream)
        ]


async def _asked(here: Office, times: int) -> bool:
    """Whether the gateway was asked so often how the connection is."""
    return here.provider.states >= times


async def _reasons(here: Office) -> set[str]:
    async with here.post.connection() as connection:
        rows = await (await connection.execute("select reason from deliveries where status = 'failed'")).fetchall()
    return {reason for (reason,) in rows}


def test_the_kinds_of_doubt_are_the_domains() -> None:
    assert Doubtful("no_id").doubt in delivery.Doubt.__args__  # type: ignore[attr-defined]
