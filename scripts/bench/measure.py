"""What one measurement is, and how rounds of several contenders are interleaved and summed up."""

from __future__ import annotations

import asyncio
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how often: every contender runs every case once per round, in turn."""

    rounds: int = 5
    seconds: float = 0.3
    quick: bool = False

    def of(self, usual: int, quick: int) -> int:
        """A size that depends on whether it has to be quick."""
        return quick if self.quick else usual


class Case(msgspec.Struct, frozen=True):
    """One way to load a contender."""

    at_once: int
    processes: int = 1
    label: str = ""
    rate: float = 0
    """Operations per second, where a contender is not asked for as many as it can."""
    task: str = ""
    """What to do, where a contender knows several things."""

    @property
    def name(self) -> str:
        processes = f", {self.processes} processes" if self.processes > 1 else ""
        return self.label or f"{self.at_once} at once{processes}"


class Work(msgspec.Struct):
    """What a contender did in one go. `latencies` in seconds, empty where single operations cannot be told apart."""

    operations: int
    seconds: float
    latencies: list[float] = []


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One contender's figures in one round of one case. Times in milliseconds, CPU in microseconds per operation."""

    contender: str
    case: str
    number: int
    operations: int
    seconds: float
    rate: float
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    client_cpu: float = 0.0
    server_cpu: float = 0.0
    database_cpu: float = 0.0
    latencies: list[float] = []
    """In order; where there were more than `KEPT`, every so many-th of them and the last."""


KEPT = 500


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A bar and what was reached; `met` is None where the run was too small to tell, or where there is no bar and the
    figure is merely of interest."""

    what: str
    value: float | None
    bar: float | None
    at_least: bool = True
    unit: str = "x"

    @property
    def met(self) -> bool | None:
        if self.value is None or self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value <= self.bar


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """Something read off a contender that is no rate: how much memory it held, how long it took to start."""

    contender: str
    case: str
    number: int
    value: float
    unit: str


class Side(msgspec.Struct):
    """CPU seconds spent so far by the three parties."""

    client: float
    server: float
    database: float


class Contender(Protocol):
    """Somebody who takes part: asked to work on a case, and to say what was spent so far."""

    name: str

    def takes(self, case: Case) -> bool:
        """Whether the case says anything about this contender."""
        ...

    def work(self, case: Case, seconds: float) -> Work: ...

    def spent(self) -> Side: ...


Tick = Callable[[], None]
FIRST = "first"
"""Of each case, as the contender that the others are compared with."""


def interleave(
    plan: Plan, contenders: Sequence[Contender], cases: Sequence[Case], tick: Tick = lambda: None
) -> Iterator[Round]:
    """A B C A B C ...: in every round each case is run by each contender in turn."""
    for number in range(1, plan.rounds + 1):
        for case in cases:
            for contender in contenders:
                if contender.takes(case):
                    yield one_round(contender, case, number, plan.seconds)
                    tick()


def count(plan: Plan, contenders: Sequence[Contender], cases: Sequence[Case]) -> int:
    """How many measurements `interleave` makes."""
    return plan.rounds * sum(contender.takes(case) for case in cases for contender in contenders)


def one_round(contender: Contender, case: Case, number: int, seconds: float) -> Round:
    """One measurement with the CPU that it took."""
    before = contender.spent()
    work = contender.work(case, seconds)
    after = contender.spent()
    operations = max(1, work.operations)

    def cpu(party: str) -> float:
        return round((getattr(after, party) - getattr(before, party)) / operations * 1e6, 2)

    latencies = sorted(work.latencies)
    return Round(
        contender=contender.name,
        case=case.name,
        number=number,
        operations=work.operations,
        seconds=round(work.seconds, 4),
        rate=round(work.operations / work.seconds, 2) if work.seconds else 0.0,
        p50=percentile(latencies, 50),
        p95=percentile(latencies, 95),
        p99=percentile(latencies, 99),
        client_cpu=cpu("client"),
        server_cpu=cpu("server"),
        database_cpu=cpu("database"),
        latencies=kept(latencies),
    )


def kept(ordered: Sequence[float]) -> list[float]:
    """In milliseconds, of ordered seconds: all of them, or so many that their distribution can be drawn."""
    step = max(1, -(-len(ordered) // KEPT))
    last = ordered[-1:] if (len(ordered) - 1) % step else []
    return [round(one * 1000, 3) for one in (*ordered[::step], *last)]


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """In milliseconds, of ordered seconds."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1000, 3)


def median(rounds: Iterable[Round], contender: str, case: str, figure: str = "rate") -> float | None:
    """The median over the rounds of a contender's figure; None when it has none."""
    found = [
        value
        for one in rounds
        if one.contender == contender and one.case == case and (value := getattr(one, figure)) is not None
    ]
    return statistics.median(found) if found else None


def ratio(rounds: Sequence[Round], contender: str, other: str, case: str, other_case: str = "") -> float | None:
    """How many times as fast: the median of the ratios of each round, so that a machine that slows down in between
    slows down both."""
    theirs = {one.number: one.rate for one in rounds if one.contender == other and one.case == (other_case or case)}
    ratios = [
        one.rate / theirs[one.number]
        for one in rounds
        if one.contender == contender and one.case == case and theirs.get(one.number)
    ]
    return round(statistics.median(ratios), 3) if ratios else None


Operation = Callable[[], Awaitable[object]]


async def in_tasks(writers: int, seconds: float, operation: Callable[[int], Operation]) -> Work:
    """So many tasks, each doing one operation after the other until the time is over and there is one to tell of."""
    latencies: list[float] = []
    clock = time.perf_counter
    began = clock()
    end = began + seconds

    async def one(operate: Operation) -> None:
        now = clock()
        while now < end or not latencies:
            await operate()
            done = clock()
            latencies.append(done - now)
            now = done

    await asyncio.gather(*[one(operation(number)) for number in range(writers)])
    return Work(len(latencies), clock() - began, latencies)


def in_threads(writers: int, seconds: float, operation: Callable[[int], Callable[[], object]]) -> Work:
    """As `in_tasks`, for those who wait in threads."""
    latencies: list[list[float]] = [[] for _ in range(writers)]
    failures: list[BaseException] = []
    clock = time.perf_counter
    began = clock()
    end = began + seconds

    def one(mine: list[float], operate: Callable[[], object]) -> None:
        try:
            now = clock()
            while now < end or not mine:
                operate()
                done = clock()
                mine.append(done - now)
                now = done
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(latencies[n], operation(n)), daemon=True) for n in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    every = [latency for mine in latencies for latency in mine]
    return Work(len(every), clock() - began, every)
