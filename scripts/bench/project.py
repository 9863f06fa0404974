"""Row 2: catch up a million events, into one view and into all of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import projections
from eventstore.connect import Connection, connect
from eventstore.log import Log
from eventstore.mapper import Mapper, Recorded
from eventstore.sealing import Vault
from projections import goals, rebuild
from projections.projector import Projector
from projections.view import View
from scripts.bench import measure, world
from scripts.bench.crew import Crew
from scripts.bench.measure import Case, Plan, Round, Verdict, Work
from scripts.bench.stage import Stage

TITLE = "catch up events into views (commissions counted, into one view; everything there is, into every view)"
UNIT = "events"

ONE, EVERY, RUNNER, SET_BASED = (
    "bitacora, one view",
    "bitacora, every view",
    "library's runner",
    "one statement (limit)",
)
REFERENCE = RUNNER
CASE = "catch up"


def sizes(plan: Plan) -> tuple[int, int]:
    """How many events a round takes: of the log, and of the library's, which would take a quarter of an hour for it."""
    return plan.of(1_000_000, 40_000) // plan.rounds, plan.of(2_500, 500)


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round]:
    slices, library_slices = sizes(plan)
    one, every = stage.database("one_view", migrated=True), stage.database("every_view", migrated=True)
    with connect(one, "bench") as connection:
        rebuild.build(connection, _log(), goals)  # type: ignore[arg-type]
    rebuild.build_unbuilt(every, _log(), projections.VIEWS)
    world.fill(one, world.earnings(slices * plan.rounds))
    tick()
    world.fill(every, world.business(slices * plan.rounds))
    tick()
    stage.settle()
    database = stage.database_processes
    ours, limit = "scripts.bench.project:CatchUp", "scripts.bench.peers.set_based:Statement"
    library = "scripts.bench.peers.runner:Run"
    big, small = Case(slices, label=CASE), Case(library_slices, label=CASE)
    with ExitStack() as crews:
        contenders = [
            Crew(RUNNER, library, {"database": stage.database("runner")}, database=database, of=small),
            Crew(ONE, ours, {"database": one, "only": "goals"}, database=database, of=big),
            Crew(EVERY, ours, {"database": every}, database=database, of=big),
            Crew(SET_BASED, limit, {"database": one}, database=database, of=big),
        ]
        for crew in contenders:
            crews.enter_context(crew)
        yield from measure.interleave(plan, contenders, [small, big], tick)


def total(plan: Plan) -> int:
    return 2 + plan.rounds * 4


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return [
        Verdict(what="project, one view, of the library's runner", value=_ratio(found, ONE, RUNNER), bar=30.0),
        Verdict(what="project, every view, of the library's runner", value=_ratio(found, EVERY, RUNNER), bar=10.0),
        Verdict(what="project, one view, of one SQL statement", value=_ratio(found, ONE, SET_BASED), bar=0.35),
    ]


def _ratio(found: Sequence[Round], contender: str, other: str) -> float | None:
    return measure.ratio(found, contender, other, CASE)


def _log() -> Log:
    return Log(Mapper(), Vault(world.MASTER_KEY))


class Slice(Log):
    """A log that ends earlier, for the time being."""

    end = 0

    def followed_now(self, connection: Connection, after: int, upto: int) -> list[Recorded]:
        return super().followed_now(connection, after, min(upto, self.end)) if after < self.end else []


class CatchUp:
    """This product's projector, over so many events more each time."""

    def __init__(self, database: str, only: str = "") -> None:
        self._connection = connect(database, "bench")
        self._log = Slice(Mapper(), Vault(world.MASTER_KEY))
        kept: Sequence[View] = [goals] if only else projections.VIEWS  # type: ignore[list-item]
        self._other = connect(database, "bench")
        self._projector = Projector(self._connection, self._log, kept, self._other)

    async def open(self) -> None:
        pass

    def run(self, at_once: int, seconds: float) -> Work:
        self._log.end = self._projector.position + at_once
        began = time.perf_counter()
        events = self._projector.catch_up()
        return Work(events, time.perf_counter() - began)

    async def close(self) -> None:
        self._connection.close()
        self._other.close()
