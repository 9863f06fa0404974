"""The number that messages leave from: whether it is connected, and the code to scan when it is not."""

from __future__ import annotations

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency, Provide

from api.context import Caller
from api.runtime import Runtime
from api.whatsapp import WhatsApp
from workers.gateways.whatsapp import State


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """The organisation's number at WhatsApp. With `qr_needed`, `qr_code` is a picture to scan with the phone, PNG in
    base64, as soon as the gateway has one. `answers` says whether the gateway is there, `failing` that its answers are
    errors."""

    status: State
    qr_code: str | None
    answers: bool
    failing: bool


@get("/", summary="The number at WhatsApp")
async def show(caller: NamedDependency[Caller], whatsapp: NamedDependency[WhatsApp]) -> Number:
    """How the number is; the gateway is asked every few seconds at most. Whoever scans the code sends as it."""
    return Number(**msgspec.structs.asdict(await whatsapp.connection(caller.organization)))


def router(runtime: Runtime) -> Router:
    """The routes, with the connection that they share."""
    known = WhatsApp(runtime.settings)
    runtime.at_end(known.close)
    shared = Provide(lambda: known, sync_to_thread=False, use_cache=True)
    return Router("/whatsapp", route_handlers=[show], dependencies={"whatsapp": shared}, tags=["whatsapp"])
