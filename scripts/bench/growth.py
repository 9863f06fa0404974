"""Row 6: what becomes slower as the log and the views grow: the same work among a hundred times as many rows, and the
loading of a stream that is a thousand times as long."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from msgspec.structs import replace

from domain import cart
from domain.model import Decider
from eventstore.connect import pool
from eventstore.execute import Store
from eventstore.log import Log
from eventstore.mapper import Mapper
from eventstore.sealing import Vault
from eventstore.writer import Writer
from scripts.bench import callers, filling, measure, web, world
from scripts.bench.crew import Crew
from scripts.bench.filling import goals
from scripts.bench.measure import Case, Plan, Round, Verdict, Work
from scripts.bench.stage import Stage
from scripts.bench.system import System

TITLE = "the same work among a hundred times as many rows; a stream a thousand times as long"
UNIT = "operations"
REFERENCE = measure.FIRST

MOST = 1.5
"""How much slower the largest may be than the smallest."""
APPENDING = (Case(1, label="append, 1 at once"), Case(32, label="append, 32 at once"))
ASKED = (*callers.COMMANDS, *callers.READINGS)
WITH, WITHOUT = "load a cart", "load a cart without snapshots"
LOADING = (Case(1, label=WITH, task=WITH), Case(1, label=WITHOUT, task=WITHOUT))
STREAMS = 16


def sizes(plan: Plan) -> Sequence[int]:
    """How many rows of each kind there are; the log is nearly four times as long."""
    return (2_000, 10_000) if plan.quick else (10_000, 100_000, 1_000_000)


def lengths(plan: Plan) -> Sequence[int]:
    """How many versions a stream has."""
    return (10, 1_000) if plan.quick else (10, 1_000, 10_000)


def asking() -> list[Case]:
    """What is asked over HTTP."""
    return [Case(count, label=web.label(one, count), task=one) for one in ASKED for count in (1, 16)]


def total(plan: Plan) -> int:
    of_sizes = len(sizes(plan)) * (len(APPENDING) + len(asking()))
    return 2 * len(sizes(plan)) + 1 + plan.rounds * (of_sizes + len(lengths(plan)) * len(LOADING))


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    yield from appending(stage, plan, tick)
    yield from loading(stage, plan, tick)
    with ExitStack() as opened:
        crews = []
        for nth, rows in enumerate(sizes(plan)):
            crews.append(opened.enter_context(system(stage, plan, rows, redis=2 + nth)))
            tick()
        web.warm(crews, plan, ASKED)
        stage.settle()
        yield from measure.interleave(plan, crews, asking(), tick)


def appending(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    """Appends to logs of so many events."""
    with ExitStack() as opened:
        crews = []
        for rows in sizes(plan):
            database = stage.database("log", migrated=True)
            filling.fill_log(database, rows, goals)  # type: ignore[arg-type]
            crew = Crew(
                f"{rows:,} events",
                "scripts.bench.append:Append",
                {"database": database},
                database=stage.database_processes,
            )
            crews.append(opened.enter_context(crew))
            tick()
        stage.settle()
        yield from measure.interleave(plan, crews, APPENDING, tick)


def loading(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    """Streams of so many versions, and up to ninety more, so that some have just been remembered and some long ago."""
    database = stage.database("streams", migrated=True)
    with ExitStack() as opened:
        crews = []
        for length in lengths(plan):
            names = [f"{length}_{nth}" for nth in range(STREAMS)]
            for nth, name in enumerate(names):
                filling.fill_cart(database, name, length + (nth * 6 if length > 10 else 0))
            crew = Crew(
                f"{length:,} versions",
                "scripts.bench.growth:Load",
                {"database": database, "shoppers": names},
                database=stage.database_processes,
            )
            crews.append(opened.enter_context(crew))
        tick()
        stage.settle()
        yield from measure.interleave(plan, crews, LOADING, tick)


@contextmanager
def system(stage: Stage, plan: Plan, rows: int, redis: int) -> Iterator[Crew]:
    """The whole system with so many rows, and its client."""
    if rows == web.rows(plan):
        database = stage.filled(f"{rows} rows", lambda empty: filling.fill(empty, rows))
    else:
        database = stage.database("rows", migrated=True)
        filling.fill(database, rows)
    with System(stage, database=database, redis=redis) as running:
        about = {"port": running.port, "secret": running.secret, "rows": rows}
        with Crew(
            f"{rows:,} rows",
            "scripts.bench.load:Load",
            about,
            database=stage.database_processes,
            server=running.pids,
        ) as crew:
            yield crew


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return [
        Verdict(
            what=f"growth, {case}, slowest of smallest",
            value=slowest(found, case),
            bar=None if case == WITHOUT else MOST,
            at_least=False,
        )
        for case in dict.fromkeys(one.case for one in found)
    ]


def slowest(found: Sequence[Round], case: str) -> float | None:
    """How many times as long the slowest takes as the smallest."""
    names = list(dict.fromkeys(one.contender for one in found if one.case == case))
    ratios = [measure.ratio(found, name, names[0], case) for name in names[1:]]
    return max((round(1 / one, 3) for one in ratios if one), default=None)


class Load:
    """Loads carts as a process does that has never seen them."""

    def __init__(self, database: str, shoppers: list[str]) -> None:
        self._pool = pool(database, "bench")
        self._writer = Writer(database)
        self._log = Log(Mapper(), Vault(world.MASTER_KEY))
        self._turns = itertools.cycle([cart.stream(callers.ORGANIZATION, shopper) for shopper in shoppers])
        self._count = len(shoppers)

    async def open(self) -> None:
        await self._pool.open()
        for _ in range(2 * self._count):  # the first time, snapshots are taken
            await self._load(cart.DECIDER)

    async def run(self, at_once: int, seconds: float, task: str) -> Work:
        decider = cart.DECIDER if task == WITH else replace(cart.DECIDER, snapshot_every=0)
        return await measure.in_tasks(at_once, seconds, lambda _: lambda: self._load(decider))

    async def _load(self, decider: Decider[cart.State]) -> None:
        await Store(self._pool, self._writer, self._log).state(decider, next(self._turns))

    async def close(self) -> None:
        await self._pool.close()
