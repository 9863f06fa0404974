"""Looking things up in the log: who did what to which stream, and when."""

from __future__ import annotations

from datetime import datetime

import msgspec
from psycopg.rows import class_row

from eventstore.connect import AsyncConnection


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is stored: personal data stays sealed."""

    position: int
    stream: str
    version: int
    name: str
    data: bytes
    meta: bytes
    recorded_at: datetime
    hash: bytes


class Sought(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are looked for; None is any. `stream` is a whole name, or its beginning where it ends with `*`."""

    stream: str | None = None
    name: str | None = None
    by: str | None = None
    frontend: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    after: int | None = None
    before: int | None = None


NEWEST = """
select position, stream, version, name, data, meta, recorded_at, hash from events
where meta->>'organization' = %(organization)s
  and (%(stream)s::text is null or stream = %(stream)s)
  and (%(begins)s::text is null or starts_with(stream, %(begins)s))
  and (%(name)s::text is null or name = %(name)s)
  and (%(by)s::text is null or meta->>'by' = %(by)s)
  and (%(frontend)s::text is null or meta->>'frontend' = %(frontend)s)
  and (%(since)s::timestamptz is null or recorded_at >= %(since)s)
  and (%(until)s::timestamptz is null or recorded_at < %(until)s)
  and (%(after)s::bigint is null or position > %(after)s)
  and (%(before)s::bigint is null or position < %(before)s)
order by position desc limit %(limit)s
"""


async def newest(connection: AsyncConnection, organization: str, sought: Sought, limit: int) -> list[Entry]:
    """The events of an organisation that are sought, the newest first."""
    stream = sought.stream or ""
    asked = {
        **msgspec.structs.asdict(sought),
        "organization": organization,
        "stream": None if stream.endswith("*") else sought.stream,
        "begins": stream[:-1] if stream.endswith("*") else None,
        "limit": limit,
    }
    async with connection.cursor(row_factory=class_row(Entry)) as cursor:
        await cursor.execute(NEWEST, asked)
        return await cursor.fetchall()
