"""The connection to WhatsApp as this process knows it: asked for at most every few seconds, whoever wants to know."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from settings import Settings
from workers.gateways.whatsapp import Failing, Gateways, State

T = TypeVar("T")

FRESH = 3.0
"""Seconds for which an answer of the gateway is good."""
PATIENCE = 5.0


class Away(Exception):
    """WhatsApp is not connected, so nothing can be scheduled (W8)."""


class Broken(Exception):
    """WhatsApp is there, and answers with errors."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Whether messages can leave; with a QR code, PNG in base64, when one has to be scanned (W14). `failing` says that
    the gateway is there and answers with errors."""

    status: State
    qr_code: str | None = None
    failing: bool = False


class WhatsApp:
    """The numbers of every organisation, each asked when needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gateways = Gateways(settings)
        self._known: dict[str, tuple[float, Connection]] = {}
        self._asking: dict[str, asyncio.Lock] = {}

    async def close(self) -> None:
        """Let the connections go."""
        await self._gateways.__aexit__()

    async def connection(self, organization: str) -> Connection:
        """How it is now, or was a moment ago."""
        async with self._asking.setdefault(organization, asyncio.Lock()):
            at, known = self._known.get(organization, (0.0, None))
            if known is None or time.monotonic() - at > FRESH:
                known = await self._ask(organization)
                self._known[organization] = time.monotonic(), known
        return known

    async def check(self, organization: str) -> None:
        """Raise `Away` unless messages can leave."""
        if (await self.connection(organization)).status != "connected":
            raise Away

    async def check_sending(self, organization: str) -> None:
        """The same where sending begins at once: an error of the gateway raises `Broken` there (W8)."""
        if (await self.connection(organization)).failing:
            raise Broken
        await self.check(organization)

    async def _ask(self, organization: str) -> Connection:
        if not self._settings.whatsapp_url:
            return Connection(status="disconnected")
        gateway = self._gateways.of(organization)
        try:
            status: State = await _within(gateway.state) or "disconnected"
        except Failing:
            return Connection(status="disconnected", failing=True)
        qr = await _within(gateway.qr) if status == "qr_needed" else None
        return Connection(status=status, qr_code=qr)


async def _within(question: Callable[[], Awaitable[T]]) -> T | None:
    """The gateway's answer; None when it has none in time. Raises `Failing`."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await question()
    except Failing:
        raise
    except Exception:  # whatever is wrong there, it is not connected
        return None
