"""Processes that append as fast as they can, for tests that look on."""

from __future__ import annotations

import asyncio
import sys
import time

import psycopg

from eventstore.commit import Commit, Part, Record, VersionConflict
from eventstore.connect import AsyncConnection
from eventstore.writer import Writer
from tests.support.store import META, VERSION, commit, connected, in_another_process

AT_ONCE = 16


def append(database_url: str, name: str, count: str) -> None:
    """`count` commits of one to three events: on streams of its own, and on one that all of these processes want."""
    print("stored", asyncio.run(_append(database_url, name, int(count))), flush=True)


async def _append(database_url: str, name: str, count: int) -> int:
    async with Writer(database_url) as writer, connected(database_url) as reader:
        await writer.append(commit(f"{name}-is-here", 0, b"{}"))
        print("ready", flush=True)
        sys.stdin.readline()  # all of them start together
        own = [_appender(writer, f"{name}-{nth}", count // AT_ONCE) for nth in range(AT_ONCE)]
        stored = await asyncio.gather(_everybodys(writer, reader, name, count // AT_ONCE), *own)
    return sum(stored) + 1


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


def watched(database_url: str, count: int = 480) -> tuple[int, int, list[str]]:
    """Let three processes append and look on. Returns how many events they were told are stored, how many looks found
    something new, and whatever a look found that an earlier one had missed."""
    processes = [in_another_process(append, database_url, name, str(count)) for name in ("red", "green", "blue")]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    seen = looks = 0
    missed: list[str] = []
    with psycopg.connect(database_url, autocommit=True) as reader:
        deadline = time.monotonic() + 60
        going = True
        while going:
            going = any(process.poll() is None for process in processes)  # asked before the last look
            rows = reader.execute("select position from events where position > %s order by position", [seen])
            found = [position for (position,) in rows]
            if found != list(range(seen + 1, seen + len(found) + 1)):
                missed.append(f"after {seen} came {found[:10]}")
            seen = found[-1] if found else seen
            looks += bool(found)
            assert time.monotonic() < deadline
    said = [process.communicate() for process in processes]
    assert [error for _, error in said] == [""] * 3
    return sum(int(out.split()[1]) for out, _ in said), looks, missed
