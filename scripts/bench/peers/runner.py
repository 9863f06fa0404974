"""The library's ProjectionRunner over one view that does what this product's view of goals does: one upsert."""

from __future__ import annotations

import time
from typing import Any

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from scripts.bench.measure import Work
from scripts.bench.peers.library import environment

TABLE = """
create table if not exists goals (
    organization text not null, partner text not null, month text not null, earned bigint not null default 0,
    primary key (organization, partner, month)
)
"""
EARN = """
insert into goals (organization, partner, month, earned) values (%s, %s, %s, %s)
on conflict (organization, partner, month) do update set earned = goals.earned + excluded.earned
"""
COUNTED_PER_GOAL = 10


class Goal(Aggregate):
    """A partner's month."""

    def __init__(self, organization: str, partner: str, month: str) -> None:
        self.organization = organization
        self.partner = partner
        self.month = month

    @event("CommissionCounted")
    def count(self, organization: str, partner: str, month: str, commission: str, amount: int) -> None:
        pass


class Goals(Application):
    """Its goals."""


class Earnings(PostgresTrackingRecorder):
    """The view: a table, and the statement that an event leads to, in one transaction with its tracking."""

    def __init__(self, datastore: PostgresDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        self.sql_create_statements.append(SQL(TABLE))  # type: ignore[arg-type]
        self.first: float | None = None

    def earn(self, organization: str, partner: str, month: str, amount: int, tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(EARN, (organization, partner, month, amount), prepare=True)


class Watching(Projection[Earnings]):
    """Hands events to the view."""

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Other events change nothing."""

    @process_event.register
    def _(self, domain_event: Goal.CommissionCounted, tracking: Tracking) -> None:  # type: ignore[name-defined]
        view = self.view
        view.first = view.first or time.perf_counter()
        view.earn(
            domain_event.organization, domain_event.partner, domain_event.month, domain_event.amount, tracking
        )  # fmt: skip


class Run:
    """The runner, over so many events more each time. Only the time from its first event to its last counts."""

    def __init__(self, database: str) -> None:
        self._environment = environment(database, functions=False)
        self._last = 0

    async def open(self) -> None:
        self._application = Goals(self._environment)

    def run(self, at_once: int, seconds: float) -> Work:
        last = 0
        for nth in range(at_once // COUNTED_PER_GOAL):
            goal = Goal("acme", f"usr_{self._last + nth:05}", "2026-01")
            for commission in range(COUNTED_PER_GOAL):
                goal.count(goal.organization, goal.partner, goal.month, f"com_{nth}_{commission}", 5_000_00)
            last = self._application.save(goal)[-1].notification.id
        with ProjectionRunner(
            application_class=Goals, projection_class=Watching, view_class=Earnings, env=self._environment
        ) as runner:
            runner.wait(last, timeout=600)
            done = time.perf_counter()
            assert runner.view.first is not None
            began = runner.view.first
        self._last = last
        return Work(at_once, done - began)

    async def close(self) -> None:
        self._application.close()
