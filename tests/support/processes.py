"""A process of the API inside the process of the tests: a front door, and the event loop that it runs on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, TypeVar

import httpx2
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server

from api import identity
from api.app import FrontDoor
from api.runtime import Runtime
from settings import Settings
from tests.support.callers import Client, User
from tests.support.waiting import PATIENCE, free_port, is_open, until

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own, for tests that are not asynchronous themselves."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="api", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of a coroutine."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE * 2)

    def stop(self) -> None:
        self.run(self._cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()

    async def _cancel(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:  # such as a socket's next ping
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=1)


class Process:
    """One process of the API: its front door, open, called without a network in between.

    `address` makes it listen on a port as well, for websockets and for what only a real server can show.
    """

    def __init__(self, settings: Settings, loop: Loop, only: str | None = None) -> None:
        self.settings = settings
        self.loop = loop
        self.door = FrontDoor(settings, only)
        self.runtime: Runtime = self.door.runtime
        self._server: Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._address = ""
        transport = httpx2.ASGITransport(app=self.door, raise_app_exceptions=False, client=("203.0.113.7", 50_000))
        # Everybody in a test calls through this one: what one is given in cookies is not for the others.
        forgetful = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self.http = httpx2.AsyncClient(
            transport=transport, base_url="http://bitacora.test", timeout=PATIENCE, cookies=forgetful
        )
        loop.run(self.runtime.__aenter__())

    @property
    def address(self) -> str:
        """`http://127.0.0.1:port`, where a real server serves this front door."""
        if self._server is None:
            port = free_port()
            self.loop.run(self._listen(port))
            self._address = f"http://127.0.0.1:{port}"
            until(lambda: is_open(port))
        return self._address

    async def _listen(self, port: int) -> None:
        # The front door is open already, so the server must not open it again.
        self._server = Server(
            self.door, port=port, interface=Interfaces.ASGINL, http=HTTPModes.http1, log_enabled=False
        )
        self._serving = asyncio.create_task(self._server.serve())

    def visitor(self) -> Client:
        """Somebody who did not sign in."""
        return Client(self, {})

    def signed_in(self, who: User) -> Client:
        """Somebody who did."""
        if who.role == "shopper":
            login = {"usuario": who.email, "password": who.password}
            answer = self.visitor().post("/tienda/auth/clientes/login", json=login)
            return Client(self, {"authorization": f"Bearer {answer.json['access_token']}"})
        signed = self.loop.run(identity.sign_in(self.runtime, who.email, who.password, {who.role}))
        return Client(self, {"authorization": f"Bearer {signed.access_token}"}, signed)

    def close(self) -> None:
        self.loop.run(self._close())

    async def _close(self) -> None:
        await self.http.aclose()
        if self._server is not None and self._serving is not None:
            self._server.stop()
            await self._serving
        await self.runtime.__aexit__(None, None, None)
