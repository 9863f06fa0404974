"""The connection to WhatsApp as this process knows it: asked for at most every few seconds, whoever wants to know."""

from __future__ import annotations

import asyncio
import time

import msgspec

from settings import Settings
from workers.gateways.whatsapp import Failing, Gateway, Gateways, State, session

FRESH = 3.0
"""Seconds for which an answer of the gateway is good."""
PATIENCE = 5.0


class Away(Exception):
    """WhatsApp is not connected, so nothing can be scheduled (W8)."""


class Broken(Exception):
    """WhatsApp is there, and answers with errors."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """Whether messages can leave; with a QR code, PNG in base64, when one has to be scanned (W14). `answers` says
    whether the gateway is there at all, `failing` that its answers are errors."""

    status: State
    qr_code: str | None = None
    answers: bool = True
    failing: bool = False


class WhatsApp:
    """The numbers of every organisation, each asked when needed, whoever it belongs to."""

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
        number = session(self._settings, organization)
        async with self._asking.setdefault(number, asyncio.Lock()):
            at, known = self._known.get(number, (0.0, None))
            if known is None or time.monotonic() - at > FRESH:
                known = await self._ask(self._gateways.of(organization))
                self._known[number] = time.monotonic(), known
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

    async def is_well(self) -> bool:
        """For monitors, who belong to no organisation: whether messages can leave. Where each organisation has a number
        of its own there is none to ask for, and the gateway is well when it answers."""
        known = await self.connection("")
        shared = session(self._settings, "") == self._settings.whatsapp_session
        return known.status == "connected" if shared else known.answers and not known.failing

    async def _ask(self, gateway: Gateway) -> Connection:
        if not self._settings.whatsapp_url:
            return Connection(status="disconnected", answers=False)
        try:
            async with asyncio.timeout(PATIENCE):
                status = await gateway.state()
        except Failing:
            return Connection(status="disconnected", failing=True)
        except Exception:  # whatever is wrong there, it is not connected
            return Connection(status="disconnected", answers=False)
        return Connection(status=status, qr_code=await _code(gateway) if status == "qr_needed" else None)


async def _code(gateway: Gateway) -> str | None:
    """The code to be scanned, if it is to be had in time."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await gateway.qr()
    except Exception:  # people are shown that one is needed, and the code when it comes
        return None
