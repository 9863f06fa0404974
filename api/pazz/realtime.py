"""Pushes to the partner dashboard over Socket.IO: `goal:updated` (a complete goal) and `commission:earned`.

The document's client calls `io(VITE_WS_URL, { auth: { token } })`. For a URL with a path, socket.io-client takes the
path as the namespace and connects to `/socket.io` at the root; so both namespaces `/` and `/pazz` are served, there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import socketio
from socketio.exceptions import ConnectionRefusedError

from api.access import Unauthorized
from api.hub import Push
from api.pazz import commissions, contract, goals
from api.runtime import Runtime
from domain.commission import CommissionEarned
from domain.goal import CommissionCounted, CommissionUncounted, GoalRevised, GoalSet
from domain.values import Month
from eventstore.connect import AsyncConnection
from eventstore.mapper import Recorded

# The library would otherwise write to standard error by itself, past our handler.
LIBRARY: Any = logging.getLogger("api.pazz.socketio")
LIBRARY.setLevel(logging.WARNING)

NAMESPACES = ("/", "/pazz")
GOAL_EVENTS = (GoalSet, GoalRevised, CommissionCounted, CommissionUncounted)
PUSHED = (*GOAL_EVENTS, CommissionEarned)


class Realtime:
    """The Socket.IO server of this process and what it tells its partners. Each partner has a room of their own."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        several = runtime.settings.api_processes > 1
        self.server = socketio.AsyncServer(
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
        self.application = socketio.ASGIApp(self.server, socketio_path="/socket.io")
        self._ending: set[asyncio.Task[None]] = set()
        runtime.hub.join(self)
        runtime.tokens.on_revoked(self._revoked)
        runtime.at_end(self.server.shutdown)

    async def _connect(self, namespace: str, sid: str, environ: dict[str, Any], auth: Any = None) -> None:
        given: dict[str, Any] = auth if isinstance(auth, dict) else {}
        token, since = given.get("token"), given.get("since")
        try:
            caller = self._runtime.tokens.caller(token if isinstance(token, str) else "")
        except Unauthorized:
            raise ConnectionRefusedError("UNAUTHORIZED") from None
        if caller.role != contract.ROLE:
            raise ConnectionRefusedError("FORBIDDEN")
        for room in (caller.subject, _room_of_sign_in(caller.sign_in)):
            await self.server.enter_room(sid, room, namespace=namespace)
        if isinstance(since, int):
            for push in await self._runtime.hub.missed(self, since):
                if push.to == caller.subject:
                    await self._emit(push, sid, namespace)

    def _revoked(self, sign_in: str) -> None:
        """Whoever signed out, or was signed out, is told nothing more."""
        task = asyncio.get_running_loop().create_task(self._end(_room_of_sign_in(sign_in)))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, room: str) -> None:
        for namespace in NAMESPACES:
            for sid in list(self.server.manager.rooms.get(namespace, {}).get(room, {})):
                await self.server.disconnect(sid, namespace=namespace)

    def wants(self, recorded: Recorded) -> bool:
        """Only what the dashboard listens to, and only for partners who are connected here."""
        return isinstance(recorded.event, PUSHED) and self._room_of(recorded) in self._rooms()

    async def pushes(self, connection: AsyncConnection, recorded: Recorded) -> Sequence[Push]:
        """`goal:updated` is what GET /goals/current says; events of another month are not the current goal's."""
        event, organization = recorded.event, recorded.meta.organization
        if isinstance(event, CommissionEarned):
            body = await commissions.shown_by_id(connection, organization, event.commission)
            return [Push(self._room_of(recorded), "commission:earned", body, recorded.position)] if body else []
        assert isinstance(event, GOAL_EVENTS)
        month = goals.this_month(self._runtime, self._runtime.clock())
        if Month.parse(event.month) != month:
            return []
        goal = await goals.current(self._runtime, connection, organization, event.partner, month)
        return [Push(self._room_of(recorded), "goal:updated", goal, recorded.position)]

    async def deliver(self, push: Push) -> None:
        """To every connection of the partner, in both namespaces."""
        for namespace in NAMESPACES:
            await self._emit(push, push.to, namespace)

    async def _emit(self, push: Push, to: str, namespace: str) -> None:
        # The position goes along as a second argument; a client hands it back as `auth.since` to resume.
        body = (msgspec.to_builtins(push.body), {"position": push.position})
        await self.server.emit(push.name, body, to=to, namespace=namespace)

    def _room_of(self, recorded: Recorded) -> str:
        return f"{recorded.meta.organization}/{getattr(recorded.event, 'partner', '')}"

    def _rooms(self) -> set[str]:
        rooms = self.server.manager.rooms
        return {room for namespace in NAMESPACES for room in rooms.get(namespace, {}) if room}


def _room_of_sign_in(sign_in: str) -> str:
    return f"sign-in {sign_in}"
