"""A line per step with the time it took, so that a wait is never silent. Plain text: it runs before anything is
installed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def say(text: str, end: str = "\n") -> None:
    """Write to the terminal; a terminal that has been closed must not keep the system from stopping."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{text}{end}")
        sys.stderr.flush()


@contextmanager
def step(text: str) -> Iterator[Callable[[], None]]:
    """Announce a step, and its time when it is done. Calling the result now and then keeps a terminal's clock going."""
    began = time.monotonic()
    shown = 0
    live = sys.stderr.isatty()

    def tick() -> None:
        nonlocal shown
        seconds = int(time.monotonic() - began)
        if live and seconds > shown:
            shown = seconds
            say(f"\r{text} ... {seconds} s", end="")

    say(f"{text} ...", end="")
    try:
        yield tick
    except BaseException:
        say(" stopped")
        raise
    start = f"\r{text} ..." if shown else ""
    say(f"{start} {time.monotonic() - began:.1f} s")
