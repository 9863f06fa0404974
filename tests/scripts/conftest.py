"""A `scripts/up` that a test starts, watches and ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from scripts.account import short_name
from tests.support.waiting import free_port

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 100
"""Seconds to wait: longer than the command itself waits, so that what it says is what is reported."""
STANDINS = "task:migrate background:projector family:worker serve:serve task:seed"


class Up:
    """One state directory and the runs on it, with stand-ins for the processes of the system."""

    def __init__(self, directory: Path) -> None:
        self.state = directory / "state"
        self.journal_file = directory / "journal"
        self.output_file = directory / "output"
        self.port = free_port()
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith("BITACORA_")},
            "BITACORA_STATE": str(self.state),
            "STANDIN_JOURNAL": str(self.journal_file),
            "STANDIN_PORT": str(self.port),
        }
        self.runs: list[subprocess.Popen[bytes]] = []

    def use_shared_servers(self) -> None:
        """Run on the servers of the test session, which saves the start of others."""
        self.env |= {"DATABASE_URL": os.environ["TEST_DATABASE_URL"], "REDIS_URL": os.environ["TEST_REDIS_URL"]}

    def start(self, *arguments: str, standins: str = STANDINS) -> subprocess.Popen[bytes]:
        """Start the command and return at once."""
        command = [sys.executable, "-m", "tests.scripts.up_with_standins", "--port", str(self.port), *arguments]
        with self.output_file.open("wb") as output:
            run = subprocess.Popen(
                command, cwd=ROOT, env={**self.env, "STANDINS": standins}, stdout=output, stderr=output
            )
        self.runs.append(run)
        return run

    def start_and_wait(self, *arguments: str, standins: str = STANDINS) -> subprocess.Popen[bytes]:
        """Start the command and return when it shows its card."""
        run = self.start(*arguments, standins=standins)
        until(lambda: "is running" in self.output() or run.poll() is not None, self.output)
        assert "is running" in self.output(), self.output()
        return run

    def finish(self, *arguments: str, standins: str = STANDINS) -> tuple[int, str]:
        """Run the command to its end: exit code and output."""
        return self.start(*arguments, standins=standins).wait(LONGEST), self.output()

    def end(self, run: subprocess.Popen[bytes], number: signal.Signals) -> int:
        """Send a signal and wait for the end."""
        run.send_signal(number)
        return run.wait(LONGEST)

    def output(self) -> str:
        return self.output_file.read_text()

    def journal(self) -> list[str]:
        return self.journal_file.read_text().splitlines()

    def ours(self) -> list[int]:
        """Every running process that carries this state directory in its environment or its arguments."""
        marks = (f"BITACORA_STATE={self.state}".encode(), str(self.state).encode())
        found: list[int] = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                text = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            except OSError:
                continue
            if any(mark in text for mark in marks):
                found.append(int(process.name))
        return found

    def ended_well(self) -> bool:
        """Whether the end of the command became, or becomes soon, the end of all its children."""
        try:
            until(lambda: not self.ours(), lambda: "something still runs", seconds=5)
        except AssertionError:
            return False
        return True

    def clean(self) -> None:
        """End what a failed test left, and remove the data that root keeps elsewhere."""
        for run in self.runs:
            run.kill()
            run.wait()
        for pid in self.ours() if not self.ended_well() else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for note in self.state.glob("servers"):
            home = Path(note.read_text().strip())
            if home != self.state:
                shutil.rmtree(home)
        shutil.rmtree(Path("/tmp") / f"bitacora-{short_name(self.state)}", ignore_errors=True)


def until(condition: Callable[[], bool], report: Callable[[], object], seconds: float = LONGEST) -> None:
    """Poll for a condition; fail with a report when it does not come about."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, report()
        time.sleep(0.01)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short-lived directory that any account can reach, as the servers of root must."""
    path = Path(tempfile.mkdtemp(prefix="bitacora-up-", dir="/tmp"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def up(directory: Path) -> Iterator[Up]:
    """`scripts/up` with servers of its own."""
    command = Up(directory)
    yield command
    command.clean()


@pytest.fixture
def light_up(up: Up) -> Up:
    """`scripts/up` on the servers of the test session."""
    up.use_shared_servers()
    return up
