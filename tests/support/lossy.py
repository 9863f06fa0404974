"""A way to the database that loses what the server says, as a network does."""

from __future__ import annotations

import asyncio
from types import TracebackType

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Lossy:
    """Passes everything on, until `lose_answer` is called: the next thing that the server says is lost, and its
    connection broken. Use as `async with`; `url` leads through it."""

    def __init__(self, database_url: str) -> None:
        self._to = database_url
        self._parts = conninfo_to_dict(database_url)
        self._losing = False
        self._talks: set[asyncio.Task[None]] = set()
        self.lost = 0

    async def __aenter__(self) -> Lossy:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = make_conninfo(self._to, host="127.0.0.1", port=port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def lose_answer(self) -> None:
        """From now on: the next answer never arrives."""
        self._losing = True

    async def _pass_on(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        host, port = str(self._parts.get("host", "127.0.0.1")), self._parts.get("port") or 5432
        if host.startswith("/"):
            server, to_server = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            server, to_server = await asyncio.open_connection(host, int(port))
        asking = asyncio.create_task(self._pump(client, to_server, answers=False))
        answering = asyncio.create_task(self._pump(server, to_client, answers=True))
        self._talks |= {asking, answering}
        await asyncio.wait([asking, answering], return_when=asyncio.FIRST_COMPLETED)
        for writer in (to_client, to_server):
            writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        while data := await reader.read(65_536):
            if answers and self._losing:
                self._losing = False
                self.lost += 1
                return
            writer.write(data)
            await writer.drain()
