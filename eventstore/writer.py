"""Group commit: every command that waits when a flush returns goes out in the next one, as one statement.

One writer per process and event loop. A flush takes whatever is waiting, there is no timer: with one command in flight
it is a plain insert, with a hundred it is one insert for all of them. A command whose caller went away is stored all
the same, because its neighbours share the flush.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import time
from collections import deque
from collections.abc import Iterable, Sequence

import psycopg

from eventstore import commit as commits
from eventstore.call import Call
from eventstore.commit import Commit, Committed, LogUnavailable, NotStored, OutcomeUnknown, Unstorable
from eventstore.connect import AsyncConnection, connect_async

MAX_FLUSH = 512
MAX_FLUSH_BYTES = 32 * 1024 * 1024
MAX_WAITING = 20_000
LEAVING = 5.0
"""Seconds that a writer takes to store what still waits when it is closed."""
IDLE = 1.0
"""Seconds after which a connection is looked at before it is used again."""

UNIQUE_VIOLATION = "23505"
OF_THE_DATA = ("22", "23", "54")
"""The classes of errors that the events themselves cause: trying again later cannot help."""

Waiting = tuple[Commit, "asyncio.Future[Committed]", int]
"""A commit, who waits for it, and its size in bytes."""


class Writer:
    """Appends commits to the log. Use as `async with Writer(database_url) as writer`."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._queue: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._connection: AsyncConnection | None = None
        self._append_events: Call | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = True
        self._used = 0.0
        self.flushes = 0
        self.stored = 0

    async def __aenter__(self) -> Writer:
        self._closed = False
        self._task = asyncio.create_task(self._run(), name="writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Store what waits, take nothing more. What is not stored in time is told to those who wait for it."""
        self._closed = True
        self._wake.set()
        if self._task:
            await asyncio.wait([self._task], timeout=LEAVING)
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._disconnect()

    async def append(self, commit: Commit) -> Committed:
        """Store the commit durably. Raises `VersionConflict`, `KeyReused`, `Unstorable`, `LogUnavailable` (nothing was
        stored) or `OutcomeUnknown` (retry with the same key)."""
        size = commit.check()
        if self._closed:
            raise LogUnavailable("this process takes no more commands")
        if len(self._queue) >= MAX_WAITING:
            raise LogUnavailable("too many commands wait for the log")
        done: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._queue.append((commit, done, size))
        self._wake.set()
        return await done

    async def _run(self) -> None:
        try:
            while self._queue or not self._closed:
                await self._wake.wait()
                if batch := self._take():
                    await self._flush_and_settle(batch)
                    # Whoever was just answered runs first, and what they ask next goes along.
                    await asyncio.sleep(0)
        finally:
            _settle_all(self._queue, LogUnavailable("this process ended before the command's turn"))
            self._queue.clear()

    async def _flush_and_settle(self, batch: list[Waiting]) -> None:
        try:
            await self._flush(batch)
        except asyncio.CancelledError:
            _settle_all(batch, OutcomeUnknown())
            raise
        except Exception as error:  # a fault of ours must reach the callers, and must not end the writer
            _settle_all(batch, error)
            await self._disconnect()

    def _take(self) -> list[Waiting]:
        """The next flush: no two commands in it share a stream or a key; one that would waits for its turn."""
        batch: list[Waiting] = []
        later: list[Waiting] = []
        busy: set[str] = set()
        room = MAX_FLUSH_BYTES
        while self._queue and len(batch) < MAX_FLUSH and len(later) < MAX_FLUSH and room > 0:
            waiting = self._queue.popleft()
            commit = waiting[0]
            names = _names(commit)
            if busy.isdisjoint(names):
                batch.append(waiting)
                room -= waiting[2]
            else:
                later.append(waiting)
            busy.update(names)
        self._queue.extendleft(reversed(later))
        if not self._queue:
            self._wake.clear()
        return batch

    async def _flush(self, batch: list[Waiting]) -> None:
        try:
            connection = await self._connected()
        except psycopg.Error as error:
            _settle_all(batch, LogUnavailable(f"the log cannot be reached: {error}"))
            return
        group = [waiting[0] for waiting in batch]
        try:
            row = await self._call(connection, group)
        except psycopg.Error as error:
            if connection.closed or connection.broken:
                await self._disconnect()
                _settle_all(batch, OutcomeUnknown())
            elif len(batch) > 1:  # the fault of one of them; nothing was stored
                middle = len(batch) // 2
                await self._flush(batch[:middle])
                await self._flush(batch[middle:])
            else:
                kind = Unstorable if (error.sqlstate or "")[:2] in OF_THE_DATA else LogUnavailable
                _settle_all(batch, kind(f"the log refused: {error}"))
            return
        self._used = time.monotonic()
        self.flushes += 1
        for (_, done, _), outcome in zip(batch, commits.outcomes(group, row), strict=True):
            if isinstance(outcome, Committed) and not outcome.replayed:
                self.stored += outcome.last - outcome.first + 1
            _settle(done, outcome)

    async def _call(self, connection: AsyncConnection, group: list[Commit]) -> commits.Row:
        """One statement: the short one where nothing has to be looked up, the complete one where it loses a race."""
        if commits.all_plain(group) and self._append_events is not None:
            try:
                return int.from_bytes(await self._append_events(commits.events(group)), "big"), [], None
            except psycopg.Error as error:
                if error.sqlstate not in (commits.GAP, UNIQUE_VIOLATION):
                    raise
        cursor = await connection.execute(commits.APPEND_COMMANDS, commits.columns(group), prepare=True)
        row = await cursor.fetchone()
        assert row is not None
        return row

    async def _connected(self) -> AsyncConnection:
        if self._connection is not None and time.monotonic() - self._used > IDLE and _is_dropped(self._connection):
            await self._disconnect()
        if self._connection is None or self._connection.closed:
            self._connection = connection = await connect_async(self._url, "writer")
            # Generic plans: the function's statements would otherwise be planned anew for every array. Read committed:
            # a snapshot taken before the lock would not see the head.
            try:
                await connection.execute(
                    "set synchronous_commit = on; set plan_cache_mode = force_generic_plan;"
                    " set default_transaction_isolation = 'read committed'"
                )
            except psycopg.Error:
                await self._disconnect()
                raise
            self._append_events = Call(connection, commits.APPEND_EVENTS_CALL, commits.APPEND_EVENTS_TYPES)
            self._used = time.monotonic()
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


def _names(commit: Commit) -> Sequence[str]:
    """What no other command of the same flush may touch."""
    if commit.key is None and len(commit.parts) == 1:
        return (commit.parts[0].stream,)
    names = [part.stream for part in commit.parts]
    if commit.key is not None:
        names.append("\n" + commit.key)  # no stream name holds a line break
    return names


def _is_dropped(connection: AsyncConnection) -> bool:
    """Whether the server ended the connection while nobody used it: then nothing was sent, and nothing is unknown."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _settle(done: asyncio.Future[Committed], outcome: Committed | BaseException) -> None:
    if done.done():
        return
    if isinstance(outcome, Committed):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)


def _settle_all(batch: Iterable[Waiting], outcome: NotStored | OutcomeUnknown | Exception) -> None:
    for _, done, _ in batch:
        _settle(done, outcome)
