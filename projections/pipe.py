"""Sending statements by the thousand: one transaction, one pipeline, prepared statements, next to no work in between.

It speaks to libpq where the driver's cursors would spend most of the time that a view takes to catch up: a cursor costs
seven microseconds and a system call for each statement, this one.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from weakref import WeakKeyDictionary

from psycopg import errors, pq, sql, waiting
from psycopg.adapt import Transformer

from eventstore.connect import Connection
from eventstore.placeholders import compiled
from projections.view import Statement

SENT_AT_ONCE = 100
"""How many statements are handed to the server before its answers are looked at."""

PLANS = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off"
"""A view begins empty, and what is best for an empty table, reading all of it, is ruinous once it has grown. Every
statement of a view finds its rows by an index."""

GROWN = """
select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = current_schema() and c.relkind = 'r'
   and pg_relation_size(c.oid) / current_setting('block_size')::integer > 4 * c.relpages
"""
"""Tables that are four times the size for which the server last counted their rows. Until it has, any index that begins
with the organization looks as good to it as the key, and a plan that was made with that stays."""
FIRST_LOOK = 1_000
"""After how many statements, or rows of merged ones, to look for such tables; then after twice as many, and so on."""

PATIENCE = 0.1
"""Seconds after which waiting gives Ctrl-C a chance."""

Talk = Generator[waiting.Wait, waiting.Ready | int, None]

_pipes: WeakKeyDictionary[Connection, Pipe] = WeakKeyDictionary()


def run(connection: Connection, statements: Iterable[Statement]) -> None:
    """Execute all of them or none, in order; within a transaction that is open already, as a part of it. Raises what
    the first failing statement raised, or what `statements` did."""
    pipe = _pipes.get(connection)
    if pipe is None:
        pipe = _pipes[connection] = Pipe(connection)
    pipe.run(statements)


class Pipe:
    """One connection's pipeline, and what has been prepared on it."""

    def __init__(self, connection: Connection) -> None:
        connection.execute(PLANS)
        self._connection = connection
        self._libpq = connection.pgconn
        self._dumpers = Transformer(connection)
        self._prepared: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._count = 0
        self._error: Exception | None = None
        self._sent = 0
        self._next_look = FIRST_LOOK

    def run(self, statements: Iterable[Statement]) -> None:
        nested = self._libpq.transaction_status != pq.TransactionStatus.IDLE
        begin, end, undo = (
            (b"savepoint pipe", b"release savepoint pipe", b"rollback to savepoint pipe")
            if nested
            else (b"begin", b"commit", b"rollback")
        )
        known = dict(self._prepared)
        try:
            waiting.wait(self._talk(begin, statements, end), self._libpq.socket, PATIENCE)
        except BaseException as error:
            # What was to be prepared after the fault was not; and the driver, when it rolled something back or dropped
            # a table, may have had the server forget all that was prepared before: then the batch can be run again.
            self._prepared = {} if isinstance(error, errors.InvalidSqlStatementName) else known
            if self._libpq.status == pq.ConnStatus.OK:
                self._libpq.exec_(undo)  # not through the driver, which has all forgotten after every rollback it sees
            raise
        if self._sent >= self._next_look and not nested:
            self._next_look = 2 * self._sent
            for name in self._connection.execute(GROWN).fetchall():
                self._connection.execute(sql.SQL("analyze (skip_locked) {}").format(sql.Identifier(*name)))

    def _talk(self, begin: bytes, statements: Iterable[Statement], end: bytes) -> Talk:
        libpq = self._libpq
        self._error = None
        libpq.enter_pipeline_mode()
        try:
            libpq.send_query_params(begin, None)
            for nth, statement in enumerate(statements):
                self._send(statement)
                if nth % SENT_AT_ONCE == 0:
                    yield from self._flush()
                    self._listen()
                    if self._error:
                        break
            else:
                libpq.send_query_params(end, None)
        finally:
            if libpq.status == pq.ConnStatus.OK:
                libpq.pipeline_sync()
                yield from self._flush()
                while not self._listen():
                    yield waiting.Wait.R
                libpq.exit_pipeline_mode()
        if self._error:
            raise self._error

    def _send(self, statement: Statement) -> None:
        text, parameters = statement
        query, names, formats = compiled(text)
        dumpers = self._dumpers
        if isinstance(parameters, Mapping):
            parameters = [parameters[name] for name in names]
        values = dumpers.dump_sequence(parameters, formats)
        name = self._prepared.get((text, dumpers.types or ()))
        if name is None:
            self._count += 1
            name = self._prepared[text, dumpers.types or ()] = b"pipe%d" % self._count
            self._libpq.send_prepare(name, query, dumpers.types)
        self._libpq.send_query_prepared(name, values, dumpers.formats)
        first = next(iter(parameters), None)
        self._sent += len(first) if isinstance(first, list) else 1

    def _flush(self) -> Talk:
        """Hand over what was said so far; a server that has much to answer may want to be heard first."""
        while self._libpq.flush():
            if (yield waiting.Wait.RW) & waiting.Ready.R:
                self._listen()

    def _listen(self) -> bool:
        """Take the answers that are there; whether the last one was among them."""
        libpq = self._libpq
        libpq.consume_input()
        while not libpq.is_busy():
            result = libpq.get_result()
            if result is None:  # the end of one statement's answers; a second time: of all there is for now
                result = None if libpq.is_busy() else libpq.get_result()
            if result is None:
                return False
            if result.status == pq.ExecStatus.PIPELINE_SYNC:
                return True
            if result.status == pq.ExecStatus.FATAL_ERROR and self._error is None:
                self._error = errors.error_from_result(result)
        return False
