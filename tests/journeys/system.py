"""The whole system as `scripts/up` starts it, and the real clients of the frontends, for the journeys."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from eventstore import jobs
from eventstore.connect import connect
from eventstore.log import head
from projections import status
from scripts.process import children_of
from tests.support.http import PATIENCE, Answer, free_port, is_open, until
from tests.support.store import connected, some_settings
from workers import DUE

ROOT = Path(__file__).resolve().parents[2]
CLIENT = Path(__file__).with_name("client")
START = 90.0
HEARD = 45.0


class System:
    """`scripts/up` on a database and a Redis of its own, with its state in a directory of its own. Every process is the
    real one."""

    def __init__(self, directory: Path, database_url: str, redis_url: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.output = directory / "output"
        self.http = httpx2.Client(base_url=self.address, timeout=60, trust_env=False)
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BITACORA_")},
            "BITACORA_STATE": str(directory / "state"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            # A machine of tests may stand still for longer than a person would wait.
            "BITACORA_VIEW_WAIT_SECONDS": str(PATIENCE),
        }
        self._run: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when it shows its card and everything has come of the demo world that does."""
        command = [sys.executable, "-m", "scripts.supervisor", "--port", str(self.port)]
        with self.output.open("wb") as output:
            run = self._run = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        until(lambda: "is running" in self.told() or run.poll() is not None, self.told, START)
        assert run.poll() is None, self.told()
        until(self._is_at_rest, self.told)

    def _is_at_rest(self) -> bool:
        """Whether the log will say no more by itself. A dashboard that opens earlier is told, rightly, that a promotion
        begins which the demo world announced for three days ago."""
        url = self.env["DATABASE_URL"]
        with connect(url, "journey") as connection:
            now = head(connection)
            if jobs.position(connection) < now or jobs.queues(connection) or asyncio.run(owed(url)):
                return False
            return status.of(connection, ()).lag_events == 0 and head(connection) == now

    def stop(self) -> int:
        """Ask for its end, as Ctrl-C does; its exit code."""
        assert self._run is not None
        self._run.send_signal(signal.SIGTERM)
        return self._run.wait(START)

    def told(self) -> str:
        return self.output.read_text()

    def log(self, name: str) -> list[str]:
        """The lines that a process logged."""
        return (self.directory / "state" / "logs" / f"{name}.log").read_text().splitlines()

    def kill_api(self) -> None:
        """End the process that serves, without a chance to say goodbye. The one that started it starts another."""
        workers = [pid for pid in children_of(self._server()) if b"resource_tracker" not in command_of(pid)]
        assert workers, "no process serves"
        for pid in workers:
            os.kill(pid, signal.SIGKILL)

    def kill_server(self) -> None:
        """End what starts the processes that serve, as it ends by itself when they die too often."""
        os.kill(self._server(), signal.SIGKILL)

    def _server(self) -> int:
        assert self._run is not None
        return next(pid for pid in children_of(self._run.pid) if b"serve" in command_of(pid))

    def close(self) -> None:
        """Nothing stays behind: when the process that started the others is killed, the kernel ends them too."""
        self.http.close()
        if self._run is not None:
            self._run.kill()
            self._run.wait()
            until(lambda: not is_open(self.port), "the API outlived scripts/up")

    def call(self, method: str, path: str, token: str = "", body: Any = None) -> Answer:
        """Call the API as a frontend would."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = self.http.request(method, path, headers=headers, json=body)
        return Answer(answer.status_code, answer.headers, answer.content)

    def get(self, path: str, token: str) -> Any:
        """What a GET answers."""
        answer = self.call("GET", path, token)
        assert answer.status == 200, (path, answer)
        return answer.json

    def post(self, path: str, token: str = "", body: Any = None) -> Any:
        """What a POST that is accepted answers."""
        answer = self.call("POST", path, token, body)
        assert answer.status in (200, 201), (path, answer)
        return answer.json


class Browser:
    """A dashboard that is open: socket.io-client from npm in a node process, and everything that it hears."""

    def __init__(self, url: str, token: str) -> None:
        node = shutil.which("node")
        assert node is not None
        self._process = subprocess.Popen(
            [node, "client.mjs", url],
            cwd=CLIENT,
            env={**os.environ, "TOKEN": token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.url = url
        self._heard: deque[dict[str, Any]] = deque()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._heard.append(json.loads(line))

    def hear(self, event: str, seconds: float = HEARD) -> list[Any]:
        """The arguments of the next event, which must be this one."""
        deadline = time.monotonic() + seconds
        while not self._heard:
            assert time.monotonic() < deadline, f"{self.url} heard no {event} within {seconds} s"
            assert self._process.poll() is None, f"{self.url}: the client ended"
            time.sleep(0.005)
        found = self._heard.popleft()
        assert found["event"] == event, f"{self.url} heard {found} instead of {event}"
        return found["args"]

    def hear_all(self, *events: str) -> Mapping[str, Any]:
        """The first arguments of the next events, which must be these in whatever order."""
        found: dict[str, Any] = {}
        deadline = time.monotonic() + HEARD
        while len(found) < len(events):
            while not self._heard:
                assert time.monotonic() < deadline, f"{self.url} heard {list(found)} of {events}"
                time.sleep(0.005)
            heard = self._heard.popleft()
            assert heard["event"] in events, f"{self.url} heard {heard}"
            assert heard["event"] not in found, f"{self.url} heard it twice: {heard}"
            found[heard["event"]] = heard["args"][0]
        return found

    def hear_connect_again(self) -> None:
        """It loses its connection and finds back, after whatever failed attempts."""
        self.hear("disconnect")
        deadline = time.monotonic() + 2 * HEARD
        while (heard := self._next(deadline)) != "connect":
            assert heard == "connect_error", f"{self.url} heard {heard}"

    def _next(self, deadline: float) -> str:
        while not self._heard:
            assert time.monotonic() < deadline, f"{self.url} did not connect again"
            time.sleep(0.005)
        return self._heard.popleft()["event"]

    def is_silent(self, seconds: float = 0.3) -> bool:
        """Whether it hears nothing for a while."""
        time.sleep(seconds)
        return not self._heard

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(10)
        self._process.stdout.close()


def require_client() -> None:
    """Skip where nobody can run JavaScript; fail where the checks of every change run, or where npm is there and the
    packages are not."""
    installed = (CLIENT / "node_modules" / "socket.io-client").is_dir()
    if shutil.which("node") and installed:
        return
    if shutil.which("npm") and not installed:
        pytest.fail(f"the journeys' packages are not installed: run scripts/test, or `npm ci --prefix {CLIENT}`")
    if os.environ.get("CI") or os.environ.get("BITACORA_GROUPS"):
        pytest.fail("the journeys drive the API with socket.io-client: install node and npm on this machine")
    pytest.skip("no node on this machine")


async def owed(database_url: str) -> bool:
    """Whether the clock has something to do now."""
    async with connected(database_url) as connection:
        for kind in DUE:
            if await kind.due(connection, datetime.now(UTC), 1, some_settings(database_url)):
                return True
    return False


def command_of(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
