"""`/ws/{user_id}`: the frames of the document, both ways (W12, W13).

The first frame is `auth`, with `since` to hear what was missed. Status, notifications and WhatsApp go to their user
always. Progress goes to the connections that subscribed to that message, and to those of its owner that subscribed to
none; at most a few times a second, and exact at the end. Every frame carries the `position` to resume from.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
import psycopg
from litestar import WebSocket, websocket
from litestar.di import NamedDependency
from litestar.params import FromPath

from api import hub
from api.access import Unauthorized
from api.hub import Push
from api.runtime import Runtime
from api.scheduler import casing, contract, pushes, sockets
from api.scheduler.sockets import Closed, Connection
from api.whatsapp import WhatsApp
from domain import scheduled_message
from domain.delivery import DeliveryConfirmed, DeliveryFailed, DeliveryHandedOver, DeliveryReleased
from eventstore.connect import AsyncConnection
from eventstore.log import last_of
from eventstore.mapper import Recorded
from projections import scheduled_messages

logger = logging.getLogger(__name__)

AUTH_PATIENCE = 10.0
HEARTBEAT = 30.0
PROGRESS_EVERY = 0.25
WHATSAPP_EVERY = 5.0
COPIES = (DeliveryHandedOver, DeliveryConfirmed, DeliveryFailed, DeliveryReleased)
BEING_SENT = 50
CONFIRMED = 10_000
"""How many messages are remembered as delivered, so that it is not said again when they are read."""


class Realtime:
    """The websockets of this process, and what each is told."""

    def __init__(self, runtime: Runtime, whatsapp: WhatsApp) -> None:
        self._runtime = runtime
        self._whatsapp = whatsapp
        self._connections: set[Connection] = set()
        self._moved: dict[tuple[str, str], int] = {}
        self._told = 0
        self._telling = False
        self._watched: set[str] = set()
        self._confirmed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        runtime.hub.join(self, lambda: bool(self._connections))
        runtime.tokens.on_revoked(self._revoked)
        runtime.at_end(self._close)

    # --- what the hub asks

    def wants(self, recorded: Recorded) -> bool:
        """Only what somebody connected here might be told."""
        if isinstance(recorded.event, COPIES):
            return any(one.caller.organization == recorded.meta.organization for one in self._connections)
        to = pushes.subject(recorded)
        return to is not None and any(one.caller.subject == to or one.subscriptions for one in self._connections)

    async def pushes(self, connection: AsyncConnection, recorded: Recorded) -> list[Push]:
        """What to say at once. How the copies of a message are doing is gathered and said a little later."""
        if isinstance(recorded.event, COPIES):
            self._note_moved(recorded.meta.organization, recorded.event.message, recorded.position)
            return []
        return await pushes.of(connection, recorded)

    def _note_moved(self, organization: str, message: str, position: int) -> None:
        self._moved[organization, message] = position
        if not self._telling:
            self._telling = True
            self._start(self._tell_progress(), "progress")

    async def deliver(self, push: Push) -> None:
        """Put it in line at every connection that it is for."""
        message = push.body.get("message_id")
        for one in list(self._connections):
            if one.hears(push, message):
                one.push(push)
        self._told = max(self._told, push.position)
        if message is not None and push.body.get("status") == "sent":
            # Every copy may have reached its phone before the message was over.
            self._note_moved(push.to.partition("/")[0], message, push.position)

    # --- one connection

    async def serve(self, socket: WebSocket[Any, Any, Any], user_id: str) -> None:
        """From its first frame to its end."""
        await socket.accept()
        try:
            one, since = await self._admitted(socket, user_id)
        except Closed as closed:
            await sockets.close(socket, closed.code)
            return
        self._connections.add(one)
        code = 1000
        beating = asyncio.create_task(self._beat(one))
        try:
            await self._welcome(one, since)
            code = await one.serve(self._heard)
        finally:
            self._connections.discard(one)
            beating.cancel()
            await sockets.close(socket, code)

    async def _admitted(self, socket: WebSocket[Any, Any, Any], user_id: str) -> tuple[Connection, int | None]:
        try:
            async with asyncio.timeout(AUTH_PATIENCE):
                frame = await sockets.receive(socket)
        except TimeoutError:
            raise Closed(sockets.UNAUTHORIZED) from None
        token, since = frame.get("token"), frame.get("since")
        if frame.get("type") != "auth" or not isinstance(token, str):
            raise Closed(sockets.UNAUTHORIZED)
        try:
            caller = self._runtime.tokens.caller(token)
        except Unauthorized:
            raise Closed(sockets.UNAUTHORIZED) from None
        if caller.id != user_id or caller.role not in contract.ROLES:
            raise Closed(sockets.FORBIDDEN)
        resumes = isinstance(since, int) and not isinstance(since, bool) and 0 <= since < 2**62
        return Connection(socket, caller, token), since if resumes else None

    async def _welcome(self, one: Connection, since: int | None) -> None:
        told, position = self._runtime.hub.position, self._runtime.horizon.position
        resumed = since is not None and position - hub.RESUME_LIMIT <= since <= position
        one.say({"type": "auth_success", "user_id": one.caller.id, "position": position, "resumed": resumed})
        missed: list[Push] = []
        if since is not None:
            missed = await self._runtime.hub.missed(Resuming(one), since)
            await self._look_at_sending(one)
        one.catch_up([push for push in missed if one.hears(push, push.body.get("message_id"))], told)
        organization = one.caller.organization
        if organization not in self._watched:
            self._watched.add(organization)
            self._start(self._watch(organization), "whatsapp")
        one.say_whatsapp(await self._status(organization))

    async def _look_at_sending(self, one: Connection) -> None:
        """Say anew how far the messages are that are being sent."""
        sought = scheduled_messages.Filter(owner=one.caller.id, statuses=("sending", "retry"))
        organization = one.caller.organization
        async with self._runtime.connection() as connection:
            rows, _ = await scheduled_messages.page(connection, organization, sought, "-updated_at", BEING_SENT, 0)
            for row in rows:
                one.push(await pushes.progress(connection, organization, row, self._runtime.horizon.position))

    async def _heard(self, one: Connection, frame: dict[str, Any]) -> None:
        kind, message = frame.get("type"), casing.snaked(frame, 1).get("message_id")
        if kind in ("ping", "heartbeat"):
            one.say({"type": "pong"})
        elif kind in ("subscribe_message", "unsubscribe_message") and isinstance(message, str) and "\0" not in message:
            await self._subscribe(one, message, kind == "subscribe_message")
        elif kind not in ("auth", "pong"):
            one.say({"type": "error", "code": "BAD_FRAME", "message": "No se reconoce este mensaje"})

    async def _subscribe(self, one: Connection, message: str, wanted: bool) -> None:
        if not wanted:
            one.subscriptions.discard(message)
            one.say({"type": "unsubscribed", "message_id": message})
            return
        async with self._runtime.connection() as connection:
            row = await scheduled_messages.by_id(connection, one.caller.organization, message)
            sees = row is not None and (row.owner == one.caller.id or contract.sees_all(one.caller))
            if row is None or not sees or len(one.subscriptions) >= sockets.MAX_SUBSCRIPTIONS:
                one.say({"type": "error", "code": "NOT_FOUND", "message": contract.SENTENCES["NOT_FOUND"]})
                return
            one.subscriptions.add(message)
            one.say({"type": "subscribed", "message_id": message})
            position = self._runtime.horizon.position
            one.push(await pushes.progress(connection, one.caller.organization, row, position))

    # --- what happens by itself

    async def _tell_progress(self) -> None:
        """Gather for a moment, then say how far each message is that moved; until none does."""
        try:
            while self._moved and self._connections:
                await asyncio.sleep(PROGRESS_EVERY)
                moved, self._moved = self._moved, {}
                try:
                    async with self._runtime.connection() as connection:
                        for (organization, message), position in moved.items():
                            await self._tell_one(connection, organization, message, position)
                except psycopg.Error as error:
                    logger.warning("database away (%s), trying again", str(error).strip())
                    self._moved = {**moved, **self._moved}
        finally:
            self._telling = False
        self._moved = {}

    async def _tell_one(self, connection: AsyncConnection, organization: str, message: str, position: int) -> None:
        row = await scheduled_messages.by_id(connection, organization, message)
        if row is None:
            return
        told = await pushes.progress(connection, organization, row, position)
        arrived = row.status == "sent" and pushes.all_delivered(told) and message not in self._confirmed
        # The views may show that it was sent before that was told here; it is noted again when it is.
        arrived = arrived and position >= await last_of(connection, scheduled_message.stream(organization, message))
        # Who comes back to the last position that it heard of is told nothing twice.
        upto = max(position, self._told)
        await self.deliver(msgspec.structs.replace(told, position=upto))
        if arrived:
            if len(self._confirmed) >= CONFIRMED:
                self._confirmed.clear()
            self._confirmed.add(message)
            await self.deliver(pushes.delivered(organization, row, self._runtime.clock(), upto))

    async def _watch(self, organization: str) -> None:
        """Look at the connection to WhatsApp as long as somebody of the organisation is here."""
        while any(one.caller.organization == organization for one in self._connections):
            frame = await self._status(organization)
            for one in list(self._connections):
                if one.caller.organization == organization:
                    one.say_whatsapp(frame)
            await asyncio.sleep(WHATSAPP_EVERY)
        self._watched.discard(organization)

    async def _status(self, organization: str) -> dict[str, Any]:
        found = await self._whatsapp.connection(organization)
        qr = {"qr_code": found.qr_code} if found.status == "qr_needed" and found.qr_code else {}
        return {"type": "whatsapp_status", "status": found.status, **qr}

    async def _beat(self, one: Connection) -> None:
        """Let it be known that the line is alive; a token that is over ends it."""
        while True:
            await asyncio.sleep(HEARTBEAT)
            try:
                self._runtime.tokens.caller(one.token)
            except Unauthorized:
                one.end(sockets.UNAUTHORIZED)
            one.say({"type": "heartbeat", "timestamp": contract.iso(self._runtime.clock())})

    def _revoked(self, sign_in: str) -> None:
        for one in self._connections:
            if one.caller.sign_in == sign_in:
                one.end(sockets.UNAUTHORIZED)

    def _start(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self) -> None:
        for one in list(self._connections):
            one.end(1012)
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


class Resuming:
    """The same for one connection that catches up."""

    def __init__(self, one: Connection) -> None:
        self._one = one

    def wants(self, recorded: Recorded) -> bool:
        return not isinstance(recorded.event, COPIES) and pushes.subject(recorded) == self._one.caller.subject

    async def pushes(self, connection: AsyncConnection, recorded: Recorded) -> list[Push]:
        return await pushes.of(connection, recorded)

    async def deliver(self, push: Push) -> None:
        self._one.push(push)


@websocket("/ws/{user_id:str}", opt={"public": True})
async def connect(
    socket: WebSocket[Any, Any, Any], user_id: FromPath[str], realtime: NamedDependency[Realtime]
) -> None:
    """What happens to the caller's things, as it happens."""
    await realtime.serve(socket, user_id)
