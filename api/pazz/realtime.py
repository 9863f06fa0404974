"""The Socket.IO server of the partner dashboard: who is connected, and what each is told.

The document's client calls `io(VITE_WS_URL, { auth: { token } })`. For a URL with a path, socket.io-client takes the
path as the namespace and connects to `/socket.io` at the root; so both namespaces `/` and `/pazz` are served, there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import partial
from traceback import walk_tb
from types import FrameType
from typing import Any

import msgspec
import psycopg
import socketio
from socketio.exceptions import ConnectionRefusedError
from socketio.packet import CONNECT

from api.access import Revoked, Unauthorized
from api.context import Caller
from api.hub import Push
from api.pazz import contract, pushes, returning
from api.runtime import Runtime
from eventstore.connect import AsyncConnection
from eventstore.mapper import Recorded


class Theirs(logging.Filter):
    """A packet that makes no sense is a fault of whoever sent it, and anybody can: one line, where the library has a
    traceback as for a fault of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not any(_is_ours(frame) for frame, _ in walk_tb(error.__traceback__)):
            record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
            record.msg, record.args, record.exc_info = "a packet that makes no sense: %s", (error,), None
        return True


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("api.")


# The library would otherwise write to standard error by itself, past our handler.
LIBRARY: Any = logging.getLogger("api.pazz.socketio")
LIBRARY.setLevel(logging.WARNING)
LIBRARY.addFilter(Theirs())

NAMESPACES = ("/", "/pazz")
POSITION = "position"
"""The event that says from where on a new connection is told; it may be cut before there is anything to tell."""
ASK_AGAIN = 0.5
"""Seconds between two questions to a database that is away."""


class Realtime:
    """The Socket.IO server of this process and what it tells its partners. Each partner has a room of their own."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        several = runtime.settings.api_processes > 1
        self.server = Server(
            self._pid,
            async_mode="asgi",
            # Long polling needs every request of a session to reach one process; with several only websockets do.
            transports=["websocket"] if several else None,
            cors_allowed_origins=list(runtime.settings.allowed_origins) or None,
            namespaces=list(NAMESPACES),
            max_http_buffer_size=100_000,
            logger=LIBRARY,
            engineio_logger=LIBRARY,
        )
        for namespace in NAMESPACES:
            self.server.on("connect", partial(self._connect, namespace), namespace=namespace)
            self.server.on("disconnect", partial(self._disconnect, namespace), namespace=namespace)
        self.application = socketio.ASGIApp(self.server, socketio_path="/socket.io")
        self._connections: dict[tuple[str, str], Caller] = {}
        self._callers: dict[str, Caller] = {}
        self._count: Counter[str] = Counter()
        # Who came back, and up to where that is told them as what they missed: of that, the hub has nothing to tell.
        self._resuming: dict[tuple[str, str], int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        runtime.hub.join(self, lambda: bool(self._connections))
        runtime.tokens.on_revoked(self._revoked)
        runtime.at_end(self.server.shutdown)

    async def _connect(self, namespace: str, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        given: dict[str, Any] = auth if isinstance(auth, dict) else {}
        try:
            caller = await self._caller(given)
        except Unauthorized:
            raise ConnectionRefusedError("UNAUTHORIZED") from None
        if caller.role != contract.ROLE:
            raise ConnectionRefusedError("FORBIDDEN")
        for room in (caller.subject, _room_of_sign_in(caller.sign_in)):
            await self.server.enter_room(sid, room, namespace=namespace)
        self._connections[namespace, sid] = self._callers[caller.subject] = caller
        self._count[caller.subject] += 1
        told, since = self._runtime.hub.position, _position(given.get("offset"))
        upto = self._runtime.horizon.position
        if since is not None and since <= upto:
            self._resuming[namespace, sid] = upto
        self._start(self._welcome(namespace, sid, caller, told, since, upto))

    async def _caller(self, given: dict[str, Any]) -> Caller:
        """Who connects: by a good token, or by the expired one of a connection that they had before."""
        token = given.get("token")
        try:
            return self._runtime.tokens.caller(token if isinstance(token, str) else "")
        except Revoked:
            raise
        except Unauthorized:
            while True:
                with contextlib.suppress(psycopg.Error):
                    return await returning.caller(self._runtime, token, given.get("pid"))
                await asyncio.sleep(ASK_AGAIN)  # who waits does not mind; who is refused does not come back

    def _pid(self, namespace: str, sid: str) -> str:
        return returning.pid(self._runtime, self._connections[namespace, sid].sign_in, sid)

    async def _welcome(
        self, namespace: str, sid: str, caller: Caller, told: int | None, since: int | None, upto: int
    ) -> None:
        """Tell who comes back what they missed, and who is new from where on they are told, once the client has been
        told that it is connected."""
        missed = [] if since is None else await self._missed(namespace, sid, caller, since, upto)
        # The library says nothing when it has said so to the client, a moment after `_connect`.
        while (namespace, sid) in self._connections and not self.server.manager.is_connected(sid, namespace):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if told is not None and (since is None or since > upto):  # or it says what this log never said
            await self.server.emit(POSITION, str(told), to=sid, namespace=namespace)
        for push in newest(missed):
            if push.to == caller.subject:
                await self._emit(push, sid, namespace)

    async def _missed(self, namespace: str, sid: str, caller: Caller, since: int, upto: int) -> list[Push]:
        """What somebody missed. While the database is away that is asked again: a client that is connected does not ask
        by itself."""
        while (namespace, sid) in self._connections:
            with contextlib.suppress(psycopg.Error):
                return await self._runtime.hub.missed(Resuming(self._runtime, caller), since, upto)
            await asyncio.sleep(ASK_AGAIN)
        return []

    async def _disconnect(self, namespace: str, sid: str, *_: object) -> None:
        self._resuming.pop((namespace, sid), None)
        gone = self._connections.pop((namespace, sid), None)
        if gone is not None:
            self._count[gone.subject] -= 1
            if not self._count[gone.subject]:
                del self._count[gone.subject], self._callers[gone.subject]

    def _revoked(self, sign_in: str) -> None:
        """Whoever signed out, or was signed out, is told nothing more."""
        self._start(self._end(_room_of_sign_in(sign_in)))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            LIBRARY.error("a connection was not served to the end", exc_info=error)

    async def _end(self, room: str) -> None:
        for namespace in NAMESPACES:
            for sid in list(self.server.manager.rooms.get(namespace, {}).get(room, {})):
                await self.server.disconnect(sid, namespace=namespace)

    def wants(self, recorded: Recorded) -> bool:
        """Only what the dashboard listens to, and only for partners who are connected here."""
        return pushes.concerns(recorded, self._callers)

    async def pushes(self, connection: AsyncConnection, recorded: Recorded) -> Sequence[Push]:
        """What to tell the partners who are connected here."""
        return await pushes.of(self._runtime, connection, recorded, self._callers)

    async def deliver(self, push: Push) -> None:
        """To every connection of the partner, in both namespaces."""
        self._resuming = {known: upto for known, upto in self._resuming.items() if upto >= push.position}
        for namespace in NAMESPACES:
            await self._emit(push, push.to, namespace, [sid for where, sid in self._resuming if where == namespace])

    async def _emit(self, push: Push, to: str, namespace: str, but: Sequence[str] = ()) -> None:
        # A text at the end is what socket.io-client hands back as `auth.offset`, by itself, when it connects again.
        body = (msgspec.to_builtins(push.body), str(push.position))
        await self.server.emit(push.name, body, to=to, skip_sid=list(but), namespace=namespace)


class Server(socketio.AsyncServer):
    """The library's server, which tells every client that is let in its `pid`."""

    def __init__(self, pid: Callable[[str, str], str], **settings: Any) -> None:
        super().__init__(**settings)
        self._pid = pid

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        if pkt.packet_type == CONNECT:
            pkt.data["pid"] = self._pid(pkt.namespace or "/", pkt.data["sid"])
        await super()._send_packet(eio_sid, pkt)


class Resuming:
    """One partner who connects again, as the hub asks for what they missed."""

    def __init__(self, runtime: Runtime, caller: Caller) -> None:
        self._runtime = runtime
        self._caller = caller

    def wants(self, recorded: Recorded) -> bool:
        """Whether it might concern them."""
        return pushes.concerns(recorded, {self._caller.subject: self._caller})

    async def pushes(self, connection: AsyncConnection, recorded: Recorded) -> Sequence[Push]:
        """What to tell them."""
        return await pushes.of(self._runtime, connection, recorded, {self._caller.subject: self._caller})

    async def deliver(self, push: Push) -> None:
        """Nothing is told them but what they missed."""


def newest(missed: Collection[Push]) -> Collection[Push]:
    """Without those that a later one repeats: pushes say how things are now, whenever they happened."""
    told = {(push.name, msgspec.json.encode(push.body)): push.position for push in missed}
    return [push for push in missed if told[push.name, msgspec.json.encode(push.body)] == push.position]


def _position(offset: object) -> int | None:
    """Where a client that comes back left off, if it says so."""
    is_one = isinstance(offset, str) and len(offset) < 19 and offset.isascii() and offset.isdigit()
    return int(offset) if is_one else None  # type: ignore[arg-type]


def _room_of_sign_in(sign_in: str) -> str:
    return f"sign-in {sign_in}"
