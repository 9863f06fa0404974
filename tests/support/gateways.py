"""Providers for tests: the simulator, served in the test's own event loop, and a server that answers as a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from scripts.simulator import book as books
from scripts.simulator.book import Book, Message
from scripts.simulator.dialect import Dialect
from scripts.simulator.faults import Chance, Faults
from scripts.simulator.reports import Reports
from scripts.simulator.server import Answer, Request, serve
from settings import Settings
from tests.support.store import MASTER_KEY
from tests.support.waiting import PATIENCE
from workers.gateways.whatsapp import Gateway

G = TypeVar("G", bound=Gateway)

KEY = "the provider's key"
SECRET = "the webhook's secret"
NOBODY = "http://127.0.0.1:1"
"""Where nobody listens, nor ever will in the middle of a test: the port is none that is given to anybody."""
BRIEF: dict[str, Any] = {"whatsapp_timeout_seconds": 0.5}
"""For an adapter that is to find that no answer comes."""


OPENED: list[Gateway] = []


def opened(gateway: G) -> G:
    """This adapter, closed when the provider that it speaks to ends."""
    OPENED.append(gateway)
    return gateway


async def _close_opened() -> None:
    while OPENED:
        await OPENED.pop().close()


class Simulated:
    """The simulator: what it took is in `messages`, what goes wrong with it is said by `faults`."""

    def __init__(self, url: str, file: Path, dialect: Dialect, reports: Reports) -> None:
        self.url = url
        self._file = file
        self._dialect = dialect
        self._reports = reports

    def report_to(self, url: str) -> None:
        """Whom it tells from now on."""
        self._reports._url = url

    def faults(self, **faults: Any) -> None:
        """What goes wrong from now on; nothing, when nothing is said."""
        self._dialect.faults = msgspec.convert({"ack_after": 0.01, **faults}, Faults)

    def session(self, status: str, name: str = "default") -> None:
        """The session is in this state from now on."""
        self._dialect._become(name, status)

    def session_once_taken(self, count: int, status: str, name: str) -> None:
        """The session is in this state as soon as so many messages were taken, before it takes another."""
        take = self._dialect._take

        def counting(*message: Any) -> Message:
            taken = take(*message)
            if sum(message.session == name for message in self.messages) == count:
                self.session(status, name)
            return taken

        self._dialect._take = counting

    @property
    def messages(self) -> list[Message]:
        """Everything that it ever took, read from its file."""
        return books.read(self._file)

    @property
    def owed(self) -> int:
        """How many reports are still to come."""
        return books.owed(self._file)


@asynccontextmanager
async def simulated(file: Path, webhook: str = NOBODY, **faults: Any) -> AsyncIterator[Simulated]:
    """A simulator that asks for KEY, signs with SECRET and reports to `webhook`."""
    book, chance = Book(file), Chance(None)
    reports = Reports(book, chance, webhook, SECRET)
    dialect = Dialect(book, reports, chance, KEY)
    server = await serve(dialect.answer, "127.0.0.1", 0)
    telling = asyncio.create_task(reports.run(lambda: dialect.faults))
    here = Simulated(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", file, dialect, reports)
    here.faults(**faults)
    try:
        yield here
    finally:
        await _close_opened()
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling
        server.close()
        await reports.close()
        book.close()


@asynccontextmanager
async def answering(handler: Callable[[Request], Awaitable[Answer]]) -> AsyncIterator[str]:
    """The address of a server that answers with whatever the handler says."""
    server = await serve(handler, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        await _close_opened()
        server.close()


def reaching(url: str, **more: Any) -> Settings:
    """Settings for an adapter that speaks to this address, and waits for as long as a test does."""
    fields: dict[str, Any] = {
        "database_url": "postgresql://unused.invalid",
        "redis_url": "redis://unused.invalid",
        "secret": "s" * 32,
        "master_key": MASTER_KEY,
        "whatsapp_url": url,
        "whatsapp_key": KEY,
        "whatsapp_webhook_secret": SECRET,
        "whatsapp_timeout_seconds": PATIENCE,
        **more,
    }
    return Settings(**fields)
