"""A whole system of its own on data that is thrown away: servers, processes, the WhatsApp simulator. Any of the
processes can be killed and comes back."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis

from scripts import checks
from scripts.errors import Stop
from scripts.plan import bitacora
from scripts.postgres import DURABLE
from scripts.process import Child, reason
from scripts.servers import Servers
from scripts.state import ROOT

READY_WITHIN = 60.0


class House:
    """Running servers, and the processes that were started here. To be used from the main thread."""

    def __init__(self, directory: Path, servers: Servers, more: Mapping[str, str]) -> None:
        self.directory = directory
        self.servers = servers
        self.port = checks.free_port("127.0.0.1", 21_000 + os.getpid() % 11_000)
        self.simulator_port = checks.free_port("127.0.0.1", self.port + 1)
        self.book = directory / "whatsapp.db"
        self.processes: dict[str, Child] = {}
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BITACORA_")},
            "DATABASE_URL": servers.postgres.ensure_database(),
            "REDIS_URL": servers.valkey.url(),
            "BITACORA_SECRET": secrets.token_urlsafe(48),
            "BITACORA_MASTER_KEY": secrets.token_hex(32),
            "BITACORA_PORT": str(self.port),
            "BITACORA_WHATSAPP_URL": f"http://127.0.0.1:{self.simulator_port}",
            "BITACORA_WHATSAPP_KEY": secrets.token_hex(16),
            "BITACORA_WHATSAPP_WEBHOOK_SECRET": secrets.token_hex(16),
            "BITACORA_STATE": str(directory),
            "PYTHONUNBUFFERED": "1",
            **more,
        }

    @property
    def database_url(self) -> str:
        return self.env["DATABASE_URL"]

    def finish(self, name: str, command: tuple[str, ...]) -> None:
        """Run a command that ends by itself."""
        child = self._child(name, command)
        child.start()
        while child.exit_code is None:
            time.sleep(0.02)
        if child.exit_code:
            raise Stop(f"{name} failed ({reason(child)}): see {child.log}.")

    def add(self, name: str, command: tuple[str, ...]) -> None:
        """Start a process and wait until it is ready."""
        child = self.processes[name] = self._child(name, command)
        child.start()
        ready = self._ready(name)
        deadline = time.monotonic() + READY_WITHIN
        while not (ready() if callable(ready) else ready.exists()):
            if child.exit_code is not None or time.monotonic() > deadline:
                raise Stop(f"{name} does not start ({reason(child)}): see {child.log}.")
            time.sleep(0.02)

    def kill(self, name: str) -> None:
        """End a process as the kernel would when memory runs out, with the processes of its own."""
        self.processes[name].kill()

    def start(self, name: str) -> None:
        """Let a process that was killed come back."""
        self.processes[name].start()

    def died(self) -> list[str]:
        """The processes that are not running."""
        return [name for name, child in self.processes.items() if child.exit_code is not None]

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self.servers.valkey.url()) as client:
            client.flushall()

    def stop(self) -> None:
        for child in reversed(self.processes.values()):
            child.stop()

    def _ready(self, name: str) -> Callable[[], bool] | Path:
        if name == "serve":
            return lambda: checks.answers("127.0.0.1", self.port, "/health/ready")
        return self.directory / f"{name}.ready"

    def _child(self, name: str, command: tuple[str, ...]) -> Child:
        env = {**self.env, "BITACORA_READY_FILE": str(self.directory / f"{name}.ready")}
        return Child(name, command, log=self.directory / f"{name}.log", env=env, directory=ROOT, patience=15)


@contextmanager
def opened(more: Mapping[str, str], keep: bool = False) -> Iterator[House]:
    """A house, gone afterwards with everything in it; with `keep` its directory stays."""
    directory = Path(tempfile.mkdtemp(prefix="bitacora-prove-", dir="/tmp"))
    directory.chmod(0o711)
    servers = Servers(directory, lambda name: directory / f"{name}.log", settings=DURABLE)
    house = None
    try:
        servers.postgres.start()
        servers.valkey.start()
        house = House(directory, servers, more)
        yield house
    finally:
        if house:
            house.stop()
        servers.stop()
        if not keep:
            shutil.rmtree(directory, ignore_errors=True)


def command(name: str) -> tuple[str, ...]:
    """A process of the product."""
    return bitacora(name)


def broken(fault: str) -> tuple[str, ...]:
    """A sender with a fault planted in it."""
    return (sys.executable, "-m", "scripts.prove.broken", fault)
