"""Row 2b: load, decide, append, without HTTP: a partner sets a goal and changes it nine times."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from uuid import uuid4

from domain import goal
from domain.values import Month
from eventstore.connect import pool
from eventstore.execute import Request, Store
from eventstore.log import Log
from eventstore.mapper import Mapper, Meta
from eventstore.sealing import Vault
from eventstore.writer import Writer
from scripts.bench import measure
from scripts.bench.crew import Crew
from scripts.bench.measure import Case, Plan, Round, Verdict, Work
from scripts.bench.peers.library import REVISIONS
from scripts.bench.stage import Stage

TITLE = "load, decide, append, without HTTP"
UNIT = "commands"

OURS, DEFAULT, FUNCTION = "bitacora", "library", "library, functions"
REFERENCE = FUNCTION
BARS = ((1, 1.5), (8, 3.0), (32, 7.0))


def cases(plan: Plan) -> list[Case]:
    alone = [Case(commands) for commands in ((1, 8, 32) if plan.quick else (1, 8, 32, 128))]
    return alone if plan.quick else [*alone, *(Case(commands, 2) for commands in (8, 32, 128))]


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    with ExitStack() as open_crews:
        yield from measure.interleave(plan, [open_crews.enter_context(one) for one in crews(stage)], cases(plan), tick)


def total(plan: Plan) -> int:
    return plan.rounds * 3 * len(cases(plan))


def crews(stage: Stage) -> list[Crew]:
    """The contenders, each with a database of its own."""
    database = stage.database_processes
    library = "scripts.bench.peers.library:Execute"
    stock = {"database": stage.database("library"), "functions": False}
    functions = {"database": stage.database("functions"), "functions": True}
    ours = {"database": stage.database("bitacora", migrated=True)}
    return [
        Crew(DEFAULT, library, stock, database=database, processes=2),
        Crew(FUNCTION, library, functions, database=database, processes=2),
        Crew(OURS, "scripts.bench.execute:Execute", ours, database=database, processes=2),
    ]


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return [
        Verdict(
            what=f"execute, {commands} at once, of {FUNCTION}",
            value=measure.ratio(found, OURS, FUNCTION, Case(commands).name),
            bar=bar,
        )
        for commands, bar in BARS
    ]


class Execute:
    """This product's command handler."""

    def __init__(self, database: str) -> None:
        self._pool = pool(database, "bench")
        self._writer = Writer(database)
        self._store = Store(self._pool, self._writer, Log(Mapper(), Vault("00" * 32)))

    async def open(self) -> None:
        await self._pool.open()
        await self._writer.__aenter__()

    async def run(self, at_once: int, seconds: float) -> Work:
        return await measure.in_tasks(at_once, seconds, lambda _: aiter(self._commands()).__anext__)

    async def _commands(self) -> AsyncIterator[None]:
        month = Month(2026, 1)
        now = datetime.now(UTC)
        while True:
            identity = uuid4().hex[:20]
            partner = f"usr_{identity}"
            stream = goal.stream("acme", partner, month)
            for revision in range(REVISIONS):
                asked = goal.SetGoal(
                    goal=f"goal_{identity}",
                    partner=partner,
                    month=month,
                    amount=1_000_00 + revision,
                    current_month=month,
                    now=now,
                )
                meta = Meta(organization="acme", by=partner, frontend="pazz", request=f"req_{identity}")
                await self._store.execute(goal.DECIDER, stream, asked, Request(meta=meta))
                yield

    async def close(self) -> None:
        await self._writer.__aexit__(None, None, None)
        await self._pool.close()
