"""What journeys in a browser share: pages of another origin than the API's, and a system that they may call."""

from __future__ import annotations

import functools
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.journeys.chromium import require_chromium
from tests.journeys.system import CLIENT, System


class Quiet(SimpleHTTPRequestHandler):
    """Serves the pages and says nothing."""

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def served() -> Iterator[str]:
    """The frontends' pages, at an origin of their own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=CLIENT))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def page() -> Iterator[str]:
    """The origin that may call the API."""
    with served() as origin:
        yield origin


@pytest.fixture
def stranger() -> Iterator[str]:
    """An origin that may not."""
    with served() as origin:
        yield origin


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where the system and the browsers keep what they keep."""
    with tempfile.TemporaryDirectory(prefix="bitacora-journey-", dir="/tmp", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture
def system(directory: Path, page: str, database_url: str, redis_url: str) -> Iterator[System]:
    """The system, running, with two processes that serve; a browser may call it from the page."""
    require_chromium()
    running = System(directory, database_url, redis_url)
    running.env |= {"ALLOWED_ORIGINS": page, "BITACORA_API_PROCESSES": "2"}
    try:
        running.start()
        yield running
    finally:
        running.close()
