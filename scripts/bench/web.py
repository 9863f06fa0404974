"""The three who answer the same requests: this product, a CRUD service, and a route that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from scripts import checks
from scripts.bench import filling, measure
from scripts.bench.crew import Crew
from scripts.bench.measure import Case, Plan, Round, Verdict
from scripts.bench.stage import Stage
from scripts.bench.system import HOST, System, free_port
from scripts.process import Child, wait_until
from scripts.state import ROOT

OURS, CRUD, BARE = "bitacora", "FastAPI + SQLAlchemy", "bare route"


def rows(plan: Plan) -> int:
    """How many there are of everything that is asked for."""
    return plan.of(100_000, 10_000)


def cases(plan: Plan, asked: Sequence[str]) -> list[Case]:
    """Everything that is asked, over so many connections."""
    counts = (1, 16) if plan.quick else (1, 16, 64)
    return [Case(count, label=label(one, count), task=one) for one in asked for count in counts]


def label(asked: str, count: int) -> str:
    """How a case is called."""
    return f"{asked}, {count} connection{'s' if count > 1 else ''}"


def total(plan: Plan, asked: Sequence[str]) -> int:
    return 1 + plan.rounds * 3 * len(cases(plan, asked))


@contextmanager
def servers(stage: Stage, count: int) -> Iterator[dict[str, System | Served]]:
    """All three with so many rows, ready to be asked with tokens of the same secret."""
    with ExitStack() as opened:
        filled = stage.filled(f"{count} rows", lambda database: filling.fill(database, count))
        ours = opened.enter_context(System(stage, database=filled))
        address = stage.database("crud")
        crud = opened.enter_context(Served(stage, "crud", UVICORN, ours.secret, asyncpg(address)))
        filling.fill_peer(address, count)
        bare = opened.enter_context(Served(stage, "bare", GRANIAN, ours.secret, address))
        yield {CRUD: crud, OURS: ours, BARE: bare}


@contextmanager
def contenders(stage: Stage, count: int) -> Iterator[list[Crew]]:
    """Their clients."""
    with servers(stage, count) as started, ExitStack() as opened:
        yield [
            opened.enter_context(
                Crew(
                    name,
                    "scripts.bench.load:Load",
                    {"port": server.port, "secret": server.secret, "rows": count},
                    database=stage.database_processes,
                    server=server.pids,
                )
            )
            for name, server in started.items()
        ]


def rounds(stage: Stage, plan: Plan, tick: measure.Tick, asked: Sequence[str]) -> Iterator[Round]:
    with contenders(stage, rows(plan)) as found:
        warm(found, plan, asked)
        tick()
        yield from measure.interleave(plan, found, cases(plan, asked), tick)


def warm(crews: Sequence[Crew], plan: Plan, asked: Sequence[str]) -> None:
    """Let everybody open connections, prepare statements and meet every caller's token once."""
    for crew in crews:
        for one in asked:
            crew.work(Case(16, task=one), plan.of(2, 1) / 4)


def verdicts(found: Sequence[Round], what: str, of_crud: float, of_bare: float) -> list[Verdict]:
    """The bars for everything that was asked, at every number of connections."""
    return [
        Verdict(what=f"{what}, {case}, of {other}", value=measure.ratio(found, OURS, other, case), bar=bar)
        for case in dict.fromkeys(one.case for one in found)
        for other, bar in ((CRUD, of_crud), (BARE, of_bare))
    ]


UVICORN = ("-m", "uvicorn", "scripts.bench.peers.crud.app:app", "--no-access-log", "--log-level", "warning", "--port")
GRANIAN = ("-m", "granian", "scripts.bench.peers.bare:app", "--interface", "asgi", "--no-log", "--port")


class Served:
    """A peer's server, as its own documentation says to run it: one process."""

    def __init__(self, stage: Stage, name: str, command: tuple[str, ...], secret: str, database: str) -> None:
        self.port = free_port()
        self.secret = secret
        env = {"BITACORA_SECRET": secret, "DATABASE_URL": database, "REDIS_URL": stage.servers.valkey.url(1)}
        self._child = Child(
            name,
            [sys.executable, *command, str(self.port)],
            log=stage.directory / f"{name}-{self.port}.log",
            env={"PYTHONUNBUFFERED": "1", **env},
            directory=ROOT,
        )

    def __enter__(self) -> Served:
        self._child.start()
        wait_until(lambda: checks.answers(HOST, self.port, "/health/ready"), 60, self._child)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.stop()

    def pids(self) -> list[int]:
        return [self._child.pid]


def asyncpg(address: str) -> str:
    """The address as SQLAlchemy takes it."""
    return address.replace("postgresql://", "postgresql+asyncpg://")
