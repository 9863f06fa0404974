"""Processes that append as fast as they can, for tests that look on."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Callable, Iterator

import psycopg

from eventstore.commit import Commit, Part, Record, VersionConflict
from eventstore.connect import AsyncConnection
from eventstore.writer import Writer
from tests.support.store import META, VERSION, commit, connected, in_another_process

AT_ONCE = 16
LONGEST = 60
"""Seconds after which a look that was waited for does not come any more."""


def append(database_url: str, name: str, count: str) -> None:
    """`count` commits of one to three events, and more until there is a second line to read: on streams of its own, and
    on one that all of these processes want."""
    print("stored", asyncio.run(_append(database_url, name, int(count))), flush=True)


async def _append(database_url: str, name: str, count: int) -> int:
    async with Writer(database_url) as writer, connected(database_url) as reader:
        await writer.append(commit(f"{name}-is-here", 0, b"{}"))
        print("ready", flush=True)
        sys.stdin.readline()  # all of them start together
        enough = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))

        def numbers() -> Iterator[int]:
            return itertools.takewhile(lambda n: n < count // AT_ONCE or not enough.done(), itertools.count())

        own = [_appender(writer, f"{name}-{nth}", numbers()) for nth in range(AT_ONCE)]
        stored = await asyncio.gather(_everybodys(writer, reader, name, numbers()), *own)
    return sum(stored) + 1


async def _appender(writer: Writer, stream: str, numbers: Iterator[int]) -> int:
    version = 0
    for number in numbers:
        committed = await writer.append(commit(stream, version, *[b"{}"] * (number % 3 + 1)))
        version += committed.last - committed.first + 1
    return version


async def _everybodys(writer: Writer, reader: AsyncConnection, name: str, numbers: Iterator[int]) -> int:
    """Two streams in one commit; now and then another process is faster."""
    stored = 0
    for number in numbers:
        row = await (await reader.execute(VERSION, ["everybodys"])).fetchone()
        assert row is not None
        parts = [Part(stream, row[0], [Record("Noted", b"{}")]) for stream in ("everybodys", "everybodys-twin")]
        try:
            await writer.append(Commit(parts, META, key=f"{name}-{number}"))
        except VersionConflict:
            continue
        stored += 2
    return stored


def seen_often(looks: int, missed: list[str]) -> bool:
    """More than a few looks found something new."""
    return looks > 10


def watched(
    database_url: str, count: int = 480, enough: Callable[[int, list[str]], bool] = seen_often
) -> tuple[int, list[str]]:
    """Let three processes append and look on, until they did `count` commits each and it is enough. Returns how many
    events they were told are stored, and whatever a look found that an earlier one had missed."""
    processes = [in_another_process(append, database_url, name, str(count)) for name in ("red", "green", "blue")]

    def tell(word: str) -> None:
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(f"{word}\n")
            process.stdin.flush()

    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        tell("go")
        seen = looks = 0
        missed: list[str] = []
        with psycopg.connect(database_url, autocommit=True) as reader:
            deadline = time.monotonic() + LONGEST
            going, told = True, False
            while going:
                going = any(process.poll() is None for process in processes)  # asked before the last look
                rows = reader.execute("select position from events where position > %s order by position", [seen])
                found = [position for (position,) in rows]
                if found != list(range(seen + 1, seen + len(found) + 1)):
                    missed.append(f"after {seen} came {found[:10]}")
                seen = found[-1] if found else seen
                looks += bool(found)
                if not told and enough(looks, missed):
                    tell("enough")
                    told = True
                assert time.monotonic() < deadline, f"{looks} looks found something new, {len(missed)} too late"
        said = [process.communicate() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert [error for _, error in said] == [""] * 3
    return sum(int(out.split()[1]) for out, _ in said), missed
