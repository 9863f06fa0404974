"""Turns at a pace that all processes share: each caller gets a moment of its own, some seconds after the last one."""

from __future__ import annotations

from eventstore.connect import AsyncConnection

# The clock of the database is everybody's.
TAKE = """
insert into send_paces as paces (number, next_at) values (%(number)s, clock_timestamp() + %(seconds)s * interval '1 s')
on conflict (number) do update
   set next_at = greatest(paces.next_at, clock_timestamp()) + %(seconds)s * interval '1 s'
returning extract(epoch from next_at - clock_timestamp())::float8 - %(seconds)s
"""


async def take(connection: AsyncConnection, number: str, seconds: float) -> float:
    """Take the next turn of this number; returns in how many seconds it comes. A turn that is not used is lost."""
    row = await (await connection.execute(TAKE, {"number": number, "seconds": seconds})).fetchone()
    assert row is not None
    return max(0.0, row[0])
