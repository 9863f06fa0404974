"""The client processes of a contender: started once, then told what to do by one line of JSON, answering with one.

A process of its own for each contender keeps their interpreters, connections and CPU apart, and makes "two processes"
mean two processes.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any, Protocol

import msgspec

from scripts.bench import usage
from scripts.bench.measure import Case, Side, Work
from scripts.errors import Stop
from scripts.state import ROOT

HEAD_START = 0.02


class Member(Protocol):
    """What a client process runs. Made with the keyword arguments that the crew was made with."""

    async def open(self) -> None: ...

    run: Callable[..., Any]
    """`run(at_once, seconds)`, with `rate=` and `task=` where a case has them: a `Work`, or an awaitable of one."""

    async def close(self) -> None: ...


class Order(msgspec.Struct):
    """One piece of work; it begins at `begin`, in every process at the same moment."""

    at_once: int
    seconds: float
    begin: float
    rate: float = 0
    task: str = ""


class Crew:
    """A contender whose work is done in client processes."""

    def __init__(
        self,
        name: str,
        member: str,
        arguments: Mapping[str, Any],
        *,
        database: Iterable[int] = (),
        server: Callable[[], Iterable[int]] = lambda: (),
        processes: int = 1,
        of: Case | None = None,
        command: Sequence[str] = (),
    ) -> None:
        """`member` is `module:class`, or else there is a `command` that takes the arguments as JSON; `database` and
        `server` are the processes whose CPU is counted as theirs. `of` is the only case to take part in, where that is
        not all of them."""
        self.name = name
        self._command = list(command) or [sys.executable, "-m", "scripts.bench.crew", member]
        self._of = of
        self._database = list(database)
        self._server = server
        self._arguments = arguments
        self._count = processes
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Crew:
        try:
            for _ in range(self._count):  # one after the other: the first may have to make its tables
                process = self._start()
                self._processes.append(process)
                self._answer(process)  # open by now
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            assert process.stdin is not None
            with suppress(BrokenPipeError):
                process.stdin.close()
        for process in self._processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def takes(self, case: Case) -> bool:
        return self._of is None or case == self._of

    def work(self, case: Case, seconds: float) -> Work:
        """Let as many processes as the case wants share its load."""
        chosen = self._processes[: case.processes]
        begin = time.time() + HEAD_START
        for nth, process in enumerate(chosen):
            share = len(range(nth, case.at_once, case.processes))
            self._tell(process, Order(share, seconds, begin, case.rate / case.processes, case.task))
        works = [msgspec.json.decode(self._answer(process), type=Work) for process in chosen]
        return Work(
            sum(work.operations for work in works),
            max(work.seconds for work in works),
            [latency for work in works for latency in work.latencies],
        )

    def spent(self) -> Side:
        return Side(
            usage.cpu(process.pid for process in self._processes),
            usage.cpu(self._server()),
            usage.cpu(self._database),
        )

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*self._command, msgspec.json.encode(self._arguments).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},
        )

    def _tell(self, process: subprocess.Popen[bytes], order: Order) -> None:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(order) + b"\n")
        process.stdin.flush()

    def _answer(self, process: subprocess.Popen[bytes]) -> bytes:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Stop(f"{self.name} gave up: its reason is above.")
        return line


async def _serve(member: Member) -> None:
    loop = asyncio.get_running_loop()
    out = sys.stdout.buffer
    await member.open()
    _say(out, b"{}")
    while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
        order = msgspec.json.decode(line, type=Order)
        await asyncio.sleep(max(0.0, order.begin - time.time()))
        more = {name: value for name in ("rate", "task") if (value := getattr(order, name))}
        work = member.run(order.at_once, order.seconds, **more)
        _say(out, msgspec.json.encode(await work if inspect.isawaitable(work) else work))
    await member.close()


async def _alone(member: Member) -> None:
    """Ends the process at once when it fails: tasks that cannot be cancelled would keep it, and who waits for it."""
    try:
        await _serve(member)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


def _say(out: Any, text: bytes) -> None:
    out.write(text + b"\n")
    out.flush()


def main() -> None:
    """A client process: `python -m scripts.bench.crew module:class {"keyword": "argument"}`."""
    import uvloop

    module, _, kind = sys.argv[1].partition(":")
    member: Member = getattr(import_module(module), kind)(**msgspec.json.decode(sys.argv[2]))
    uvloop.run(_alone(member))


if __name__ == "__main__":
    main()
