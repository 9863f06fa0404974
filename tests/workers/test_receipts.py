"""What providers report, and what is asked of them when they say nothing."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.store import eventually, in_event_loop
from tests.support.whatsapp import ORGANIZATION, Office, chat, office
from workers import confirming
from workers.confirming import Confirming
from workers.gateways import receipts
from workers.gateways.whatsapp import Receipt


@in_event_loop
async def test_reports_may_come_twice_late_and_out_of_order(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        async with here.sending():
            await here.ended()
        now = datetime.now(UTC)
        for progress in ("read", "delivered", "read", "sent"):
            said = Receipt(provider_id="P1", progress=progress, at=now)  # type: ignore[arg-type]
            assert await receipts.take(here.store, here.settings, said, now)
        assert (await here.state("ana")).status == "read"
        young = Receipt(provider_id="P9", progress="delivered", at=now)
        assert not await receipts.take(here.store, here.settings, young, now)
        assert await receipts.take(here.store, here.settings, young, now + timedelta(hours=1))


@in_event_loop
async def test_a_report_with_our_reference_settles_a_doubt(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        await here.claimed("ana")
        now = datetime.now(UTC)
        said = Receipt(provider_id="wamid.1", progress="delivered", reference=f"{ORGANIZATION}/m1/ana", at=now)
        assert await receipts.take(here.store, here.settings, said, now)
        state = await here.state("ana")
        assert (state.status, state.provider_id) == ("delivered", "wamid.1")


@in_event_loop
async def test_a_message_that_the_provider_cannot_bring_fails(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        async with here.sending():
            await here.ended()
        now = datetime.now(UTC)
        said = Receipt(provider_id="P1", progress="failed", reason="REJECTED 131026", at=now)
        assert await receipts.take(here.store, here.settings, said, now)
        assert (await here.state("ana")).status == "failed"


@in_event_loop
async def test_copies_of_which_nothing_is_heard_are_asked_after(database_url: str) -> None:
    async with office(database_url) as here:
        await here.people("ana")
        await here.going_out()
        async with here.sending():
            await here.ended()
        here.provider.progress["P1"] = "delivered"
        await asyncio.sleep(here.settings.whatsapp_confirm_seconds + 0.05)
        await Confirming(here.post).look()
        assert (await here.state("ana")).status == "delivered"


@in_event_loop
async def test_phones_that_are_off_keep_nobody_else_from_being_asked_after(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "AT_ONCE", 2)
    async with office(database_url, send_at_once=1) as here:
        names = ["ana", "eva", "luz", "sol", "zoe"]
        await here.people(*names)
        await here.going_out()
        async with here.sending():
            await here.ended()
        newest = here.provider.messages[-1]
        here.provider.progress[newest[0]] = "read"
        await asyncio.sleep(here.settings.whatsapp_confirm_seconds + 0.05)
        looking = Confirming(here.post)
        for _ in range(4):
            await looking.look()
        await here.seen()
        assert (await here.counts()).read == 1, "two at a time, but everybody in the end"


@in_event_loop
async def test_a_provider_that_cannot_be_asked_settles_doubts_by_its_reports_or_not_at_all(database_url: str) -> None:
    async with office(database_url) as here:
        here.provider.can_tell = False
        here.provider.plan = {chat(name): ["lost"] for name in ("ana", "eva")}
        await here.people("ana", "eva", "luz")
        await here.going_out()
        async with here.sending(settling=False):
            await eventually(lambda: _in_doubt(here, "ana", "eva"))
            now = datetime.now(UTC)
            heard = next(identity for identity, to, _, _ in here.provider.messages if to == chat("ana"))
            said = Receipt(provider_id=heard, progress="delivered", reference=f"{ORGANIZATION}/m1/ana", at=now)
            assert await receipts.take(here.store, here.settings, said, now)
        async with here.sending():
            await here.ended()
        assert [(await here.state(name)).status for name in ("ana", "eva", "luz")] == ["delivered", "failed", "sent"]
        assert here.provider.calls == 3, "what nobody can tell is not sent again"
        late = next(identity for identity, to, _, _ in here.provider.messages if to == chat("eva"))
        said = Receipt(provider_id=late, progress="read", reference=f"{ORGANIZATION}/m1/eva", at=datetime.now(UTC))
        assert await receipts.take(here.store, here.settings, said, datetime.now(UTC))
        assert (await here.state("eva")).status == "read", "a report is believed even after it was given up"


async def _in_doubt(here: Office, *names: str) -> bool:
    return all([(await here.state(name)).status == "unknown" for name in names])
