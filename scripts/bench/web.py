"""The three who answer the same requests: this product, a CRUD service, and a route that does nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psycopg

from eventstore.connect import connect
from eventstore.log import head
from scripts import checks
from scripts.bench import world
from scripts.bench.crew import Crew
from scripts.bench.measure import Case, Plan, Round, Verdict, ratio
from scripts.bench.stage import Stage
from scripts.bench.system import HOST, System, free_port
from scripts.process import Child, wait_until
from scripts.state import ROOT

OURS, CRUD, BARE = "bitacora", "FastAPI + SQLAlchemy", "bare route"
PARTNERS = 8_000
"""So many take turns that none of them reaches the rate limit."""

FILL_CRUD = """
insert into goals (organization, partner, month, goal, amount, earned, created_at)
select 'acme', 'usr_' || lpad((n %% %(partners)s)::text, 5, '0'),
       to_char(now() at time zone 'America/Mexico_City' - (n / %(partners)s) * interval '1 month', 'YYYY-MM'),
       'goal_' || n, 2500000, 0, now()
  from generate_series(0, %(rows)s - 1) n
    on conflict do nothing
"""
REACHED = "select position from checkpoints where follower = 'views'"


def cases(plan: Plan) -> list[Case]:
    return [Case(count, label=f"{count} connections") for count in ((1, 16) if plan.quick else (1, 16, 64))]


def total(plan: Plan) -> int:
    return 1 + plan.rounds * 3 * len(cases(plan))


@contextmanager
def contenders(stage: Stage, plan: Plan, kind: str) -> Iterator[list[Crew]]:
    """All three with as many goals, ready to be asked. `kind` is `set` or `see`."""
    rows = plan.of(100_000, 5_000)
    partners = plan.of(PARTNERS, 2_000)
    with ExitStack() as opened:
        ours = opened.enter_context(System(stage))
        fill(ours, rows, partners)
        address = stage.database("crud")
        crud = opened.enter_context(Served(stage, "crud", UVICORN, ours.secret, _asyncpg(address)))
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(FILL_CRUD, {"rows": rows, "partners": partners})
            connection.execute("vacuum analyze")
        bare = opened.enter_context(Served(stage, "bare", GRANIAN, ours.secret, address))
        database = stage.database_processes
        yield [
            opened.enter_context(
                Crew(
                    name,
                    "scripts.bench.load:Load",
                    {"port": server.port, "secret": ours.secret, "kind": kind, "count": partners},
                    database=database,
                    server=server.pids,
                )
            )
            for name, server in ((CRUD, crud), (OURS, ours), (BARE, bare))
        ]


def verdicts(found: Sequence[Round], what: str, of_crud: float, of_bare: float) -> list[Verdict]:
    """The bars at every number of connections."""
    return [
        Verdict(what=f"{what}, {case}, of {other}", value=ratio(found, OURS, other, case), bar=bar)
        for case in dict.fromkeys(one.case for one in found)
        for other, bar in ((CRUD, of_crud), (BARE, of_bare))
    ]


def fill(system: System, rows: int, partners: int) -> None:
    """Goals of these partners for this month and the ones before, in the log and in the views."""
    world.fill(system.database, world.goals_set(rows, partners))
    with connect(system.database, "bench") as connection:
        end = head(connection)
        wait_until(lambda: (row := connection.execute(REACHED).fetchone()) is not None and row[0] >= end, 300, None)
        connection.execute("vacuum analyze")


UVICORN = ("-m", "uvicorn", "scripts.bench.peers.crud:app", "--no-access-log", "--log-level", "warning", "--port")
GRANIAN = ("-m", "granian", "scripts.bench.peers.bare:app", "--interface", "asgi", "--no-log", "--port")


class Served:
    """A peer's server, as its own documentation says to run it: one process."""

    def __init__(self, stage: Stage, name: str, command: tuple[str, ...], secret: str, database: str) -> None:
        self.port = free_port()
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


def _asyncpg(address: str) -> str:
    return address.replace("postgresql://", "postgresql+asyncpg://")
