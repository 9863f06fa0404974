"""Row 7: what it costs to have it running: memory of each process at rest and under load, and how soon it is ready.

Memory is the proportional set size: a page that several processes share counts in parts, so that the sum is true.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from scripts.bench import callers, filling, measure, usage, web
from scripts.bench.crew import Crew
from scripts.bench.measure import Case, Plan, Reading, Round, Verdict
from scripts.bench.stage import Stage
from scripts.bench.system import System
from scripts.bench.web import CRUD, OURS, Served
from scripts.plan import PLAN

TITLE = "memory, and the time until it is ready"
UNIT = ""
REFERENCE = ""

START, REST, LOAD = "start until ready", "memory at rest", "memory under load"
CONNECTIONS = 16
REST_SECONDS = 2.0
"""How long nothing is asked before memory counts as that of a system at rest."""
BETWEEN_LOOKS = 0.2

Processes = Mapping[str, Callable[[], Sequence[int]]]
"""The processes of a contender, by name."""


def total(plan: Plan) -> int:
    return 2 * times(plan)


def times(plan: Plan) -> int:
    """How often it is looked at: starting takes long, and what is seen differs little from one time to the next."""
    return min(plan.rounds, 3)


def rounds(stage: Stage, plan: Plan, tick: measure.Tick) -> Iterator[Round | Reading]:
    count = web.rows(plan)
    filled = stage.filled(f"{count} rows", lambda database: filling.fill(database, count))
    crud, has_rows = stage.database("crud"), False
    for number in range(1, times(plan) + 1):
        with System(stage, database=filled) as system:
            names = [process.name for process in PLAN.processes]
            for name in names:
                yield reading(f"{OURS}, {name}", START, number, system.ready_after[name], "s")
            yield reading(f"{OURS}, all of it", START, number, system.started_in, "s")
            processes = {name: lambda name=name: system.pids(name) for name in names}
            yield from memory(stage, plan, number, OURS, system, processes, count)
        tick()
        began = time.monotonic()
        with Served(stage, "crud", web.UVICORN, system.secret, web.asyncpg(crud)) as served:
            yield reading(CRUD, START, number, time.monotonic() - began, "s")
            if not has_rows:
                filling.fill_peer(crud, count)
                has_rows = True
            yield from memory(stage, plan, number, CRUD, served, {"": served.pids}, count)
        tick()


def memory(
    stage: Stage, plan: Plan, number: int, who: str, server: System | Served, processes: Processes, rows: int
) -> Iterator[Reading]:
    """At rest, then while commands and readings come in; the most that was seen."""
    servers = {
        "PostgreSQL": lambda: [stage.servers.postgres.child.pid],
        "Valkey": lambda: [stage.servers.valkey.child.pid],
    }
    everything = {**processes, **servers}
    time.sleep(REST_SECONDS)
    yield from shown(who, REST, number, processes, looked(everything))
    about = {"port": server.port, "secret": server.secret, "rows": rows}
    with Crew(who, "scripts.bench.load:Load", about) as crew, ThreadPoolExecutor(1) as aside:
        loading = aside.submit(load, crew, plan)
        most = looked(everything)
        while not loading.done():
            time.sleep(BETWEEN_LOOKS)
            most = max(most, looked(everything), key=lambda seen: sum(seen[name] for name in processes))
        loading.result()
    yield from shown(who, LOAD, number, processes, most)


def load(crew: Crew, plan: Plan) -> None:
    """Everything that is asked, one after the other."""
    for asked in (*callers.COMMANDS, *callers.READINGS):
        crew.work(Case(CONNECTIONS, task=asked), plan.seconds)


def looked(processes: Processes) -> dict[str, float]:
    """Megabytes of each."""
    return {name: sum(usage.memory(pids()).values()) / 1e6 for name, pids in processes.items()}


def shown(who: str, case: str, number: int, own: Processes, seen: Mapping[str, float]) -> Iterator[Reading]:
    """Each process, the sum of the contender's own, and the servers beside them."""
    for name, megabytes in seen.items():
        if name:
            yield reading(f"{who}, {name}", case, number, megabytes, "MB")
    yield reading(f"{who}, all of its own", case, number, sum(seen[name] for name in own), "MB")


def reading(who: str, case: str, number: int, value: float, unit: str) -> Reading:
    return Reading(contender=who, case=case, number=number, value=round(value, 3), unit=unit)


def verdicts(found: Sequence[Round]) -> list[Verdict]:
    return []
