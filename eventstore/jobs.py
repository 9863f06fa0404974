"""The rows that say what a reaction still has to do."""

from __future__ import annotations

from collections.abc import Sequence

from eventstore.connect import AsyncConnection, Connection

Job = tuple[str, int]
"""(reaction, position of the event that it answers)"""

POSITION = "select position from checkpoints where follower = 'feed'"
ADD = """
with moved as (
    update checkpoints set position = %s, moved_at = now() where follower = 'feed' and position = %s returning true
), added as (
    insert into jobs (reaction, position)
    select new.* from unnest(%s::text[], %s::bigint[]) new, moved on conflict do nothing
)
select from moved
"""
FIND = "select 1 from jobs where reaction = %s and position = %s and failed is null"
DONE = "delete from jobs where reaction = %s and position = %s"
FAIL = "update jobs set failed = %s where reaction = %s and position = %s"
# Each try waits longer than the last, up to ten minutes; `skip locked` lets several clocks share the work.
CLAIM_DUE = """
update jobs set attempts = attempts + 1,
       next_at = now() + least(interval '10 minutes', interval '5 seconds' * 2 ^ least(attempts, 10))
where (reaction, position) in (
    select reaction, position from jobs where failed is null and next_at <= now()
    order by next_at limit %s for update skip locked)
returning reaction, position
"""
QUEUES = """
select reaction, count(*) filter (where failed is null), count(*) filter (where failed is not null)
from jobs group by reaction order by reaction
"""


def position(connection: Connection) -> int:
    """Up to which event the reactions have been asked."""
    row = connection.execute(POSITION).fetchone()
    assert row is not None
    return row[0]


def add(connection: Connection, jobs: Sequence[Job], before: int, after: int) -> bool:
    """Keep the jobs and move the feed from `before` to `after`, all at once. False when another feed did."""
    columns = [reaction for reaction, _ in jobs], [position for _, position in jobs]
    return connection.execute(ADD, [after, before, *columns]).rowcount == 1


def claim_due(connection: Connection, limit: int = 500) -> list[Job]:
    """The jobs whose nudge was lost or whose try failed; each is due again later, should this nudge be lost too."""
    return connection.execute(CLAIM_DUE, [limit]).fetchall()


def queues(connection: Connection) -> list[tuple[str, int, int]]:
    """By reaction, how many jobs are to be done, and how many were refused."""
    return connection.execute(QUEUES).fetchall()


async def waits(connection: AsyncConnection, job: Job) -> bool:
    """Whether the job is still to be done."""
    return await (await connection.execute(FIND, job)).fetchone() is not None


async def done(connection: AsyncConnection, job: Job) -> None:
    """The job's effect is in the log."""
    await connection.execute(DONE, job)


async def fail(connection: AsyncConnection, job: Job, why: str) -> None:
    """The job was refused; it stays, for somebody to look at."""
    await connection.execute(FAIL, [why, *job])
