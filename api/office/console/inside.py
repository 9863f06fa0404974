"""The office's routes, called by its console within the process: with their roles, limits, checks and refusals."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.context import KEY, Context
from api.office import contract

PASSED_ON = {b"bitacora-position", b"bitacora-lag", b"retry-after", b"idempotency-replayed"}
"""Headers of a route's answer that are true of the page as well."""


class Answer(msgspec.Struct, frozen=True):
    """What a route answered."""

    status: int
    body: Any

    @property
    def accepted(self) -> bool:
        """Whether it did or showed what it was asked for."""
        return self.status < 400


class Refused(Exception):
    """A route refused what a page cannot be without: the page says what the route said."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class Routes:
    """The routes of the office, each known by its handler."""

    def __init__(self, application: Litestar) -> None:
        self._application = application
        self._known: dict[Any, tuple[str, str]] = {}
        for route in application.routes:
            if isinstance(route, HTTPRoute):
                for method, (handler, _) in route.route_handler_map.items():
                    self._known[handler.fn] = method, route.path_format

    def roles(self, handler: HTTPRouteHandler) -> Collection[str]:
        """Who may call a route."""
        return handler.opt.get("roles", contract.MANAGERS)

    async def call(
        self,
        handler: HTTPRouteHandler,
        about: Context,
        *,
        token: str = "",
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        key: str = "",
        path: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call a route on behalf of a request to the console: `token` says whose, `key` tells a repeated command."""
        method, template = self._known[handler.fn]
        where = template.format(**(path or {}))
        headers = [(b"content-type", b"application/json")]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode("latin-1", "replace")))
        if key:
            headers.append((b"idempotency-key", key.encode("latin-1", "replace")))
        within = Context(about.frontend, about.address, about.request_id)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": where,
            "raw_path": where.encode(),
            "root_path": "",
            "query_string": urlencode(query or {}).encode(),
            "headers": headers,
            "client": None,
            "server": None,
            KEY: within,
        }
        sent = [msgspec.json.encode(body) if body is not None else b""]
        status, parts = 500, bytearray()

        async def receive() -> Any:
            rest = {"body": sent.pop()} if sent else {}
            return {"type": "http.request", "more_body": False, **rest}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)
            parts.extend(message.get("body", b""))

        await self._application(scope, receive, send)  # pyright: ignore[reportArgumentType]
        about.headers = [
            *(header for header in about.headers if header[0] not in PASSED_ON),
            *(header for header in within.headers if header[0] in PASSED_ON),
        ]
        return Answer(status, msgspec.json.decode(bytes(parts)) if parts else None)
