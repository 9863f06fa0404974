"""One prepared statement, called over and over from an event loop, with nothing but libpq in between.

For the one statement that every command waits for: a cursor of the driver takes as long as the server does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from psycopg import errors, pq
from psycopg.abc import Buffer

from eventstore.connect import AsyncConnection

NAME = b"called"


class Call:
    """The statement `query` on a connection where it is alone at work. Its parameters are binary, of these types."""

    def __init__(self, connection: AsyncConnection, query: bytes, types: Sequence[int]) -> None:
        self._libpq = connection.pgconn
        self._query = query
        self._types = types
        self._formats = [pq.Format.BINARY] * len(types)
        self._is_prepared = False

    async def __call__(self, parameters: Sequence[Buffer]) -> bytes:
        """The first column of the first row, in binary form. Raises `psycopg.Error`; after one that is about the
        connection, the connection is broken."""
        if not self._is_prepared:
            self._libpq.send_prepare(NAME, self._query, self._types)
            await self._answer()
            self._is_prepared = True
        self._libpq.send_query_prepared(NAME, parameters, self._formats, pq.Format.BINARY)
        value = (await self._answer()).get_value(0, 0)
        assert value is not None
        return value

    async def _answer(self) -> pq.abc.PGresult:
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[pq.abc.PGresult] = loop.create_future()
        results: list[pq.abc.PGresult] = []
        libpq, socket = self._libpq, self._libpq.socket

        def read() -> None:
            try:
                libpq.consume_input()
                while not libpq.is_busy():
                    result = libpq.get_result()
                    if result is None:
                        arrived.set_result(results[0])
                        return
                    results.append(result)
            except Exception as error:
                if not arrived.done():
                    arrived.set_exception(error)

        def write() -> None:
            try:
                if not libpq.flush():
                    loop.remove_writer(socket)
            except Exception as error:
                if not arrived.done():
                    arrived.set_exception(error)

        loop.add_reader(socket, read)
        if libpq.flush():  # more than the socket takes at once
            loop.add_writer(socket, write)
        try:
            result = await arrived
        finally:
            loop.remove_reader(socket)
            loop.remove_writer(socket)
        if result.status == pq.ExecStatus.FATAL_ERROR:
            raise errors.error_from_result(result)
        return result
