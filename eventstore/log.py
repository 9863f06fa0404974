"""Reading the log: one stream, or everything after a position."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from eventstore import reading
from eventstore.connect import AsyncConnection, Connection
from eventstore.mapper import Mapper, Recorded, Row
from eventstore.reading import Source
from eventstore.sealing import Keys, Vault

STREAM = """
select position, stream, version, name, data, meta, recorded_at
from events where stream = %s and version > %s order by version limit %s
"""
PART = """
select position, stream, version, name, data, meta, recorded_at
from events where stream = %s and version > %s and version <= %s order by version
"""
AFTER = """
select position, stream, version, name, data, meta, recorded_at
from events where position > %s and position <= %s order by position
"""
HEAD = "select coalesce(max(position), 0) from events"
LAST = "select position from events where stream = %s order by version desc limit 1"
PAGE = 5_000


class Log:
    """The log as events. Personal data is readable as long as its subject's key exists."""

    def __init__(self, mapper: Mapper, vault: Vault) -> None:
        self.mapper = mapper
        self.vault = vault

    async def stream(self, source: Source, stream: str, after: int = 0) -> AsyncIterator[Recorded]:
        """The events of one stream after a version, oldest first."""
        while True:
            rows = await reading.tuples(source, STREAM, [stream, after, PAGE])
            for recorded in await self._recorded(source, rows):
                yield recorded
            if len(rows) < PAGE:
                return
            after = rows[-1][2]

    async def part(self, source: Source, stream: str, after: int, upto: int) -> list[Recorded]:
        """The events of one stream with versions `after` + 1 to `upto`, oldest first."""
        return await self._recorded(source, await reading.tuples(source, PART, [stream, after, upto]))

    async def between(self, source: Source, after: int, upto: int) -> list[Recorded]:
        """The events at positions `after` + 1 to `upto`."""
        return await self._recorded(source, await reading.tuples(source, AFTER, [after, upto]))

    async def followed(self, source: Source, after: int, upto: int) -> list[Recorded]:
        """As `between`, for those who follow the log: an event that cannot be read is there with its `fault`."""
        rows = await reading.tuples(source, AFTER, [after, upto])
        keys = await self._keys(source, rows)
        return [self.mapper.followed(row, keys) for row in rows]

    def followed_now(self, connection: Connection, after: int, upto: int) -> list[Recorded]:
        """As `followed`, for the processes that take the log one batch at a time."""
        return self._followed_now(connection, connection.execute(AFTER, [after, upto], binary=True).fetchall())

    def stream_now(self, connection: Connection, stream: str, after: int = 0) -> Iterator[Recorded]:
        """As `stream`, for the processes that follow the log."""
        while True:
            rows: list[Row] = connection.execute(STREAM, [stream, after, PAGE], binary=True).fetchall()
            yield from self._followed_now(connection, rows)
            if len(rows) < PAGE:
                return
            after = rows[-1][2]

    def _followed_now(self, connection: Connection, rows: list[Row]) -> list[Recorded]:
        subjects = self.mapper.subjects(rows)
        keys = self.vault.keys_now(connection, subjects) if subjects else None
        return [self.mapper.followed(row, keys) for row in rows]

    async def _recorded(self, source: Source, rows: Sequence[Row]) -> list[Recorded]:
        keys = await self._keys(source, rows)
        return [self.mapper.recorded(row, keys) for row in rows]

    async def _keys(self, source: Source, rows: Sequence[Row]) -> Keys | None:
        subjects = self.mapper.subjects(rows)
        return await self.vault.keys(source, subjects) if subjects else None


def head(connection: Connection) -> int:
    """The position of the newest event; 0 for an empty log."""
    row = connection.execute(HEAD).fetchone()
    assert row is not None
    return row[0]


async def head_of(connection: AsyncConnection) -> int:
    """As `head`, for an event loop."""
    row = await (await connection.execute(HEAD)).fetchone()
    assert row is not None
    return row[0]


async def last_of(connection: AsyncConnection, stream: str) -> int:
    """The position of a stream's newest event; 0 for one without events."""
    row = await (await connection.execute(LAST, [stream])).fetchone()
    return row[0] if row else 0
