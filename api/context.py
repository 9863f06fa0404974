"""What is known about one request while it is served."""

from __future__ import annotations

import time
from typing import Any

import msgspec

KEY = "bitacora"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, as the access token says: `account` is the stream of the account, `sign_in` what a logout ends."""

    id: str
    organization: str
    role: str
    account: str
    sign_in: str
    region: str | None = None

    @property
    def subject(self) -> str:
        """The caller in one word, for limits and logs."""
        return f"{self.organization}/{self.id}"


class Context:
    """Made by the front door for every request. Routes add to it; the front door makes headers and a log line of it.
    `appended`: a command was accepted. `made`: what came of it should be there to be read."""

    __slots__ = ("address", "appended", "caller", "frontend", "headers", "made", "request_id", "started", "template")

    def __init__(self, frontend: str, address: str, request_id: str) -> None:
        self.frontend = frontend
        self.address = address
        self.request_id = request_id
        self.started = time.perf_counter()
        self.caller: Caller | None = None
        self.template = ""
        self.appended = False
        self.made = False
        self.headers: list[tuple[bytes, bytes]] = []

    def add_header(self, name: str, value: object) -> None:
        """Add a header to the answer."""
        self.headers.append((name.lower().encode("latin-1"), str(value).encode("latin-1")))


def of(scope: Any) -> Context:
    """The context of a request, by its ASGI scope."""
    return scope[KEY]
