"""One websocket of this frontend: who is there, what it wants to hear, and what is on its way to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
from litestar import WebSocket
from litestar.exceptions import WebSocketDisconnect

from api.context import Caller
from api.hub import Push

logger = logging.getLogger(__name__)

UNAUTHORIZED, FORBIDDEN, TOO_SLOW, BAD_FRAME = 4401, 4403, 4408, 4400
BROKEN = 1011
"""Something went wrong here: who is told so connects again."""
WAITING = 256
"""How many frames may wait for a slow reader before it is cut; it resumes with `since`."""
SEND_PATIENCE = 10.0
MAX_FRAME = 16_384
MAX_SUBSCRIPTIONS = 200
Telling = tuple[int, str, object, object]
DECODER = msgspec.json.Decoder(dict[str, Any])


class Closed(Exception):
    """The connection is to end, with this code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Connection:
    """A client that has shown who it is. Frames to it wait in a line of their own."""

    def __init__(self, socket: WebSocket[Any, Any, Any], caller: Caller, token: str) -> None:
        self.caller = caller
        self.token = token
        self.subscriptions: set[str] = set()
        self._socket = socket
        self._line: asyncio.Queue[bytes] = asyncio.Queue()
        self._room = WAITING
        self._ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._held: list[Push] | None = []
        self._told: set[Telling] = set()
        self._whatsapp: dict[str, Any] | None = None

    def hears(self, push: Push, message: str | None) -> bool:
        """Whether a push is for this connection: it is its user's, or about a message that it subscribed to (W13)."""
        if push.name == "message_progress" and self.subscriptions:
            return message in self.subscriptions
        return push.to == self.caller.subject or (
            message in self.subscriptions and push.to.startswith(f"{self.caller.organization}/")
        )

    def push(self, push: Push) -> None:
        """Tell it, after everything that it missed and unless that was among it."""
        if self._held is not None:
            self._held.append(push)
        elif _telling(push) not in self._told:
            self.say({**push.body, "position": push.position})

    def catch_up(self, missed: list[Push], hub: int | None) -> None:
        """Tell what it missed, then what happened meanwhile, nothing twice. However much that is, there is room. `hub`
        is how far the hub was when it connected: what comes after that, the hub may come to at any time."""
        held, self._held = self._held or [], None
        self._room += len(missed) + len(held)
        for push in missed:
            self.push(push)
        self._told = {_telling(push) for push in missed if hub is None or push.position > hub}
        for push in held:
            self.push(push)

    def say_whatsapp(self, frame: dict[str, Any]) -> None:
        """Say how the connection to WhatsApp is, unless that was the last thing said about it."""
        if frame != self._whatsapp:
            self._whatsapp = frame
            self.say(frame)

    def say(self, frame: dict[str, Any]) -> None:
        """Put a frame in line. One that does not read is cut."""
        if self._line.qsize() < self._room:
            self._line.put_nowait(msgspec.json.encode(frame))
        else:
            self.end(TOO_SLOW)

    def end(self, code: int) -> None:
        """Have the connection end."""
        if not self._ended.done():
            self._ended.set_result(code)

    async def serve(self, heard: Any) -> int:
        """Send what is in line and hand every frame that comes to `heard`, until one side ends it; returns the code."""
        work = [asyncio.create_task(self._send()), asyncio.create_task(self._receive(heard))]
        try:
            await asyncio.wait([*work, self._ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            ends = await asyncio.gather(*work, return_exceptions=True)
        if self._ended.done():
            return self._ended.result()
        if broken := [end for end in ends if isinstance(end, Exception) and not isinstance(end, Closed)]:
            logger.info("a websocket broke off: %r", broken[0])
        return next((end.code for end in ends if isinstance(end, Closed)), BROKEN)

    async def _send(self) -> None:
        while True:
            frame = await self._line.get()
            try:
                async with asyncio.timeout(SEND_PATIENCE):
                    await self._socket.send_data(frame.decode(), mode="text")
            except TimeoutError:
                raise Closed(TOO_SLOW) from None

    async def _receive(self, heard: Any) -> None:
        while True:
            await heard(self, await receive(self._socket))


def _telling(push: Push) -> Telling:
    """What tells one push from another. That a message is delivered, and how far another one is, may be said at the
    position of the very event that says that it was sent."""
    status = push.name == "message_status_update" and push.body["status"]
    return push.position, push.name, push.body.get("message_id"), status


async def receive(socket: WebSocket[Any, Any, Any]) -> dict[str, Any]:
    """The next frame; an empty one for what is no JSON object. Raises `Closed`."""
    try:
        text = await socket.receive_text()
    except WebSocketDisconnect:
        raise Closed(1000) from None
    if len(text) > MAX_FRAME:
        raise Closed(BAD_FRAME)
    try:
        return DECODER.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return {}


async def close(socket: WebSocket[Any, Any, Any], code: int) -> None:
    """End a websocket; one that is gone already is."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(1.0):
            await socket.close(code=code)
