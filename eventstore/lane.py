"""One connection in pipeline mode: a batch of questions out, their answers back, the next batch.

It speaks to libpq where the driver's cursors would take several times as long as the server does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg import errors, pq
from psycopg.adapt import Transformer

from eventstore.connect import AsyncConnection, connect_async
from eventstore.placeholders import compiled

AT_ONCE = 100
MOST_WAITING = 10_000
PATIENCE = 5.0
"""Seconds that a batch may take, and that a lost server is waited for."""
AGAIN = 0.1
FORGOTTEN = ("0A000", "26000")
"""What a prepared statement fails with when its tables were built anew, or the server forgot it."""
GOING = "57P"
"""What everything fails with when the server ends or drops the connection."""
NEVER = float("inf")

Parameters = Sequence[Any] | Mapping[str, Any]
Answer = tuple[Sequence[str], Sequence[tuple[Any, ...]]]
"""The names of the columns, and the rows."""
Statement = tuple[str, tuple[int, ...]]
"""A prepared statement, by its text and the types of its parameters."""


class Question:
    """A query and who waits for its rows."""

    __slots__ = ("answer", "parameters", "query", "statement", "tried")

    def __init__(self, query: str, parameters: Parameters, answer: asyncio.Future[Answer]) -> None:
        self.query = query
        self.parameters = parameters
        self.answer = answer
        self.tried = False


class Lane:
    """Connects when it is asked, and anew when the connection was lost; a question that was under way then is asked
    once more, which a read may be."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self.waiting: deque[Question] = deque()
        self.since = NEVER
        """Since when a batch is out, or the lane connects."""
        self._asked: deque[tuple[Question, bool]] = deque()
        """What the server will answer, in order: the questions, and (True) the preparing of one before it."""
        self._again: list[Question] = []
        self._scheduled = False
        self._closed = False
        self._connection: AsyncConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._overdue: asyncio.TimerHandle | None = None
        self._result: pq.abc.PGresult | None = None
        self._prepared: dict[Statement, bytes] = {}
        self._names: dict[Statement, Sequence[str]] = {}
        self._count = 0
        self._socket = -1

    async def ask(self, query: str, parameters: Parameters) -> Answer:
        """The answer. Raises `psycopg.Error`."""
        if self._closed:
            raise psycopg.OperationalError("this process ends")
        if len(self.waiting) >= MOST_WAITING:
            raise psycopg.OperationalError("too many questions wait for the database")
        loop = asyncio.get_running_loop()
        question = Question(query, parameters, loop.create_future())
        self.waiting.append(question)
        self._schedule(loop)
        return await question.answer

    def adopt(self, other: Lane) -> None:
        """Take over what waits at a lane that is held up."""
        self.waiting.extend(other.waiting)
        other.waiting.clear()
        self._schedule(asyncio.get_running_loop())

    async def close(self) -> None:
        """Refuse whoever waits, and everybody from now on."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._connecting
        connection = self._let_go()
        if connection is not None:
            await connection.close()
        self._refuse_all(psycopg.OperationalError("this process ends"))

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._scheduled and not self._asked and self._connecting is None:
            self._scheduled = True
            loop.call_soon(self._send_waiting)  # after everybody who has a question in this turn

    def _send_waiting(self) -> None:
        self._scheduled = False
        if self._closed or not self.waiting:
            return
        if self._connection is None:
            self.since = time.monotonic()
            self._connecting = asyncio.create_task(self._connect())
            return
        libpq = self._connection.pgconn
        try:
            while self.waiting and len(self._asked) < AT_ONCE:
                question = self.waiting.popleft()
                if not question.answer.done():  # whoever asked may have gone away
                    self._send(libpq, question)
            if self._asked:
                self.since = time.monotonic()
                self._overdue = asyncio.get_running_loop().call_later(PATIENCE, self._give_up)
                libpq.pipeline_sync()
                self._write()
        except psycopg.OperationalError as error:
            self._lose(error)

    def _send(self, libpq: pq.abc.PGconn, question: Question) -> None:
        query, names, formats = compiled(question.query)
        dumpers = self._dumpers
        try:
            given = question.parameters
            given = [given[name] for name in names] if isinstance(given, Mapping) else given
            values = dumpers.dump_sequence(given, formats)
        except Exception as error:  # a parameter that is missing or cannot be said: the asker's fault alone
            return _refuse(question, error)
        question.statement = (question.query, dumpers.types or ())
        name = self._prepared.get(question.statement)
        if name is None:
            self._count += 1
            name = self._prepared[question.statement] = b"lane%d" % self._count
            self._asked.append((question, True))
            libpq.send_prepare(name, query, dumpers.types)
        self._asked.append((question, False))
        libpq.send_query_prepared(name, values, dumpers.formats)
        return None

    def _write(self) -> None:
        """Hand over what was said so far, and the rest when the socket takes more."""
        assert self._connection is not None
        libpq, loop = self._connection.pgconn, asyncio.get_running_loop()
        try:
            if libpq.flush():
                loop.add_writer(self._socket, self._write)
            else:
                loop.remove_writer(self._socket)
        except psycopg.OperationalError as error:
            self._lose(error)

    def _read(self) -> None:
        if self._connection is None:
            return
        libpq = self._connection.pgconn
        try:
            libpq.consume_input()
            while not libpq.is_busy():
                result = libpq.get_result()
                if result is None:  # the end of one answer; a second time: of all there is for now
                    if self._result is None:
                        break
                    answered, self._result = self._result, None
                    self._settle(answered)
                elif result.status == pq.ExecStatus.PIPELINE_SYNC:
                    self._end_batch()
                else:
                    self._result = result
            if libpq.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError("the connection was lost")
        except psycopg.OperationalError as error:
            self._lose(error)

    def _end_batch(self) -> None:
        self._rest()
        self.waiting.extendleft(reversed(self._again))
        self._again.clear()
        if self.waiting:
            self._schedule(asyncio.get_running_loop())

    def _rest(self) -> None:
        self.since = NEVER
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None

    def _settle(self, result: pq.abc.PGresult) -> None:
        question, preparing = self._asked.popleft()
        match result.status:
            case pq.ExecStatus.TUPLES_OK:
                try:
                    answer = self._rows(question, result)
                except Exception as error:  # a value that cannot be read
                    return _refuse(question, error)
                _answer(question, answer)
            case pq.ExecStatus.COMMAND_OK:
                if not preparing:
                    _answer(question, ((), ()))
            case pq.ExecStatus.PIPELINE_ABORTED:  # the fault of one before it
                if preparing:
                    self._forget(question)
                else:
                    self._again.append(question)
            case _:
                error = errors.error_from_result(result)
                if (error.sqlstate or "").startswith(GOING):
                    self._asked.appendleft((question, preparing))
                    raise error
                is_forgotten = error.sqlstate in FORGOTTEN
                if preparing or is_forgotten:
                    self._forget(question)
                if is_forgotten and not question.tried:
                    question.tried = True
                    self._again.append(question)
                else:
                    _refuse(question, error)
        return None

    def _forget(self, question: Question) -> None:
        self._prepared.pop(question.statement, None)
        self._names.pop(question.statement, None)

    def _rows(self, question: Question, result: pq.abc.PGresult) -> Answer:
        names = self._names.get(question.statement)
        if names is None:
            names = [(result.fname(nth) or b"").decode() for nth in range(result.nfields)]
            self._names[question.statement] = names
        self._loaders.set_pgresult(result)
        return names, self._loaders.load_rows(0, result.ntuples, tuple)

    async def _connect(self) -> None:
        """Connect, again and again for as long as people have patience."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        try:
            while self._connection is None:
                try:
                    self._connection = await self._connected()
                except psycopg.OperationalError:
                    if loop.time() + AGAIN > deadline:
                        raise
                    await asyncio.sleep(AGAIN)
        except Exception as error:
            self._refuse_all(error)
        finally:
            self._connecting = None
            self.since = NEVER
        if self.waiting and not self._closed:
            self._schedule(loop)

    async def _connected(self) -> AsyncConnection:
        connection = await connect_async(self._url, "reader")
        try:
            self._dumpers, self._loaders = Transformer(connection), Transformer(connection)
            self._prepared.clear()
            self._names.clear()
            connection.pgconn.enter_pipeline_mode()
            self._socket = connection.pgconn.socket  # which a lost connection does not tell any more
            asyncio.get_running_loop().add_reader(self._socket, self._read)
        except BaseException:
            await connection.close()
            raise
        return connection

    def _give_up(self) -> None:
        """A batch that is not answered: whoever asked is told, whoever waits asks anew."""
        for question, _ in self._asked:
            question.tried = True
        self._lose(psycopg.OperationalError(f"the database did not answer within {PATIENCE:g} seconds"))

    def _lose(self, error: psycopg.OperationalError) -> None:
        """Let the connection go, and ask anew what it owes."""
        connection = self._let_go()
        if connection is None:
            return
        connection.pgconn.finish()
        owed = dict.fromkeys([*self._again, *(question for question, _ in self._asked)])
        self._asked.clear()
        self._again.clear()
        for question in reversed(owed):
            if question.tried:
                _refuse(question, error)
            else:
                question.tried = True
                self.waiting.appendleft(question)
        if self.waiting:
            self._schedule(asyncio.get_running_loop())

    def _let_go(self) -> AsyncConnection | None:
        connection, self._connection = self._connection, None
        if connection is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._socket)
            loop.remove_writer(self._socket)
        self._result = None
        self._rest()
        return connection

    def _refuse_all(self, error: Exception) -> None:
        for question in [*(question for question, _ in self._asked), *self._again, *self.waiting]:
            _refuse(question, error)
        self._asked.clear()
        self._again.clear()
        self.waiting.clear()


def _answer(question: Question, answer: Answer) -> None:
    if not question.answer.done():
        question.answer.set_result(answer)


def _refuse(question: Question, error: Exception) -> None:
    if not question.answer.done():
        question.answer.set_exception(error)
