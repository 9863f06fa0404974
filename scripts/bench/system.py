"""The whole system, as `scripts/up` runs it: every process of the plan, on a database of its own."""

from __future__ import annotations

import itertools
import os
import secrets
import time
from collections.abc import Sequence

from redis import Redis

from scripts import checks
from scripts.bench.stage import Stage
from scripts.errors import Stop
from scripts.plan import PLAN, Process
from scripts.process import Child, reason, wait_until
from scripts.state import ROOT

HOST = "127.0.0.1"
_firsts = itertools.count(21_000 + os.getpid() % 10_000, 20)
READY_WITHIN = 90


class System:
    """Use as a context manager; it runs inside the block."""

    def __init__(
        self,
        stage: Stage,
        *,
        database: str | None = None,
        redis: int = 0,
        processes: Sequence[Process] = PLAN.processes,
    ) -> None:
        """`redis` is one of Valkey's numbered databases; systems that run at the same time need one each."""
        self.secret = secrets.token_urlsafe(48)
        self.port = free_port()
        self.database = database or stage.database("system")
        self._directory = stage.directory
        self._processes = processes
        self._children: dict[str, Child] = {}
        self._redis = stage.servers.valkey.url(redis)
        self.ready_after: dict[str, float] = {}
        """Seconds from the start of all processes until each was ready."""
        self.started_in = 0.0
        """Seconds until all of them were, with what has to happen before."""
        self._env = {
            **os.environ,
            "BITACORA_SECRET": self.secret,
            "BITACORA_MASTER_KEY": "5b" * 32,
            "DATABASE_URL": self.database,
            "REDIS_URL": self._redis,
            "BITACORA_PORT": str(self.port),
            "BITACORA_HOST": HOST,
            "BITACORA_WHATSAPP_URL": f"http://{HOST}:{free_port()}",
            "BITACORA_STATE": str(self._directory / f"{self.port}-state"),
            "BITACORA_LOG_LEVEL": "warning",
            "PYTHONUNBUFFERED": "1",
        }

    def __enter__(self) -> System:
        with Redis.from_url(self._redis) as redis:
            redis.flushdb()  # what was counted before
        began_all = time.monotonic()
        try:
            for task in PLAN.before:
                child = self._start(task)
                wait_until(lambda child=child: child.exit_code is not None, READY_WITHIN, None)
                if child.exit_code:
                    raise Stop(f"{task.name} failed ({reason(child)}).")
            began = time.monotonic()
            for process in self._processes:
                self._children[process.name] = self._start(process)
            for child in self._children.values():
                wait_until(lambda child=child: self._is_ready(child.name, began), READY_WITHIN, child)
            self.started_in = time.monotonic() - began_all
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self._children.values()):
            child.stop()

    def pids(self, *names: str) -> list[int]:
        """The processes with these names, all when none is given."""
        return [child.pid for name, child in self._children.items() if not names or name in names]

    def _start(self, process: Process) -> Child:
        ready = self._directory / f"{self.port}-{process.name}.ready"
        child = Child(
            process.name,
            process.command,
            log=self._directory / f"{self.port}-{process.name}.log",
            env={**self._env, "BITACORA_READY_FILE": str(ready)},
            directory=ROOT,
            patience=process.patience,
        )
        child.start()
        return child

    def _is_ready(self, name: str, began: float) -> bool:
        """Whether that one is; all of them are looked at, so that each is seen when it becomes ready."""
        for process in self._processes:
            if process.name not in self.ready_after and self._answers(process):
                self.ready_after[process.name] = time.monotonic() - began
        return name in self.ready_after

    def _answers(self, process: Process) -> bool:
        if process.answers:
            return checks.answers(HOST, self.port, process.answers)
        return (self._directory / f"{self.port}-{process.name}.ready").exists()


def free_port() -> int:
    """A port that nobody listens on, below those that the kernel gives to callers: a benchmark has thousands of them,
    and one could be given it before anybody listens."""
    return checks.free_port(HOST, next(_firsts))
