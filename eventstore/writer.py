"""Group commit: every command that waits when a flush returns goes out in the next one, as one statement.

One writer per process and event loop. A flush takes whatever is waiting, there is no timer: with one command in flight
it is a plain insert, with a hundred it is one insert for all of them. A command whose caller went away is stored all
the same, because its neighbours share the flush.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

import psycopg

from eventstore import commit as commits
from eventstore.commit import Commit, Committed, LogUnavailable, NotStored, OutcomeUnknown
from eventstore.connect import AsyncConnection, connect_async

MAX_FLUSH = 512
MAX_WAITING = 20_000
UNIQUE_VIOLATION = "23505"

Waiting = tuple[Commit, "asyncio.Future[Committed]"]


class Writer:
    """Appends commits to the log. Use as `async with Writer(database_url) as writer`."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._queue: deque[Waiting] = deque()
        self._wake = asyncio.Event()
        self._connection: AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self.flushes = 0
        self.stored = 0

    async def __aenter__(self) -> Writer:
        self._task = asyncio.create_task(self._run(), name="writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._queue:
            await asyncio.sleep(0)
            if self._task is None or self._task.done():
                break
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._disconnect()

    async def append(self, commit: Commit) -> Committed:
        """Store the commit durably. Raises `VersionConflict`, `KeyReused`, `Unstorable`, `LogUnavailable` (nothing was
        stored) or `OutcomeUnknown` (retry with the same key)."""
        commit.check()
        if len(self._queue) >= MAX_WAITING:
            raise LogUnavailable("too many commands wait for the log")
        done: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        self._queue.append((commit, done))
        self._wake.set()
        return await done

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            batch = self._take()
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
        while self._queue and len(batch) < MAX_FLUSH:
            waiting = self._queue.popleft()
            commit = waiting[0]
            names = [part.stream for part in commit.parts]
            if commit.key is not None:
                names.append("\n" + commit.key)  # no stream name holds a line break
            if busy.isdisjoint(names):
                batch.append(waiting)
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
        group = [commit for commit, _ in batch]
        try:
            row = await self._call(connection, group)
        except psycopg.Error as error:
            if connection.closed or connection.broken:
                await self._disconnect()
                _settle_all(batch, OutcomeUnknown())
            elif len(batch) == 1:
                _settle_all(batch, LogUnavailable(f"the log refused: {error}"))
            else:
                for waiting in batch:
                    await self._flush([waiting])
            return
        self.flushes += 1
        for (_, done), outcome in zip(batch, commits.outcomes(group, row), strict=True):
            if isinstance(outcome, Committed):
                self.stored += outcome.last - outcome.first + 1
            _settle(done, outcome)

    async def _call(self, connection: AsyncConnection, group: list[Commit]) -> commits.Row:
        """One statement: the short one where nothing has to be looked up, the complete one where it loses a race."""
        columns = commits.columns(group)
        if commits.all_plain(group):
            try:
                cursor = await connection.execute(commits.APPEND_EVENTS, columns[commits.EVENTS], prepare=True)
                head = await cursor.fetchone()
                assert head is not None
                return head[0], [], None
            except psycopg.Error as error:
                if error.sqlstate not in (commits.GAP, UNIQUE_VIOLATION):
                    raise
        cursor = await connection.execute(commits.APPEND_COMMANDS, columns, prepare=True)
        row = await cursor.fetchone()
        assert row is not None
        return row

    async def _connected(self) -> AsyncConnection:
        if self._connection is None or self._connection.closed:
            connection = await connect_async(self._url, "writer")
            # Generic plans: the function's statements would otherwise be planned anew for every array.
            await connection.execute("set synchronous_commit = on; set plan_cache_mode = force_generic_plan")
            self._connection = connection
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error):
                await connection.close()


def _settle(done: asyncio.Future[Committed], outcome: Committed | BaseException) -> None:
    if done.done():
        return
    if isinstance(outcome, Committed):
        done.set_result(outcome)
    else:
        done.set_exception(outcome)


def _settle_all(batch: list[Waiting], outcome: NotStored | OutcomeUnknown | Exception) -> None:
    for _, done in batch:
        _settle(done, outcome)
