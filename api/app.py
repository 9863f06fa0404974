"""The front door: one complete application per frontend, told apart by the first part of the path.

Start-up and shutdown happen here, once per process; what a request needs of its surroundings (its id, headers, the log
line) is put around it here, once for all frontends.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from api import docs, health, metrics, office, pazz, scheduler, tienda
from api.context import KEY, Context
from api.frontend import Frontend
from api.runtime import Runtime
from logs import configure
from settings import Settings, load

logger = logging.getLogger("api")

COLLECTED_AFTER = 10_000
"""How many objects more before the collector looks at the young ones."""
LOGGED = 300
"""How much of a path the log shows."""

Application = Any
"""An ASGI application; the framework's own types for it are looser than useful."""

FRONTENDS: dict[str, Callable[[Runtime], Frontend]] = {
    "pazz": pazz.build,
    "tienda": tienda.build,
    "scheduler": scheduler.build,
    "office": office.build,
}


class FrontDoor:
    """The ASGI application of one process. `only` serves that frontend at the root instead of under its name."""

    def __init__(self, settings: Settings, only: str | None = None) -> None:
        self.runtime = Runtime(settings)
        self._settings = settings
        names = [only] if only else list(FRONTENDS)
        built = {name: FRONTENDS[name](self.runtime) for name in names}
        self.applications = {name: frontend.application for name, frontend in built.items()}
        self._sockets = {path: app for frontend in built.values() for path, app in frontend.sockets.items()}
        self._inner = {name: frontend.inner for name, frontend in built.items()}
        self._only = only
        mine = uuid.uuid4().hex[:12]  # what tells the requests of this process from those of every other one
        self._request_ids = (f"req_{mine}{number:08x}" for number in itertools.count())
        for name, frontend in built.items():
            docs.place(frontend.application, "/" if only else f"/{name}")
        self._house = health.build(self.runtime, names, office.contract.EXCEPTION_HANDLERS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        for path, sockets in self._sockets.items():
            if scope["path"] == path or scope["path"].startswith(path + "/"):
                await sockets(scope, receive, send)
                return
        frontend, application = self._find(scope)
        about = scope[KEY] = Context(frontend, self._address(scope), next(self._request_ids))
        if scope["type"] == "websocket":
            await application(scope, receive, send)
            return
        await self._serve(application, about, scope, receive, send)

    def _find(self, scope: Any) -> tuple[str, Application]:
        path: str = scope["path"]
        first = path.removeprefix("/").split("/", 1)[0]
        if self._only and first not in health.PATHS:
            return self._only, self._within(self._only, scope)
        if first not in self.applications or not path.startswith("/"):
            return "house", self._house
        _enter(scope, first)
        return first, self._within(first, scope)

    def _within(self, name: str, scope: Any) -> Application:
        """The frontend's application, or the one that stands in its mount where the path leads there."""
        inner, path = self._inner[name], scope["path"]
        first = path[1:].split("/", 1)[0] if inner and path.startswith("/") else ""
        if first not in inner:
            return self.applications[name]
        _enter(scope, first)
        return inner[first]

    async def _serve(self, application: Application, about: Context, scope: Any, receive: Any, send: Any) -> None:
        status = 500
        method, path = scope["method"], scope["path"]
        if method == "HEAD":  # every GET answers it, without its body
            scope["method"] = "GET"
        least = dict(scope["headers"]).get(b"bitacora-at-least")
        if least is not None and least.isdigit() and len(least) < 18:
            lag = await self.runtime.horizon.reached(int(least), self._settings.view_wait_seconds)
            if lag:
                about.add_header("Bitacora-Lag", lag)

        async def send_with_headers(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *(self._allowed(application, about, header) for header in message.get("headers", ())),
                    (b"x-request-id", about.request_id.encode()),
                    *about.headers,
                ]
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            await application(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - about.started
            metrics.observe(about, method, status, seconds)
            if logger.isEnabledFor(logging.INFO):
                caller = about.caller.subject if about.caller else None
                logger.info(
                    "served",
                    extra={
                        "request": about.request_id,
                        "frontend": about.frontend,
                        "method": method,
                        "path": path[:LOGGED],
                        "status": status,
                        "milliseconds": round(seconds * 1000, 2),
                        "caller": caller,
                    },
                )

    def _allowed(self, application: Application, about: Context, header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
        """`Allow` as it is: the framework forgets HEAD, and answers OPTIONS for one of several handlers of a path."""
        if header[0].lower() != b"allow":
            return header
        methods = {method.decode() for method in header[1].split(b", ")}
        for route in application.routes:
            if route.path_format == about.template:
                methods.update(route.methods)
        if "GET" in methods:
            methods.add("HEAD")
        return b"allow", ", ".join(sorted(methods)).encode()

    def _address(self, scope: Any) -> str:
        client = scope.get("client")
        address = client[0] if client else ""
        if self._settings.trusted_proxies:
            forwarded = dict(scope["headers"]).get(b"x-forwarded-for", b"").decode("latin-1")
            hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
            if len(hops) >= self._settings.trusted_proxies:
                return hops[-self._settings.trusted_proxies]
        return address

    async def _lifespan(self, receive: Any, send: Any) -> None:
        await receive()
        try:
            await self.runtime.__aenter__()
        except Exception as error:
            logger.exception("cannot start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        # What there is by now stays as long as the process does: no collection need look at it again. The rest is
        # looked at more seldom than usual, for a request makes thousands of objects and hardly a cycle.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECTED_AFTER, 20, 20)
        told = asyncio.create_task(metrics.keep(self.runtime))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        told.cancel()
        await self.runtime.__aexit__(None, None, None)
        await send({"type": "lifespan.shutdown.complete"})


def _enter(scope: Any, first: str) -> None:
    """Go into a mount: its application sees the rest of the path."""
    mount = "/" + first
    scope["path"] = scope["path"][len(mount) :] or "/"
    scope["raw_path"] = scope["path"].encode()
    scope["root_path"] = scope.get("root_path", "") + mount


def create() -> FrontDoor:
    """The application that the server's processes run, with the settings of the environment."""
    settings = load()
    configure(settings.log_level)
    return FrontDoor(settings, settings.only or None)
