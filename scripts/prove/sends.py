"""The proof that no copy is sent twice and none is silently missed: real processes, killed at random, against a
simulated WhatsApp that loses answers and acks; then three books are compared."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import msgspec

from domain.scheduled_message import Status
from eventstore.connect import connect_async
from projections import deliveries, scheduled_messages
from scripts.bar import bar
from scripts.prove import books, house, people
from scripts.prove.books import Verdict
from scripts.prove.house import House
from scripts.prove.mayhem import Mayhem
from scripts.prove.people import ORGANIZATION, Author, Plan
from scripts.simulator import book
from scripts.simulator.faults import Faults

LOOK = 0.1
ENDED: tuple[Status, ...] = ("sent", "failed")


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    recipients: int
    kills: int
    lost_acks: float
    flushes: int
    senders: int
    seed: int
    fault: str | None
    patience: float
    latency: float = 0.0
    """Seconds that each call to the gateway takes."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it."""

    choices: Choices
    verdict: Verdict
    holds: bool
    seconds: float
    killed: dict[str, int]
    flushed: int


def settings(choices: Choices) -> dict[str, str]:
    """Those of the product under test: as fast as it goes, with doubts that are settled while one can watch."""
    return {
        "BITACORA_WHATSAPP_TIMEOUT_SECONDS": "2",
        "BITACORA_WHATSAPP_SETTLE_SECONDS": "8",
        "BITACORA_WHATSAPP_CONFIRM_SECONDS": "3",
        "BITACORA_SEND_PER_MINUTE": "0",
        "BITACORA_SEND_AT_ONCE": "16",
        "BITACORA_LOG_LEVEL": "warning",
    }


def faults(choices: Choices) -> Faults:
    """The share of lost acks, once for answers to calls (in every way in which one can be lost) and once for reports;
    and a few of everything else."""
    lost = choices.lost_acks / 5
    return Faults(
        latency=choices.latency,
        refused=lost,
        failed_after=lost,
        hung=lost,
        cut=lost,
        empty=lost,
        late=lost,
        late_by=3.0,
        lost_ack=choices.lost_acks,
        doubled_ack=choices.lost_acks,
        early_ack=choices.lost_acks,
        ack_after=0.2,
        read=0.8,
    )


def run(choices: Choices, say: Callable[[str], None], keep: bool = False) -> Result:
    """Everything from the first server to the verdict."""
    with house.opened(settings(choices), keep) as opened:
        say(f"seed {choices.seed}; logs in {opened.directory}")
        _open(opened, choices)
        author = _Writing(opened)
        plan = author.fill(choices.recipients)
        began = time.monotonic()
        mayhem = Mayhem(
            opened,
            choices.seed,
            choices.kills,
            choices.flushes,
            pause=lambda: author.do(people.pause),
            resume=lambda: author.do(people.resume),
        )
        _watch(opened, choices, plan, mayhem)
        seconds = time.monotonic() - began
        author.close()
        opened.stop()
        verdict = books.compare(opened.database_url, opened.env["BITACORA_MASTER_KEY"], opened.book, plan)
    return Result(
        choices=choices,
        verdict=verdict,
        holds=verdict.holds,
        seconds=round(seconds, 1),
        killed=dict(sorted(mayhem.killed.items())),
        flushed=mayhem.flushed,
    )


def _open(opened: House, choices: Choices) -> None:
    opened.finish("migrate", house.command("migrate"))
    simulator = (*house.command("simulator"), "--file", str(opened.book), "--seed", str(choices.seed))
    opened.add("simulator", simulator)
    address = f"{opened.env['BITACORA_WHATSAPP_URL']}/simulator/faults"
    httpx2.post(address, content=msgspec.json.encode(faults(choices)), trust_env=False).raise_for_status()
    for name in ("projector", "feed", "clock", "worker", "serve"):
        opened.add(name, house.command(name))
    sender = house.broken(choices.fault) if choices.fault else house.command("sender")
    for number in range(choices.senders):
        opened.add(f"sender-{number + 1}", sender)


class _Writing:
    """The author, from a program without an event loop of its own."""

    def __init__(self, opened: House) -> None:
        self._runner = asyncio.Runner()
        self._author = Author(opened.database_url, opened.env["BITACORA_MASTER_KEY"])
        self._runner.run(self._author.__aenter__())

    def fill(self, recipients: int) -> Plan:
        with bar("contacts added", "contacts") as report:
            return self._runner.run(people.fill(self._author, recipients, report))

    def do(self, what: Callable[[Author, str], object]) -> None:
        """Pause or resume the first message; one that is over by then is left alone."""
        try:
            self._runner.run(what(self._author, "proof-1"))  # type: ignore[arg-type]
        except Exception as refusal:
            print(f"not possible any more: {refusal}", file=sys.stderr)

    def close(self) -> None:
        self._runner.run(self._author.__aexit__())
        self._runner.close()


def _watch(opened: House, choices: Choices, plan: Plan, mayhem: Mayhem) -> None:
    """Until everything is sent, settled and confirmed, or nothing has moved for too long."""
    before: object = None
    moved = time.monotonic()
    with asyncio.Runner() as runner, bar("sent", "copies") as report:
        while True:
            time.sleep(LOOK)
            received = book.count(opened.book)
            mayhem.go_on(received / plan.copies)
            report(min(received, plan.copies), plan.copies)
            seen = runner.run(_state(opened.database_url, plan))
            if seen != before:
                before, moved = seen, time.monotonic()
            if mayhem.is_over and _is_over(seen, opened.book):
                return
            if time.monotonic() - moved > choices.patience:
                return


State = tuple[tuple[str, tuple[int, ...]], ...]


async def _state(database_url: str, plan: Plan) -> State:
    """Where every message stands, and how its copies are doing."""
    found = []
    async with await connect_async(database_url, "prove") as connection:
        for name in plan.messages:
            message = await scheduled_messages.by_id(connection, ORGANIZATION, name)
            counts = await deliveries.counts_of(connection, ORGANIZATION, name)
            status = message.status if message else ""
            found.append((status, tuple(msgspec.structs.astuple(counts))))
    return tuple(found)


def _is_over(seen: State, simulator: Path) -> bool:
    """Whether every message has ended and the views know as much as the provider."""
    if any(status not in ENDED for status, _ in seen) or book.owed(simulator):
        return False
    acks = book.acks(simulator)
    return acks.get(2, 0) + acks.get(3, 0) == sum(counts[4] + counts[5] for _, counts in seen)


def as_json(result: Result) -> str:
    return json.dumps(msgspec.to_builtins(result), indent=1)
