"""The stock `eventsourcing` library on PostgreSQL, with its default recorder and in its function mode."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import StoredEvent

from scripts.bench import measure
from scripts.bench.measure import Work

REVISIONS = 10


def environment(database: str, *, functions: bool) -> dict[str, str]:
    """The library's settings. Enough connections for every thread that may want one."""
    parts = urlsplit(database)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path.lstrip("/"),
        "POSTGRES_HOST": parse_qs(parts.query)["host"][0],
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": parts.username or "",
        "POSTGRES_PASSWORD": "",
        "POSTGRES_POOL_SIZE": "4",
        "POSTGRES_MAX_OVERFLOW": "60",
        "POSTGRES_MAX_WAITING": "0",
        "POSTGRES_ENABLE_DB_FUNCTIONS": "y" if functions else "n",
    }


class Goal(Aggregate):
    """A month's goal, with the facts that this product keeps of it."""

    @event("Set")
    def __init__(self, goal: str, partner: str, month: str, amount: int) -> None:
        self.goal = goal
        self.partner = partner
        self.month = month
        self.amount = amount

    @event("Revised")
    def revise(self, amount: int) -> None:
        self.amount = amount


class Goals(Application):
    """Its goals."""


class _Member:
    def __init__(self, database: str, functions: bool) -> None:
        self._environment = environment(database, functions=functions)

    async def open(self) -> None:
        self._application = Goals(self._environment)

    async def close(self) -> None:
        self._application.close()


class Append(_Member):
    """One stored event per save, in threads."""

    def __init__(self, database: str, functions: bool, state: str) -> None:
        super().__init__(database, functions)
        self._state = state.encode()

    def run(self, at_once: int, seconds: float) -> Work:
        return measure.in_threads(at_once, seconds, lambda _: self._append)

    def _append(self) -> None:
        self._application.recorder.insert_events(
            [StoredEvent(originator_id=uuid4(), originator_version=1, topic="goals:Goal.Revised", state=self._state)]
        )


class Execute(_Member):
    """Load with `repository.get`, decide, `save`; a new goal for every tenth command."""

    def run(self, at_once: int, seconds: float) -> Work:
        return measure.in_threads(at_once, seconds, lambda _: self._commands().__next__)

    def _commands(self) -> Any:
        application = self._application
        while True:
            goal = Goal(goal=f"goal_{uuid4().hex[:20]}", partner="usr_socia", month="2026-01", amount=1_000_00)
            application.save(goal)
            yield
            for revision in range(1, REVISIONS):
                known: Goal = application.repository.get(goal.id)
                known.revise(amount=1_000_00 + revision)
                application.save(known)
                yield
