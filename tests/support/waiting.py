"""Waiting for what another process or thread does, and ports for it to listen on."""

from __future__ import annotations

import itertools
import os
import random
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

PATIENCE = 40.0
"""Seconds: nothing waits as long when all is well, and a machine that stands still for some of them is no fault."""
FIRST_PORT, STEP = 10_000, 20
"""Whoever is given a port may look for more just above it, as `scripts/up` does."""


def until(condition: Any, report: Any = "it did not come about", seconds: float = PATIENCE) -> None:
    """Poll for what another process or thread does; fail with a report when it does not come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, report() if callable(report) else report
        time.sleep(0.005)


def free_port() -> int:
    """A port that nobody listens on, nor is given by chance before somebody does."""
    return next(port for port in _PORTS if _is_free(port))


def is_open(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _in_turn() -> Iterator[int]:
    """Ports below those that the kernel gives to whoever calls somebody; for each worker of a run others, and from
    anywhere on, for another run may go on beside this one."""
    lowest_of_kernel = 32_768
    with suppress(OSError):
        lowest_of_kernel = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    each = (max(lowest_of_kernel, 2 * FIRST_PORT) - FIRST_PORT) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    first = FIRST_PORT + worker * each
    ports = range(first, first + each - STEP, STEP)
    begin = random.SystemRandom().randrange(len(ports))
    yield from itertools.cycle([*ports[begin:], *ports[:begin]])


_PORTS = _in_turn()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
