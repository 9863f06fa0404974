"""What every frontend's application is given: its dependencies, its cross-origin rules, its place in the front door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Request
from litestar.config.cors import CORSConfig
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, InternalServerException, SerializationException, ValidationException
from litestar.handlers import BaseRouteHandler

from api import context, faults
from api.context import Caller
from api.runtime import Runtime
from settings import Settings

EXPOSED = [
    "Bitacora-Position",
    "Bitacora-Lag",
    "ETag",
    "Idempotency-Replayed",
    "Retry-After",
    "X-CSRF-Token",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-Id",
]


class Frontend(msgspec.Struct, frozen=True):
    """An application, the sockets it serves at the root because its document's client connects there, and what stands
    in its mount as an application of its own, by the next part of the path."""

    application: Any
    sockets: Mapping[str, Any] = {}
    inner: Mapping[str, Any] = {}


class JsonRequest(Request[Any, Any, Any]):
    """A request whose body is JSON or refused: 415 when it says that it is something else, 400 when it cannot be read
    or has not exactly the types of the route's `body`.

    A browser sends other kinds of content to any site without asking that site first.
    """

    async def body(self) -> bytes:
        """The body as it came. One that breaks off in the middle is the caller's fault, not ours."""
        try:
            return await super().body()
        except InternalServerException as error:
            raise HTTPException(status_code=400, detail=error.detail) from None

    async def json(self) -> Any:
        """The body, decoded."""
        kind = self.content_type[0]
        if kind and kind != "application/json" and not kind.endswith("+json"):
            raise HTTPException(status_code=415, detail=f"{kind} is not JSON")
        shape = self.route_handler.opt.get("body")
        try:
            decoded = await super().json()
            if shape is not None and not (decoded is None and self.route_handler.opt.get("bodiless")):
                msgspec.convert(decoded, shape)  # the framework itself would take "5" for 5 and 5 for a time
        except (SerializationException, *faults.UNREADABLE, msgspec.ValidationError) as error:
            raise ValidationException(str(error)) from None
        return decoded


def dependencies(runtime: Runtime) -> dict[str, Provide]:
    """`runtime` and `caller` for route handlers. A public route has no caller and must not ask for one."""

    # It takes the runtime only so as to come after it: what could be made at the same time, the framework makes in a
    # group of tasks, which costs several times what these two do.
    def caller(request: Request[Any, Any, Any], runtime: NamedDependency[Runtime]) -> Caller:
        found = context.of(request.scope).caller
        assert found is not None, "a public route asked for its caller"
        return found

    return {
        "runtime": Provide(lambda: runtime, sync_to_thread=False, use_cache=True),
        "caller": Provide(caller, sync_to_thread=False),
    }


def cors(settings: Settings) -> CORSConfig:
    """Browsers may call from the origins in the settings, with credentials."""
    return CORSConfig(
        allow_origins=list(settings.allowed_origins),
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "X-Requested-With",
            "X-Organization-ID",
            "X-CSRF-Token",
            "Idempotency-Key",
            "If-Match",
            "If-None-Match",
            "Bitacora-At-Least",
        ],
        allow_credentials=True,
        expose_headers=EXPOSED,
        max_age=600,
    )


def is_public(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> bool:
    """Whether a route may be called without signing in: it says so (`opt={"public": True}`), it is the documentation,
    or a browser only asks what it may do (OPTIONS)."""
    path: str = connection.scope["path"]
    return bool(handler.opt.get("public")) or path == "/docs" or path.startswith("/docs/") or _is_preflight(connection)


def _is_preflight(connection: ASGIConnection[Any, Any, Any, Any]) -> bool:
    return connection.scope.get("method") == "OPTIONS"


def template(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The route's path with its parameters as names, for metrics."""
    return str(connection.scope.get("path_template", ""))
