"""Load on an HTTP server: callers who ask for the same sort of thing, each in turn."""

from __future__ import annotations

from scripts.bench import http, measure
from scripts.bench.callers import Callers
from scripts.bench.http import Connection, Following
from scripts.bench.measure import Work


class Load:
    """Those who call where so many rows are."""

    def __init__(self, port: int, secret: str, rows: int) -> None:
        self._port = port
        self._callers = Callers(secret, rows)
        self._connections: list[Connection] = []

    async def open(self) -> None:
        pass

    async def run(self, at_once: int, seconds: float, task: str, rate: float = 0) -> Work:
        """As many as the server takes, or so many per second. `task` is one of the sorts in `callers`."""
        following = self._callers.following(task)
        self._connections = [connection for connection in self._connections if connection.is_open]
        while len(self._connections) < at_once:
            self._connections.append(await Connection.open(self._port))
        if rate:
            return await http.paced(self._connections[:at_once], rate, seconds, following)
        return await measure.in_tasks(at_once, seconds, lambda nth: self._operation(nth, following))

    def _operation(self, nth: int, following: Following) -> measure.Operation:
        connection = self._connections[nth]
        return lambda: connection.ask(following())

    async def close(self) -> None:
        for connection in self._connections:
            connection.close()
