"""Start a process again that died: after a wait that grows, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.errors import Stop
from scripts.process import Child, last_words
from scripts.progress import say

STEADY = 60.0
"""Seconds after which a process that came back counts as well again."""
QUESTION = 0.2
"""Seconds between two questions whether it is ready."""


class Revival:
    """Looks after one process that was ready once. `waits` are the seconds before each new start; when they are used
    up, or it does not get ready `within` so many seconds, the run ends."""

    def __init__(self, child: Child, is_ready: Callable[[], bool], waits: Sequence[float], within: float) -> None:
        self._child = child
        self._is_ready = is_ready
        self._waits = waits
        self._within = within
        self._deaths = 0
        self._died = 0.0
        self._start: float | None = None
        """When it is to be started."""
        self._ask: float | None = None
        """When to ask whether it is ready; None when it is."""

    def look(self) -> None:
        """Do what is due. Raises `Stop` when it is of no use."""
        now = time.monotonic()
        if self._start is not None:
            if now >= self._start:
                self._child.start()
                self._start, self._ask = None, now
        elif self._child.exit_code is not None:
            self._bury(now)
        elif self._ask is not None and now >= self._ask:
            self._await(now)
        elif self._ask is None and self._deaths and now - self._died > STEADY:
            self._deaths = 0

    def _bury(self, now: float) -> None:
        child = self._child
        if self._deaths == len(self._waits):
            often = f"{self._deaths + 1} times, the last time"
            raise Stop(f"{child.name} ended {often} with exit code {child.exit_code}{last_words(child)}")
        wait = self._waits[self._deaths]
        say(f"{child.name} ended with exit code {child.exit_code} and is started again in {wait:g} s: see {child.log}.")
        child.clear()
        Path(child.env["BITACORA_READY_FILE"]).unlink(missing_ok=True)
        self._deaths += 1
        self._died, self._start = now, now + wait

    def _await(self, now: float) -> None:
        if self._is_ready():
            self._ask = None
            say(f"{self._child.name} is back after {now - self._died:.1f} s.")
        elif now - self._died > self._within:
            raise Stop(f"{self._child.name} not ready {self._within:g} s after it ended: see {self._child.log}.")
        else:
            self._ask = now + QUESTION
