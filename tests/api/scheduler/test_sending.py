"""A message on its way, through everything: the API, the clock, a sender, the gateway's HTTP and its reports. What a
person sees in the end, whatever went wrong, is what the provider has in its book."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from api import whatsapp
from scripts.simulator.book import Message
from tests.support.business import made
from tests.support.gateways import KEY, SECRET, Simulated, simulated
from tests.support.http import PATIENCE, Answer, Process, World, until
from tests.support.messages import API, do
from workers import line
from workers.confirming import Confirming
from workers.gateways import waha
from workers.post import Post
from workers.sending import Sender
from workers.settling import Settling

TEXT = "Hola, hasta el viernes"
NUMBER: dict[str, Any] = {"whatsapp_key": KEY, "whatsapp_session": "{organization}", "whatsapp_webhook_secret": SECRET}
QUICK: dict[str, Any] = {
    "whatsapp_timeout_seconds": 0.4,
    "whatsapp_settle_seconds": 1.2,
    "whatsapp_confirm_seconds": 0.1,
    "send_per_minute": 0,
    "send_at_once": 2,
    "send_tries": 100,
}
"""The senders' settings. What a test asks of the API may take longer: it is not told that nobody is there because the
machine stood still for a moment."""
PATIENT: dict[str, Any] = {"whatsapp_timeout_seconds": 20.0, "whatsapp_settle_seconds": 60.0}
"""Settings with which a slow machine leads to no doubts."""


class Outside:
    """A process of the API, a sender beside it, and the simulator that both speak to."""

    def __init__(self, world: World, simulator: Simulated, process: Process) -> None:
        self.world = world
        self.simulator = simulator
        self.process = process
        self.sara = process.signed_in(world.user("sales"))
        self.group = made(self.sara, f"{API}/groups", {"name": "Clientes"})

    def people(self, count: int) -> list[str]:
        """So many contacts; returns their chats."""
        for number in range(1, count + 1):
            entry = {"name": f"Cliente {number}", "phone": f"+3460000{number:04}", "groups": [self.group]}
            made(self.sara, f"{API}/contacts", entry)
        return [f"3460000{number:04}@c.us" for number in range(1, count + 1)]

    def send(self, text: str = TEXT) -> str:
        """A message that was scheduled, and whose time has come."""
        message = made(self.sara, f"{API}/messages", {"content": text, "groups": [self.group]})
        scheduled = self.due(message, "schedule")
        assert scheduled.status == 200, scheduled
        self.world.strike()
        return message

    def due(self, message: str, action: str) -> Answer:
        """Schedule it, or resume it, as if it had been done a minute ago, for a time that has come since: a time to
        come would have passed when the machine stands still before the call arrives."""
        earlier = self.world.now - timedelta(minutes=1)
        with self.world.patch.context() as then:
            then.setattr(self.process.runtime, "clock", lambda: earlier)
            return do(self.sara, message, action, scheduled_for=(earlier + timedelta(seconds=1)).isoformat())

    def shown(self, message: str) -> dict[str, Any]:
        return self.sara.get(f"{API}/messages/{message}").json

    def stats(self, message: str) -> dict[str, Any]:
        return self.sara.get(f"{API}/messages/{message}/stats").json

    def ended(self, message: str) -> dict[str, Any]:
        """The message, once it has come to its end and its owner was told."""

        def is_over() -> bool:
            self.world.strike()
            return self.shown(message)["status"] in ("sent", "failed")

        until(is_over, lambda: f"{self.shown(message)} {self.stats(message)}", seconds=30)
        self.world.react()
        return self.shown(message)

    def doubted(self, message: str) -> int:
        """How often nobody could tell whether the provider had a copy of this message."""
        counted = "select count(*) from events where name = 'DeliveryDoubted' and starts_with(stream, %s)"
        copies = f"delivery-{self.world.own}-{message}-"
        return self.world.house.connection.execute(counted, [copies]).fetchone()[0]  # type: ignore[index]

    def under_way(self, message: str) -> int:
        """How many of its copies are claimed, or in doubt, and not yet handed over, given back or failed."""
        copies = f"delivery-{self.world.own}-{message}-"
        last = {event.stream: event.name for event in self.world.events() if event.stream.startswith(copies)}
        return sum(name in ("DeliveryClaimed", "DeliveryDoubted") for name in last.values())

    def came_to_rest(self, message: str) -> None:
        """Wait until nothing of it is under way any more and what is shown is what the provider took."""
        until(lambda: self.under_way(message) == 0)
        until(lambda: self.stats(message)["sent"] == len(self.book), lambda: self.stats(message))

    def claimed_while(self, message: str) -> set[str]:
        """What the message was last said to be when its copies were claimed, by the log."""
        last, found = "", set()
        for event in self.world.events():
            if event.stream == f"scheduled_message-{self.world.own}-{message}":
                last = event.name
            elif event.name == "DeliveryClaimed" and event.stream.startswith(f"delivery-{self.world.own}-{message}-"):
                found.add(last)
        return found

    def told(self) -> list[tuple[str, str]]:
        return [(row["type"], row["message"]) for row in self.sara.get(f"{API}/notifications").json["items"]]

    @property
    def book(self) -> list[Message]:
        """What the provider took from this organisation's number."""
        return [message for message in self.simulator.messages if message.session == self.world.own]

    @property
    def got(self) -> Counter[str]:
        """How many copies each chat has, by the provider's book."""
        return Counter(message.chat for message in self.book)


async def unlimited(*checks: object) -> None:
    """A test that looks on asks more often than a person."""


@pytest.fixture
def outside(world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Outside]:
    """With other settings of the senders where the test gives some."""
    world.patch.setattr(whatsapp, "FRESH", 0.0)
    world.patch.setattr(whatsapp, "PATIENCE", PATIENCE)
    for name, seconds in (("STATE_WAIT", 0.1), ("REMEMBER", 0.5)):
        world.patch.setattr(line, name, seconds)
    world.patch.setattr(waha, "AWAY", 0.1)
    stack = AsyncExitStack()
    simulator = world.loop.run(stack.enter_async_context(simulated(tmp_path / "book.db")))
    process = world.another_process(whatsapp_url=simulator.url, whatsapp_timeout_seconds=PATIENCE, **NUMBER)
    senders = structs.replace(process.settings, **{**QUICK, **getattr(request, "param", {})})
    simulator.report_to(f"{process.address}/webhooks/whatsapp")
    world.patch.setattr(process.runtime.limits, "count", unlimited)
    stopped = False

    async def work() -> list[asyncio.Task[None]]:
        post = await stack.enter_async_context(Post(senders))
        jobs = (Sender(post, lambda: stopped), Settling(post), Confirming(post))
        return [asyncio.create_task(job.run() if isinstance(job, Sender) else job.run(lambda: stopped)) for job in jobs]

    async def end(tasks: list[asyncio.Task[None]]) -> None:
        await asyncio.gather(*tasks)
        await stack.aclose()

    tasks = world.loop.run(work())
    yield Outside(world, simulator, process)
    stopped = True
    world.loop.run(end(tasks))


def test_everybody_gets_it_once_and_the_owner_sees_it(outside: Outside) -> None:
    chats = outside.people(5)
    message = outside.send()
    shown = outside.ended(message)
    assert (shown["status"], shown["recipient_count"], shown["sent_count"], shown["failed_count"]) == ("sent", 5, 5, 0)
    assert outside.got == Counter(chats)
    assert {sent.body for sent in outside.book} == {TEXT}
    until(lambda: outside.stats(message)["read"] == 5, lambda: outside.stats(message))
    stats = outside.stats(message)
    assert [stats[name] for name in ("total", "pending", "sent", "delivered", "failed")] == [5, 0, 5, 5, 0]
    assert [stats[name] for name in ("progress", "success_rate", "delivery_rate", "read_rate")] == [100.0] * 4
    assert outside.told() == [("success", "El mensaje se envió a 5 destinatarios")]


@pytest.mark.parametrize("fault", ["refused", "failed_after", "hung", "cut", "empty", "late"])
def test_a_fault_of_the_gateway_costs_time_and_no_copy(outside: Outside, fault: str) -> None:
    chats = outside.people(4)
    outside.simulator.faults(**{fault: 1.0}, late_by=0.5)
    message = outside.send()
    until(lambda: outside.doubted(message) >= 2)
    assert (outside.shown(message)["status"], outside.stats(message)["failed"]) == ("sending", 0)
    outside.simulator.faults()
    shown = outside.ended(message)
    assert (shown["status"], shown["sent_count"], shown["failed_count"]) == ("sent", 4, 0)
    assert outside.got == Counter(chats), "nobody twice, nobody not at all"


def test_a_slow_gateway_is_waited_for(outside: Outside) -> None:
    chats = outside.people(4)
    outside.simulator.faults(latency=0.2)
    assert outside.ended(outside.send())["sent_count"] == 4
    assert outside.got == Counter(chats)


def test_acks_that_are_lost_are_asked_for(outside: Outside) -> None:
    outside.people(3)
    outside.simulator.faults(lost_ack=1.0)
    message = outside.send()
    assert outside.ended(message)["status"] == "sent"
    until(lambda: outside.stats(message)["read"] == 3, lambda: outside.stats(message))
    assert outside.stats(message)["delivered"] == 3


def test_acks_twice_and_out_of_order_change_nothing(outside: Outside) -> None:
    outside.people(4)
    outside.simulator.faults(doubled_ack=1.0, early_ack=1.0)
    message = outside.send()
    assert outside.ended(message)["sent_count"] == 4
    until(lambda: outside.stats(message)["read"] == 4, lambda: outside.stats(message))
    until(lambda: outside.simulator.owed == 0)
    assert [outside.stats(message)[name] for name in ("sent", "delivered", "read", "failed")] == [4, 4, 4, 0]


@pytest.mark.parametrize("status", ["STOPPED", "SCAN_QR_CODE"])
def test_without_a_connection_it_waits_and_then_goes_on(outside: Outside, status: str) -> None:
    chats = outside.people(4)
    before = made(outside.sara, f"{API}/messages", {"content": "Después", "groups": [outside.group]})
    outside.simulator.session_once_taken(1, status, outside.world.own)
    message = outside.send()
    until(lambda: len(outside.book) == 1)
    outside.came_to_rest(message)
    assert do(outside.sara, before, "schedule", scheduled_for="2099-01-01T00:00:00Z").status == 503
    stats = outside.stats(message)
    assert (stats["sent"], stats["pending"], stats["failed"]) == (1, 3, 0), "nothing fails because of it"
    assert outside.shown(message)["status"] == "sending"
    assert len(outside.book) == 1
    outside.simulator.session("WORKING", outside.world.own)
    shown = outside.ended(message)
    assert (shown["status"], shown["sent_count"], shown["failed_count"]) == ("sent", 4, 0)
    assert outside.got == Counter(chats)


@pytest.mark.parametrize("outside", [{"send_tries": 2}], indirect=True)
def test_what_the_gateway_never_takes_fails_with_a_reason(outside: Outside) -> None:
    outside.people(2)
    outside.simulator.faults(refused=1.0)
    message = outside.send()
    shown = outside.ended(message)
    assert (shown["status"], shown["status_reason"]) == ("failed", "NOTHING_SENT")
    assert outside.stats(message)["errors"] == {"NOT_ACCEPTED": 2}
    rows = outside.sara.get(f"{API}/messages/{message}/recipients?status=failed").json["items"]
    assert [row["error"] for row in rows] == ["NOT_ACCEPTED"] * 2
    assert outside.told() == [("error", "El mensaje falló: no se pudo entregar a ningún destinatario")]
    outside.simulator.faults()
    assert do(outside.sara, message, "retry").json["status"] == "sending"
    again = outside.ended(message)
    assert (again["status"], again["attempt"], again["sent_count"], again["failed_count"]) == ("sent", 2, 2, 0)


def test_who_is_not_on_whatsapp_is_named_and_the_others_get_it(outside: Outside) -> None:
    outside.people(2)
    made(outside.sara, f"{API}/contacts", {"name": "Nadie", "phone": "+34600010000", "groups": [outside.group]})
    message = outside.send()
    shown = outside.ended(message)
    assert (shown["status"], shown["sent_count"], shown["failed_count"]) == ("sent", 2, 1)
    (row,) = outside.sara.get(f"{API}/messages/{message}/recipients?status=failed").json["items"]
    assert (row["name"], row["phone"], row["error"]) == ("Nadie", "+34600010000", "NOT_ON_WHATSAPP")
    assert outside.told() == [("warning", "Se envió a 2 destinatarios; 1 falló")]


def test_what_whatsapp_cannot_bring_is_counted_as_failed_even_afterwards(outside: Outside) -> None:
    outside.people(2)
    outside.simulator.faults(unreachable=1.0, ack_after=0.3)
    message = outside.send()
    outside.ended(message)
    until(lambda: outside.stats(message)["failed"] == 2, lambda: outside.stats(message))
    shown = outside.shown(message)
    assert (shown["sent_count"], shown["failed_count"], shown["recipient_count"]) == (0, 2, 2)
    assert outside.stats(message)["errors"] == {"REJECTED": 2}


@pytest.mark.parametrize("outside", [PATIENT], indirect=True)
def test_pause_and_cancel_take_effect_between_two_recipients(outside: Outside) -> None:
    chats = outside.people(60)
    outside.simulator.faults(latency=0.3)  # nine seconds for all of them
    message = outside.send()
    until(lambda: len(outside.book) >= 2)
    paused = do(outside.sara, message, "pause", reason="Un momento")
    assert (paused.status, paused.json["status"]) == (200, "paused")
    outside.came_to_rest(message)
    taken = len(outside.book)
    assert outside.due(message, "resume").json["status"] == "scheduled"
    assert len(outside.book) == taken
    outside.world.strike()
    until(lambda: len(outside.book) >= taken + 2)
    assert do(outside.sara, message, "cancel").json["status"] == "cancelled"
    outside.came_to_rest(message)
    left = outside.stats(message)
    assert left["pending"] >= 1
    assert outside.claimed_while(message) == {"SendingStarted"}, "in the log no copy is claimed in a pause or later"
    assert left["sent"] == len(outside.got) == len(outside.book) < len(chats)
