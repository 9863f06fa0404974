"""The number at WhatsApp in the back office: connected, waiting for its code to be scanned, away."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from api import whatsapp
from tests.api.test_console import ROOT, SIGN_IN
from tests.support.browsers import Browser
from tests.support.gateways import KEY, NOBODY, Simulated, simulated
from tests.support.http import PASSWORD, PATIENCE, World

PNG = b"\x89PNG"


@pytest.fixture
def simulator(world: World, tmp_path: Path) -> Iterator[Simulated]:
    """A WhatsApp that is as a test wants it, asked anew each time."""
    world.patch.setattr(whatsapp, "FRESH", 0.0)
    world.patch.setattr(whatsapp, "PATIENCE", PATIENCE)
    stack = AsyncExitStack()
    yield world.loop.run(stack.enter_async_context(simulated(tmp_path / "book.db")))
    for process in world.processes:
        process.close()
    world.processes.clear()
    world.loop.run(stack.aclose())


def at_console(world: World, url: str) -> Browser:
    """A manager at the console of a process that speaks to this gateway."""
    process = world.another_process(whatsapp_url=url, whatsapp_key=KEY, whatsapp_timeout_seconds=PATIENCE)
    browser = Browser(process.visitor())
    browser.open(SIGN_IN)
    browser.press(SIGN_IN, email=world.user("manager").email, password=PASSWORD)
    return browser


def test_the_code_is_shown_until_it_was_scanned(world: World, simulator: Simulated) -> None:
    browser = at_console(world, simulator.url)
    simulator.session("SCAN_QR_CODE")
    assert browser.open(browser.page.links["WhatsApp"]).status == 200
    picture = next(found["src"] for tag, found in browser.page.elements if tag == "img")
    kind, _, data = picture.partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data, validate=True).startswith(PNG)
    refresh = ("meta", {"http-equiv": "refresh", "content": "15"})
    assert refresh in browser.page.elements, "it looks again by itself"
    simulator.session("WORKING")
    browser.open(browser.at)
    assert "Messages can leave" in browser.page.text
    assert "img" not in {tag for tag, _ in browser.page.elements}
    assert refresh not in browser.page.elements


def test_the_api_says_the_same(world: World, simulator: Simulated) -> None:
    process = world.another_process(whatsapp_url=simulator.url, whatsapp_key=KEY, whatsapp_timeout_seconds=PATIENCE)
    manager = process.signed_in(world.user("manager"))
    assert manager.get("/office/whatsapp").json == {
        "status": "connected",
        "qr_code": None,
        "answers": True,
        "failing": False,
    }
    simulator.session("SCAN_QR_CODE")
    found = manager.get("/office/whatsapp").json
    assert found["status"] == "qr_needed"
    assert base64.b64decode(found["qr_code"], validate=True).startswith(PNG)


@pytest.mark.parametrize("url", ["", NOBODY])
def test_a_gateway_that_is_away_is_told(world: World, url: str) -> None:
    browser = at_console(world, url)
    browser.open(f"{ROOT}/whatsapp")
    assert "The gateway does not answer" in browser.page.text
