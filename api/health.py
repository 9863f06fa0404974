"""What belongs to no frontend: whether this process is alive and ready, its metrics, and where the documentation is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from litestar import Litestar, MediaType, Response, get
from litestar.connection import ASGIConnection
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from prometheus_client import CONTENT_TYPE_LATEST

from api import context, frontend, metrics, webhooks
from api.runtime import Runtime
from eventstore import log as logs

PATIENCE = 2.0
"""Seconds that a dependency may take to answer."""
PATHS = {"health", "metrics", "docs-assets", "webhooks"}
ASSET_FOLDER = Path(__file__).parent / "docs_assets"
ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-standalone-preset.js": "text/javascript",
    "swagger-ui.css": "text/css",
}


class Check(msgspec.Struct, frozen=True):
    """One dependency: whether it answers, in how many milliseconds, and what is wrong otherwise."""

    ok: bool
    milliseconds: float
    error: str | None = None


class Readiness(msgspec.Struct, frozen=True):
    """Ready when every dependency answers. Lag is shown but never makes a process unready: it would only grow."""

    ready: bool
    dependencies: dict[str, Check]
    views_lag_events: int | None


def build(runtime: Runtime, frontends: Sequence[str], exception_handlers: Mapping[Any, Any]) -> Litestar:
    """The application for everything outside the mounts."""

    @get("/health")
    async def alive() -> dict[str, str]:
        """Whether the process answers at all."""
        return {"status": "ok"}

    @get("/health/ready")
    async def ready() -> Response[Readiness]:
        """Whether the process can serve: each dependency apart."""
        database, redis = await asyncio.gather(_database(runtime), _redis(runtime))
        checks = {"database": database, "redis": redis}
        lag = await _lag(runtime) if checks["database"].ok else None
        found = Readiness(all(check.ok for check in checks.values()), checks, lag)
        return Response(found, status_code=200 if found.ready else 503)

    @get("/metrics", media_type=MediaType.TEXT)
    async def figures() -> Response[bytes]:
        """The figures of every process that serves here, for Prometheus."""
        metrics.tell(runtime)
        return Response(metrics.scrape(), media_type=CONTENT_TYPE_LATEST)

    @get("/docs-assets/{name:str}", cache=False)
    async def docs_asset(name: FromPath[str]) -> Response[bytes]:
        """The files of the documentation pages."""
        if name not in ASSETS:
            raise NotFoundException
        return Response(
            (ASSET_FOLDER / name).read_bytes(),
            media_type=ASSETS[name],
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )

    @get("/", media_type=MediaType.HTML)
    async def index() -> str:
        """Where each frontend and its documentation is."""
        rows = "".join(f'<li><a href="/{name}/docs">/{name}</a></li>' for name in frontends)
        console = '<a href="/office/console">back office</a> · ' if "office" in frontends else ""
        return (
            "<!doctype html><html lang=en><meta charset=utf-8>"
            "<meta name=viewport content='width=device-width'><title>Bitácora</title>"
            "<style>body{font:16px/1.6 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem}</style>"
            f"<h1>Bitácora</h1><p>One log, every frontend over it. Documentation of each:</p><ul>{rows}</ul>"
            f'<p>{console}<a href="/health/ready">readiness</a> · <a href="/metrics">metrics</a></p></html>'
        )

    def note_route(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        context.of(connection.scope).template = frontend.template(connection)

    return Litestar(
        [alive, ready, figures, docs_asset, index, *webhooks.routes(runtime)],
        guards=[note_route],
        exception_handlers=dict(exception_handlers),
        openapi_config=None,
        logging_config=None,
    )


async def _database(runtime: Runtime) -> Check:
    async def ask() -> Any:
        async with runtime.connection() as connection:
            return await logs.head_of(connection)

    return await _check("database", ask())


async def _redis(runtime: Runtime) -> Check:
    async def ask() -> Any:
        return await runtime.redis.execute_command("PING")

    return await _check("redis", ask())


async def _lag(runtime: Runtime) -> int | None:
    try:
        async with runtime.connection() as connection:
            return max(0, await logs.head_of(connection) - runtime.horizon.position)
    except psycopg.Error:  # it went away this very moment
        return None


async def _check(name: str, question: Coroutine[Any, Any, Any]) -> Check:
    began = time.perf_counter()
    try:
        await within(PATIENCE, question)
    except Exception as error:  # any failure means: not there
        metrics.FAILURES.labels(name).inc()
        return Check(False, _since(began), f"{type(error).__name__}: {error}".strip())
    return Check(True, _since(began))


async def within(seconds: float, question: Coroutine[Any, Any, Any]) -> Any:
    """The answer. Raises `TimeoutError` when there is none by then, and does not wait until the question is called off:
    the driver tells a server about that first, and one that stands still does not listen."""
    asked = asyncio.ensure_future(question)
    try:
        await asyncio.wait({asked}, timeout=seconds)
        if asked.done():
            return asked.result()
        raise TimeoutError(f"no answer within {seconds:g} s")
    finally:
        if not asked.done():
            asked.add_done_callback(_heard)
            asked.cancel()


def _heard(asked: asyncio.Future[Any]) -> None:
    """Whatever became of it, nobody waits for it."""
    if not asked.cancelled():
        asked.exception()


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
