"""Whether what this frontend needs is there: for monitors, so without signing in and without details."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec
from litestar import Response, Router, get
from litestar.di import NamedDependency

from api import health
from api.runtime import Runtime
from api.whatsapp import WhatsApp
from eventstore import log


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """`status` is healthy or unhealthy; with several services, each by name."""

    status: str
    services: dict[str, str] | msgspec.UnsetType = msgspec.UNSET


async def _is_there(question: Coroutine[Any, Any, Any]) -> bool:
    try:
        return (await health.within(health.PATIENCE, question)) is not False
    except Exception:  # any failure means: not there
        return False


async def _database(runtime: Runtime) -> None:
    async with runtime.connection() as connection:
        await log.head_of(connection)


async def _redis(runtime: Runtime) -> Any:
    return await runtime.redis.execute_command("PING")


def _answer(well: bool, services: dict[str, bool] | None = None) -> Response[Health]:
    named = {name: "up" if up else "down" for name, up in (services or {}).items()}
    shown = Health(status="healthy" if well else "unhealthy", services=named or msgspec.UNSET)
    return Response(shown, status_code=200 if well else 503)


@get("/", summary="All of it", opt={"public": True})
async def everything(runtime: NamedDependency[Runtime], whatsapp: NamedDependency[WhatsApp]) -> Response[Health]:
    """200 while requests can be served, whether or not messages can leave at the moment."""
    database, redis, connected = await asyncio.gather(
        _is_there(_database(runtime)), _is_there(_redis(runtime)), _is_there(whatsapp.is_well())
    )
    return _answer(database, {"database": database, "redis": redis, "whatsapp": connected})


@get("/db", summary="The database", opt={"public": True})
async def database(runtime: NamedDependency[Runtime]) -> Response[Health]:
    """503 when it does not answer."""
    return _answer(await _is_there(_database(runtime)))


@get("/redis", summary="Redis", opt={"public": True})
async def redis(runtime: NamedDependency[Runtime]) -> Response[Health]:
    """503 when it does not answer; requests are served all the same, without limits."""
    return _answer(await _is_there(_redis(runtime)))


@get("/whatsapp", summary="WhatsApp", opt={"public": True})
async def connected(whatsapp: NamedDependency[WhatsApp]) -> Response[Health]:
    """503 while messages cannot leave."""
    return _answer(await _is_there(whatsapp.is_well()))


router = Router("/api/health", route_handlers=[everything, database, redis, connected], tags=["health"])
