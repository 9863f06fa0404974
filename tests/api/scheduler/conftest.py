"""What the tests of this frontend share: somebody who is signed in, and a WhatsApp that is as a test wants it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from api.whatsapp import Connection, WhatsApp
from tests.support.business import made
from tests.support.http import Client, World
from tests.support.messages import API, NOW


@pytest.fixture
def whatsapp(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says how the connection to WhatsApp is; connected until then."""
    known = [Connection(status="connected")]

    async def connection(self: WhatsApp, organization: str) -> Connection:
        return known[0]

    def be(status: str, qr_code: str | None = None) -> None:
        known[0] = Connection(status=status, qr_code=qr_code)  # type: ignore[arg-type]

    monkeypatch.setattr(WhatsApp, "connection", connection)
    return be


@pytest.fixture
def ana(world: World, whatsapp: Callable[..., None]) -> Client:
    """A saleswoman, signed in, with WhatsApp connected."""
    return world.signed_in(world.user("sales"))


@pytest.fixture
def at_noon(world: World) -> None:
    """It is noon on the second of March 2026."""
    world.time_is(NOW)


@pytest.fixture
def group(ana: Client) -> str:
    """A group of Ana's with three contacts, of whom one takes no messages."""
    group = made(ana, f"{API}/groups", {"name": "Clientes VIP"})
    for number, active in ((1, True), (2, True), (3, False)):
        entry = {"name": f"Cliente {number}", "phone": f"+521559877000{number}", "groups": [group], "is_active": active}
        made(ana, f"{API}/contacts", entry)
    return group
