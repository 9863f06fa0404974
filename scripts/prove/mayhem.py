"""What is done to the system while it works: processes killed, Redis emptied, a message paused, all at moments that the
seed chooses, spread over the whole of the work."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import msgspec

from scripts.prove.house import House

PAUSED = 2.0
COMES_BACK = (0.1, 1.0)
"""After how many seconds somebody starts a killed process again."""


class Blow(msgspec.Struct, frozen=True, order=True):
    """Something that is done when this share of the copies has reached the provider."""

    at: float
    what: str


class Mayhem:
    """Deals the blows, and starts again what was killed."""

    def __init__(
        self, house: House, seed: int, kills: int, flushes: int, pause: Callable[[], None], resume: Callable[[], None]
    ) -> None:
        self._house = house
        self._random = random.Random(seed)
        self._back: dict[str, float] = {}
        self._do = {"flush": self._flush, "pause": pause}
        self._resume = resume
        self._resume_at: float | None = None
        self.killed: dict[str, int] = {}
        self.flushed = 0
        self._blows = sorted(
            [Blow(self._random.uniform(0.01, 0.99), "kill") for _ in range(kills)]
            + [Blow(self._random.uniform(0.05, 0.95), "flush") for _ in range(flushes)]
            + [Blow(0.4, "pause")]
        )

    @property
    def is_over(self) -> bool:
        return not self._blows and not self._back and self._resume_at is None

    def go_on(self, share: float) -> None:
        """Deal what is due at this share of the work, one kill at a time; start again whose time has come."""
        for name in [name for name, at in self._back.items() if at <= time.monotonic()]:
            del self._back[name]
            self._house.start(name)
        for name in self._house.died():
            if name not in self._back:  # nobody killed it: it did not survive what happened to the others
                self.killed[f"{name} by itself"] = self.killed.get(f"{name} by itself", 0) + 1
                self._back[name] = time.monotonic() + 0.5
        if self._resume_at is not None and self._resume_at <= time.monotonic():
            self._resume_at = None
            self._resume()
        while self._blows and self._blows[0].at <= share:
            blow = self._blows.pop(0)
            if blow.what == "kill":
                self._kill()
                return
            self._do[blow.what]()
            if blow.what == "pause":
                self._resume_at = time.monotonic() + PAUSED

    def _flush(self) -> None:
        self._house.flush_redis()
        self.flushed += 1

    def _kill(self) -> None:
        """Half of the kills hit senders: they hold what can be lost."""
        alive = [name for name in self._house.processes if name not in self._back and name != "simulator"]
        senders = [name for name in alive if name.startswith("sender")]
        chosen = self._random.choice(senders if senders and self._random.random() < 0.5 else alive)
        self._house.kill(chosen)
        self.killed[chosen] = self.killed.get(chosen, 0) + 1
        self._back[chosen] = time.monotonic() + self._random.uniform(*COMES_BACK)
