"""One SQL statement over the log: what a view could be filled with at most, if nobody ever had to decide anything."""

from __future__ import annotations

import time

import psycopg

from scripts.bench.measure import Work

TABLE = """
create table if not exists set_based_goals (
    organization text not null, partner text not null, month text not null, earned bigint not null default 0,
    primary key (organization, partner, month)
)
"""
EARN = """
insert into set_based_goals (organization, partner, month, earned)
select events.meta ->> 'organization', counted.partner, counted.month, sum(counted.amount)
  from events, json_to_record(events.data) as counted (partner text, month text, amount bigint)
 where events.position > %s and events.position <= %s and events.name = 'CommissionCounted'
 group by 1, 2, 3
    on conflict (organization, partner, month) do update set earned = set_based_goals.earned + excluded.earned
"""


class Statement:
    """So many events more each time, in one statement."""

    def __init__(self, database: str) -> None:
        self._connection = psycopg.connect(database, autocommit=True)
        self._position = 0

    async def open(self) -> None:
        self._connection.execute("set synchronous_commit = off")
        self._connection.execute(TABLE)

    def run(self, at_once: int, seconds: float) -> Work:
        began = time.perf_counter()
        self._connection.execute(EARN, (self._position, self._position + at_once))
        self._position += at_once
        return Work(at_once, time.perf_counter() - began)

    async def close(self) -> None:
        self._connection.close()
