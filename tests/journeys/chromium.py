"""A real browser, driven through its DevTools protocol."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.http import PATIENCE, until
from tests.support.sockets import Socket

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
)  # fmt: skip
LEFT = ("navigated or closed", "context", "Promise was collected")
"""What the browser says when the page that was asked is left for another one."""


def require_chromium() -> str:
    """The browser's program; skip where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    return found


class PageLeft(Exception):
    """The page was left before it had answered."""


class Chromium:
    """One browser with a profile that outlives it. Use as a context manager."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._numbers = itertools.count(1)
        self._port = profile / "DevToolsActivePort"

    def __enter__(self) -> Chromium:
        self._port.unlink(missing_ok=True)
        more = ["--no-sandbox"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [require_chromium(), *FLAGS, *more, f"--user-data-dir={self._profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self._connect()
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        return self

    def _connect(self) -> None:
        until(lambda: self._port.exists() and "\n" in self._port.read_text(), "Chromium did not start")
        self._address = f"http://127.0.0.1:{self._port.read_text().split()[0]}"
        with httpx2.Client(trust_env=False, timeout=PATIENCE) as http:
            until(lambda: bool(self._pages(http)), "Chromium shows no page")
            path = self._pages(http)[0].split(self._address.removeprefix("http://"))[1]
        self._socket = Socket(self._address, path).__enter__()
        self.command("Page.enable")

    def _pages(self, http: httpx2.Client) -> list[str]:
        found = http.get(f"{self._address}/json").json()
        return [page["webSocketDebuggerUrl"] for page in found if page["type"] == "page"]

    def __exit__(self, *_: object) -> None:
        """Close the browser as a person would, so that what it keeps is kept."""
        self._socket.send(json.dumps({"id": 0, "method": "Browser.close"}))
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._socket.__exit__(None, None, None)

    def command(self, method: str, **parameters: Any) -> Any:
        """Ask the browser something and wait for its answer."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            said = json.loads(self._socket.receive(PATIENCE))
            if said.get("id") == number:
                if any(words in said.get("error", {}).get("message", "") for words in LEFT):
                    raise PageLeft(said)
                assert "error" not in said, said
                return said["result"]

    def open(self, address: str) -> None:
        """Go to a page, or load it anew; return when it is there."""
        self.tell("window.isOver = true")
        self.command("Page.navigate", url=address)
        until(lambda: self.tell("!window.isOver && document.readyState === 'complete'"), address)

    def tell(self, script: str) -> Any:
        """What an expression is in the page; in the one that comes, when it is just left."""
        answered: list[Any] = []

        def asked() -> bool:
            with suppress(PageLeft):
                answered.append(
                    self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
                )
            return bool(answered)

        until(asked, script)
        (found,) = answered
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def shows(self, selector: str, text: str) -> None:
        """Wait until the page shows this there."""
        script = f"(document.querySelector({json.dumps(selector)}) || {{}}).textContent"
        deadline = time.monotonic() + PATIENCE
        while (found := self.tell(script)) != text:
            assert time.monotonic() < deadline, f"{selector} shows {found!r} instead of {text!r}"
            time.sleep(0.02)

    def texts(self, selector: str) -> list[str]:
        """What stands in all of these."""
        return self.tell(f"[...document.querySelectorAll({json.dumps(selector)})].map(found => found.textContent)")

    def click(self, selector: str) -> None:
        """Press it with the mouse, and again when something moved it out of the way just then."""
        until(lambda: self._hits(selector), f"{selector} is never where it was")

    def _hits(self, selector: str) -> bool:
        x, y = self.tell(
            f"""(found => {{
                window.missed = true
                found.addEventListener('click', () => {{ window.missed = false }}, {{ capture: true, once: true }})
                found.scrollIntoView()
                const at = found.getBoundingClientRect()
                return [at.x + at.width / 2, at.y + at.height / 2]
            }})(document.querySelector({json.dumps(selector)}))"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        deadline = time.monotonic() + 1
        while (missed := self.tell("window.missed")) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not missed

    def type(self, selector: str, text: str) -> None:
        """Write into a field, and leave it."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.tell(f"{found}.focus()")
        self.command("Input.insertText", text=text)
        self.tell(f"{found}.blur()")
