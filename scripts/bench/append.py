"""Row 1: append one event of 250 bytes per command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from uuid import uuid4

from eventstore.commit import Commit, Part, Record
from eventstore.writer import Writer
from scripts.bench import measure
from scripts.bench.crew import Crew
from scripts.bench.measure import Case, Operation, Plan, Round, Verdict, Work
from scripts.bench.peers import emmett, plain
from scripts.bench.stage import Stage

TITLE = "append one 250-byte event per command"
UNIT = "events"

OURS, DEFAULT, FUNCTION, PLAIN, COPY = "bitacora", "library", "library, functions", "plain insert", "copy (limit)"
EMMETT = "Emmett (node)"
REFERENCE = PLAIN

DATA = (
    '{"goal":"goal_0123456789abcdef0123","partner":"usr_0123456789abcdef0123","month":"2026-01","amount":2500000,'
    '"at":"2026-01-15T10:30:00.000000Z","note":"' + "x" * 93 + '"}'
)
META = '{"organization":"acme","by":"usr_socia","frontend":"pazz","request":"req_0123456789abcdef0123"}'
PLAIN_CONNECTIONS = 64
"""What served the plain inserts best on two cores, of 8, 16, 32 and 64."""

EMMETT_CONNECTIONS = 32
"""What served Emmett best on two cores, of 8, 16, 32 and 64."""

BARS = (
    (1, PLAIN, 0.8),
    (8, PLAIN, 1.5),
    (8, FUNCTION, 5.0),
    (32, PLAIN, 2.5),
    (32, FUNCTION, 10.0),
    (8, DEFAULT, None),
    (32, DEFAULT, None),
    (8, EMMETT, None),
    (32, EMMETT, None),
)
"""At once, compared with whom, at least how many times as fast; None is reported only."""


def cases(plan: Plan) -> list[Case]:
    alone = [Case(writers) for writers in ((1, 8, 32) if plan.quick else (1, 8, 32, 128))]
    return alone if plan.quick else [*alone, *(Case(writers, 2) for writers in (8, 32, 128))]


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    with ExitStack() as open_crews:
        yield from measure.interleave(plan, [open_crews.enter_context(one) for one in crews(stage)], cases(plan), tick)


def total(plan: Plan) -> int:
    return plan.rounds * (5 * len(cases(plan)) + 1)


def crews(stage: Stage) -> list[Crew]:
    """The contenders, each with a database of its own."""
    flat = stage.database("plain")
    plain.create(flat)
    flat_copy = stage.database("copy")
    plain.create(flat_copy)
    database = stage.database_processes
    library = "scripts.bench.peers.library:Append"
    stock = {"database": stage.database("library"), "functions": False, "state": DATA}
    functions = {"database": stage.database("functions"), "functions": True, "state": DATA}
    inserts = {"database": flat, "data": DATA, "meta": META, "connections": PLAIN_CONNECTIONS}
    copies = {"database": flat_copy, "data": DATA, "meta": META}
    ours = {"database": stage.database("bitacora", migrated=True)}
    found = [
        Crew(DEFAULT, library, stock, database=database, processes=2),
        Crew(FUNCTION, library, functions, database=database, processes=2),
        Crew(PLAIN, "scripts.bench.peers.plain:Insert", inserts, database=database, processes=2),
        Crew(OURS, "scripts.bench.append:Append", ours, database=database, processes=2),
        Crew(COPY, "scripts.bench.peers.plain:Copy", copies, database=database, of=Case(1)),
    ]
    try:
        command = emmett.command()
    except emmett.Unavailable as reason:
        stage.notes.append(f"{EMMETT} was left out: {reason}")
        return found
    stage.versions |= emmett.versions()
    theirs = {"database": stage.database("emmett"), "data": DATA, "meta": META, "connections": EMMETT_CONNECTIONS}
    return [*found, Crew(EMMETT, "", theirs, database=database, processes=2, command=command)]


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return [
        Verdict(
            what=f"append, {writers} at once, of {other}",
            value=measure.ratio(found, OURS, other, Case(writers).name),
            bar=bar,
        )
        for writers, other, bar in BARS
        if bar is not None or any(one.contender == other for one in found)
    ]


class Append:
    """This product's writer."""

    def __init__(self, database: str) -> None:
        self._writer = Writer(database)

    async def open(self) -> None:
        await self._writer.__aenter__()

    async def run(self, at_once: int, seconds: float) -> Work:
        return await measure.in_tasks(at_once, seconds, self._operation)

    def _operation(self, _: int) -> Operation:
        record, meta, writer = Record("GoalRevised", DATA.encode()), META.encode(), self._writer

        async def append() -> None:
            await writer.append(Commit([Part(uuid4().hex, 0, [record])], meta))

        return append

    async def close(self) -> None:
        await self._writer.__aexit__(None, None, None)
