"""A client that costs next to nothing: keep-alive connections that send prepared requests and count answers.

Load comes from the same machine that serves it, so every microsecond a client takes is one that the server lacks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import cast

from scripts.bench.measure import Work

HOST = "127.0.0.1"

Following = Callable[[], bytes]
"""The next request of a connection, as it goes over the wire."""


class Failed(Exception):
    """The server answered something that the benchmark is not about."""


class Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._buffer = b""

    @classmethod
    async def open(cls, port: int) -> Connection:
        _, connection = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return connection

    async def ask(self, request: bytes) -> bytes:
        """Send it and wait; the body of the answer. Raises `Failed` unless it is a success."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        status, body = await self._answer
        if status >= 300:
            raise Failed(f"{request.split(b' HTTP')[0].decode()} was answered {status}: {body[:300].decode()}")
        return body

    @property
    def is_open(self) -> bool:
        """Whether it can be asked: a server may have closed it while nobody did."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _length(head)
        if len(rest) < length or self._answer is None or self._answer.done():
            return
        self._buffer = rest[length:]
        self._answer.set_result((int(head[9:12]), rest[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Failed("the server closed the connection"))


def _length(head: bytes) -> int:
    lowered = head.lower()
    place = lowered.find(b"content-length:")
    return int(lowered[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def request(method: str, path: str, token: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n"
    if body:
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def paced(connections: list[Connection], rate: float, seconds: float, following: Following) -> Work:
    """So many requests per second, whether or not earlier ones are answered; as many as there are connections wait."""
    latencies: list[float] = []
    clock = time.perf_counter
    began = clock()
    total = int(rate * seconds)
    numbers = iter(range(total))

    async def one(connection: Connection) -> None:
        for number in numbers:
            due = began + number / rate
            if (early := due - clock()) > 0:
                await asyncio.sleep(early)
            await connection.ask(following())
            latencies.append(clock() - due)

    await asyncio.gather(*[one(connection) for connection in connections])
    return Work(len(latencies), clock() - began, latencies)
