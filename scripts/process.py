"""One child process: started on a leash, logged to a file, stopped with patience."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.account import Account
from scripts.errors import Stop

LEASH = Path(__file__).with_name("leash.py")


class Child:
    """A process of ours. It gets a session of its own, so that Ctrl-C in the terminal reaches only the parent.

    Start it from the main thread: the leash is tied to the thread that started it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str],
        directory: Path,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience: float = 10.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.env = dict(env)
        self.directory = directory
        self.account = account
        self.stop_signal = stop_signal
        self.patience = patience
        self.popen: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.popen is not None, f"{self.name} was not started"
        return self.popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return None if self.popen is None else self.popen.poll()

    def start(self) -> None:
        """Start it; its output goes to the end of its log."""
        account = self.account.leash if self.account else "own"
        leash = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(int(self.stop_signal)), account]
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                [*leash, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.env,
                cwd=self.directory,
                start_new_session=True,
            )

    def stop(self, hurried: Callable[[], bool] = lambda: False) -> bool:
        """Ask it to end and wait. False when time or somebody's patience ran out and it had to be killed."""
        if self.popen is None:
            return True
        deadline = time.monotonic() + self.patience
        if self.popen.poll() is None:
            self.popen.send_signal(self.stop_signal)
            while self.popen.poll() is None and time.monotonic() < deadline and not hurried():
                time.sleep(0.01)
        ended = self.popen.poll() is not None
        self.kill()
        return ended

    def kill(self) -> None:
        """End it at once, with the processes of its own that it may have left."""
        if self.popen is None:
            return
        with suppress(ProcessLookupError, PermissionError):  # macOS answers "not permitted" for an ended group
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def clear(self) -> None:
        """End what it may have left, so that it can be started again."""
        self.kill()
        self.popen = None

    def last_lines(self, count: int = 12) -> list[str]:
        """The end of its log, for the report of its death."""
        if not self.log.exists():
            return []
        with self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 16_384))
            return log.read().decode(errors="replace").splitlines()[-count:]


def wait_until(condition: Callable[[], bool], seconds: float, child: Child | None) -> None:
    """Poll until the condition holds; give up when the child dies or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if child is not None and child.exit_code is not None and not condition():
            raise Stop(f"{child.name} ended with exit code {child.exit_code} ({reason(child)}): see {child.log}.")
        if time.monotonic() > deadline:
            name = child.name if child else "an earlier server"
            raise Stop(f"{name} did not do its part within {seconds:.0f} s: see its log and start again.")
        time.sleep(0.01)


def reason(child: Child) -> str:
    """The last line of a log, to name the cause in one line."""
    return next((line.strip() for line in reversed(child.last_lines()) if line.strip()), "it said nothing")


def last_words(child: Child) -> str:
    """The end of its log, to follow the sentence that tells of its death."""
    return f"; the end of {child.log}:" + "".join(f"\n    {line}" for line in child.last_lines())


def runs(pid: int, argument: str) -> bool:
    """Whether a process with that number runs and mentions the argument, so that a number used anew is not mistaken."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    with suppress(FileNotFoundError, ProcessLookupError):
        return argument.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    return not Path("/proc/self").exists()


def children_of(pid: int) -> list[int]:
    """The processes that a process started, where the system tells."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
