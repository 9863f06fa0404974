"""Processes that append as fast as they can, for tests that look on."""

from __future__ import annotations

import asyncio
import sys

from eventstore.commit import Commit, Part, Record, VersionConflict
from eventstore.connect import AsyncConnection
from eventstore.writer import Writer
from tests.support.store import META, VERSION, commit, connected

AT_ONCE = 16


def append(database_url: str, name: str, count: str) -> None:
    """`count` commits of one to three events: on streams of its own, and on one that all of these processes want."""
    print("stored", asyncio.run(_append(database_url, name, int(count))), flush=True)


async def _append(database_url: str, name: str, count: int) -> int:
    async with Writer(database_url) as writer, connected(database_url) as reader:
        sys.stdin.readline()  # all of them start together
        own = [_appender(writer, f"{name}-{nth}", count // AT_ONCE) for nth in range(AT_ONCE)]
        stored = await asyncio.gather(_everybodys(writer, reader, name, count // AT_ONCE), *own)
    return sum(stored)


async def _appender(writer: Writer, stream: str, count: int) -> int:
    version = 0
    for number in range(count):
        committed = await writer.append(commit(stream, version, *[b"{}"] * (number % 3 + 1)))
        version += committed.last - committed.first + 1
    return version


async def _everybodys(writer: Writer, reader: AsyncConnection, name: str, count: int) -> int:
    """Two streams in one commit; now and then another process is faster."""
    stored = 0
    for number in range(count):
        row = await (await reader.execute(VERSION, ["everybodys"])).fetchone()
        assert row is not None
        parts = [Part(stream, row[0], [Record("Noted", b"{}")]) for stream in ("everybodys", "everybodys-twin")]
        try:
            await writer.append(Commit(parts, META, key=f"{name}-{number}"))
        except VersionConflict:
            continue
        stored += 2
    return stored
