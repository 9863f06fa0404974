"""A message while it is sent: the clock starts and ends it, people pause, cancel, change and retry it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from domain.delivery import DeliveryClaimed
from domain.scheduled_message import (
    CancelMessage,
    EditMessage,
    PauseMessage,
    RedraftMessage,
    ResumeMessage,
    RetryMessage,
    ScheduleMessage,
)
from tests.support.store import connected, eventually, in_event_loop
from tests.support.whatsapp import TEXT, Office, chat, office, phone
from workers.gateways.whatsapp import Rejected

NAMES = [f"c{number:02}" for number in range(30)]
WITNESSES = [f"w{number}" for number in range(5)]


@in_event_loop
async def test_after_a_pause_no_copy_is_claimed_and_after_the_resumption_the_rest_goes_out(database_url: str) -> None:
    async with office(database_url, send_at_once=1) as here:
        await here.people(*NAMES)
        await here.going_out()
        async with here.sending(2):
            await eventually(lambda: _got(here, 5))
            paused = await here.ask(PauseMessage(message="m1", now=datetime.now(UTC)))
            await _looked_again(here)
            claims = await _claims(here)
            assert len(claims) < len(NAMES)
            assert max(claims) < paused.position
            now = datetime.now(UTC)
            resumed = ResumeMessage(message="m1", scheduled_for=now + timedelta(milliseconds=50), now=now)
            await here.ask(resumed)
            await here.started()
            counts = await here.ended()
        assert counts.out == len(NAMES) == _sent(here)


@in_event_loop
async def test_a_cancelled_message_stays_where_it_was(database_url: str) -> None:
    async with office(database_url, send_at_once=1) as here:
        await here.people(*NAMES)
        await here.going_out()
        async with here.sending():
            await eventually(lambda: _got(here, 3))
            cancelled = await here.ask(CancelMessage(message="m1", now=datetime.now(UTC)))
            await _looked_again(here)
        assert max(await _claims(here)) < cancelled.position
        assert _sent(here) < len(NAMES)


@in_event_loop
async def test_a_text_edited_in_a_pause_is_what_the_rest_gets(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana", "eva")
        await here.going_out()
        await here.claimed("ana")
        here.provider.take(chat("ana"), TEXT)
        now = datetime.now(UTC)
        await here.ask(PauseMessage(message="m1", now=now))
        await here.ask(EditMessage(message="m1", content="Adiós", now=now))
        await here.ask(ResumeMessage(message="m1", scheduled_for=now + timedelta(milliseconds=50), now=now))
        await here.started()
        async with here.sending():
            await here.ended()
        texts = {to: text for _, to, text, _ in here.provider.messages}
        assert texts == {chat("ana"): TEXT, chat("eva"): "Adiós"}


@in_event_loop
async def test_a_retried_message_goes_to_those_who_did_not_get_it(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana", "eva")
        here.provider.plan = {chat(name): [Rejected("REJECTED")] for name in ("ana", "eva")}
        await here.going_out()
        async with here.sending():
            await here.ended()
            await here.tick()
            await here.ask(RetryMessage(message="m1", now=datetime.now(UTC)))
            await here.seen()
            counts = await here.ended()
        assert counts.out == len(here.provider.messages) == 2


@in_event_loop
async def test_a_failed_message_that_is_made_a_draft_again_goes_to_everybody(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana", "eva")
        here.provider.plan = {chat(name): [Rejected("REJECTED")] for name in ("ana", "eva")}
        await here.going_out()
        async with here.sending():
            await here.ended()
            assert await here.tick() == ["MessageFailed"]
            now = datetime.now(UTC)
            await here.ask(RedraftMessage(message="m1", now=now))
            due = now + timedelta(milliseconds=50)
            await here.ask(ScheduleMessage(message="m1", scheduled_for=due, now=now))
            assert await here.started() == ["SendingStarted"]
            counts = await here.ended()
        assert counts.out == len(here.provider.messages) == 2
        assert await here.tick() == ["MessageSent"]


@in_event_loop
async def test_a_cancelled_message_that_is_made_a_draft_again_goes_to_those_who_did_not_get_it(
    database_url: str,
) -> None:
    async with office(database_url) as here:
        await here.people("ana", "eva")
        await here.going_out()
        await here.claimed("ana")
        here.provider.take(chat("ana"), TEXT)
        now = datetime.now(UTC)
        await here.ask(CancelMessage(message="m1", now=now))
        await here.ask(RedraftMessage(message="m1", now=now))
        due = now + timedelta(milliseconds=50)
        await here.ask(ScheduleMessage(message="m1", scheduled_for=due, now=now))
        assert await here.started() == ["SendingStarted"]
        async with here.sending():
            counts = await here.ended()
        assert counts.out == 2
        assert [here.provider.got(chat(name)) for name in ("ana", "eva")] == [1, 1]


@in_event_loop
async def test_the_clock_starts_what_is_due_and_ends_what_is_done_with_exact_counts(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana", "eva")
        here.provider.nobody = {phone("eva")}
        await here.going_out(listed=False)
        assert await here.tick() == ["RecipientsListed", "SendingStarted"]
        assert await here.tick() == []
        async with here.sending():
            await here.ended()
        assert await here.tick() == ["MessageSent"]
        async with connected(database_url) as connection:
            row = await (await connection.execute("select data from events where name = 'MessageSent'")).fetchone()
        assert row is not None
        ended = msgspec.json.decode(row[0])
        assert (ended["sent"], ended["failed"], ended["reasons"]) == (1, 1, {"NOT_ON_WHATSAPP": 1})


@in_event_loop
async def test_what_was_missed_while_the_system_was_down_is_sent_late_or_fails(database_url: str) -> None:
    async with office(database_url, send_late_seconds=30) as here:
        await here.people("ana")
        await here.going_out(listed=False)  # its time was a minute ago
        assert await here.tick() == ["SendingStarted", "MessageFailed"]
        await here.ask(RetryMessage(message="m1", now=datetime.now(UTC)))
        await here.seen()
        assert await here.tick() == ["RecipientsListed"]


async def _got(here: Office, count: int) -> bool:
    return _sent(here) >= count


def _sent(here: Office) -> int:
    """How many copies of the first message went out."""
    return sum(text == TEXT for _, _, text, _ in here.provider.messages)


async def _looked_again(here: Office) -> None:
    """Wait until the senders sent another message: they looked at what there is to do, again and again."""
    await here.people(*WITNESSES, group="g2")
    await here.going_out("m2", "g2", "Otra cosa")
    await here.ended("m2")


async def _claims(here: Office) -> list[int]:
    """The positions of all claims of the first message's copies."""
    async with here.post.connection() as connection:
        cursor = await connection.execute(
            "select position from events where name = %s and stream like 'delivery-%%-m1-%%' order by position",
            [DeliveryClaimed.__name__],
        )
        return [position for (position,) in await cursor.fetchall()]
