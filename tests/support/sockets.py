"""Websockets for tests, plain and Socket.IO, to a front door that listens (`world.address`).

    with Socket(world.address, "/flow?token=...") as browser:
        browser.send("{}")
        assert browser.receive() == "..."

    with SocketIo(world.address, {"token": client.token}) as browser:
        name, *arguments = browser.event()

Both answer pings while they wait for something.
"""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from wsproto import ConnectionType, WSConnection, events
from wsproto.utilities import LocalProtocolError

from tests.support.waiting import PATIENCE

SILENCE = 0.3
"""How long nothing must come before a test believes that nothing will."""


class Refused(Exception):
    """The server did not take the connection, or has closed it: `status` is the HTTP status or the close code."""

    def __init__(self, status: int | None, why: object = None) -> None:
        super().__init__(status, why)
        self.status = status
        self.why = why


class Socket:
    """One websocket. Use as a context manager."""

    def __init__(self, address: str, path: str, headers: Mapping[str, str] | None = None) -> None:
        host = address.removeprefix("http://")
        name, _, port = host.partition(":")
        self._arrived: deque[str] = deque()
        self._text = ""
        self._open = False
        self._ws = WSConnection(ConnectionType.CLIENT)
        self._socket = socket.create_connection((name, int(port)), PATIENCE)
        try:
            more = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
            self._socket.sendall(self._ws.send(events.Request(host=host, target=path, extra_headers=more)))
            while not self._open:
                self._read(PATIENCE)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError, LocalProtocolError):
            self._socket.sendall(self._ws.send(events.CloseConnection(code=1000)))
        self._socket.close()

    def send(self, message: str) -> None:
        self._socket.sendall(self._ws.send(events.TextMessage(message)))

    def receive(self, seconds: float = PATIENCE) -> str:
        """The next message. Fails when none comes in time; raises `Refused` when the server has closed."""
        message = self.receive_if_any(seconds)
        assert message is not None, f"nothing came within {seconds} s"
        return message

    def receive_if_any(self, seconds: float = SILENCE) -> str | None:
        """The next message; None when none comes for a while."""
        deadline = time.monotonic() + seconds
        while not self._arrived:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            try:
                self._read(left)
            except TimeoutError:
                return None
        return self._arrived.popleft()

    def closed_with(self, seconds: float = PATIENCE) -> int | None:
        """The code with which the server closes, whatever it says before."""
        try:
            while self.receive_if_any(seconds) is not None:
                pass
        except Refused as refused:
            return refused.status
        raise AssertionError(f"still open after {seconds} s")

    def _read(self, seconds: float) -> None:
        self._socket.settimeout(seconds)
        data = self._socket.recv(65_536)
        if not data:
            raise Refused(1006, "cut")
        self._ws.receive_data(data)
        for event in self._ws.events():
            match event:
                case events.AcceptConnection():
                    self._open = True
                case events.RejectConnection():
                    raise Refused(event.status_code)
                case events.TextMessage():
                    self._text += event.data
                    if event.message_finished:
                        self._arrived.append(self._text)
                        self._text = ""
                case events.Ping():
                    self._socket.sendall(self._ws.send(event.response()))
                case events.CloseConnection():
                    raise Refused(event.code, event.reason)


class SocketIo:
    """A Socket.IO client over one websocket, connected to one namespace. Raises `Refused` when it is not let in."""

    def __init__(
        self,
        address: str,
        auth: Any,
        namespace: str = "/",
        path: str = "/socket.io",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._namespace = "" if namespace == "/" else f"{namespace},"
        self._socket = Socket(address, f"{path}/?EIO=4&transport=websocket", headers)
        try:
            self._connect(auth)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self, auth: Any) -> None:
        assert self._socket.receive()[0] == "0"
        self._socket.send(f"40{self._namespace}{json.dumps(auth) if auth is not None else ''}")
        answer = self._next() or "nothing"
        if answer.startswith("44"):
            raise Refused(None, json.loads(answer[2:].removeprefix(self._namespace))["message"])
        assert answer.startswith(f"40{self._namespace}"), answer
        about = json.loads(answer[2:].removeprefix(self._namespace))
        self.pid: str = about["pid"]
        """What a client hands back as `auth.pid` when it connects again, as socket.io-client does by itself."""
        self.offset: str | None = None
        """The text that came last at the end of an event, which it hands back as `auth.offset` in the same way."""

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def event(self, seconds: float = PATIENCE) -> list[Any]:
        """The next event: its name and its arguments."""
        event = self.event_if_any(seconds)
        assert event is not None, f"no event came within {seconds} s"
        return event

    def event_if_any(self, seconds: float = SILENCE) -> list[Any] | None:
        """The next event that a page listens to; None when none comes for a while."""
        while (message := self._next(seconds)) is not None:
            prefix = f"42{self._namespace}"
            assert message.startswith(prefix), message
            event = json.loads(message[len(prefix) :])
            self.offset = event[-1]
            if event[0] != "position":
                return event
        return None

    def is_cut(self, seconds: float = PATIENCE) -> bool:
        """Whether the server ends the connection, whatever it says before."""
        try:
            while message := self._next(seconds):
                if message.startswith(f"41{self._namespace.rstrip(',')}"):
                    return True
        except Refused:
            return True
        return False

    def _next(self, seconds: float = PATIENCE) -> str | None:
        while (message := self._socket.receive_if_any(seconds)) == "2":
            self._socket.send("3")
        return message
