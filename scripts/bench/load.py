"""Load on an HTTP server: partners who set this month's goal, or look at it."""

from __future__ import annotations

from scripts.bench import http, measure
from scripts.bench.http import Connection
from scripts.bench.measure import Work
from scripts.bench.partners import Partners


class Load:
    """`kind` is `set` or `see`. The partners are those with the numbers from `first` on."""

    def __init__(self, port: int, secret: str, kind: str, count: int, first: int = 0) -> None:
        self._port = port
        partners = Partners(secret, count, first)
        self._following = {"set": partners.next_goal, "see": partners.next_reading}[kind]
        self._connections: list[Connection] = []

    async def open(self) -> None:
        pass

    async def run(self, at_once: int, seconds: float, rate: float = 0) -> Work:
        """As many as the server takes, or so many per second."""
        self._connections = [connection for connection in self._connections if connection.is_open]
        while len(self._connections) < at_once:
            self._connections.append(await Connection.open(self._port))
        if rate:
            return await http.paced(self._connections[:at_once], rate, seconds, self._following)
        return await measure.in_tasks(at_once, seconds, self._operation)

    def _operation(self, nth: int) -> measure.Operation:
        connection, following = self._connections[nth], self._following
        return lambda: connection.ask(following())

    async def close(self) -> None:
        for connection in self._connections:
            connection.close()
