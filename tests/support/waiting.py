"""Waiting for what another process or thread does, and ports for it to listen on."""

from __future__ import annotations

import socket
import time
from typing import Any

PATIENCE = 20.0


def until(condition: Any, report: Any = "it did not come about", seconds: float = PATIENCE) -> None:
    """Poll for what another process or thread does; fail with a report when it does not come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, report() if callable(report) else report
        time.sleep(0.005)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
