"""Answers that a client may keep but must ask about again: an ETag on every GET, and 304 when nothing changed.

What is shown changes by events and by pushes, so no answer is good for a time: `no-cache` lets a browser keep it and
makes it ask, which costs it no body. What is not a GET, or went wrong, is not kept at all.
"""

from __future__ import annotations

import hashlib
from typing import Any

KEPT = (b"cache-control", b"private, no-cache")
NOT_KEPT = (b"cache-control", b"no-store")
VARY = (b"vary", b"Authorization, Cookie")
OF_A_BODY = {b"content-length", b"content-type", b"content-encoding"}


class Revalidation:
    """The middleware of an application whose GETs may be asked about again. `kept` says so in a header."""

    kept = KEPT

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Any = None

        async def send_tagged(message: Any) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", ())]
                if any(name.lower() == b"cache-control" for name, _ in headers):
                    await send(message)
                elif scope["method"] != "GET" or message["status"] != 200:
                    await send({**message, "headers": [*headers, NOT_KEPT]})
                else:  # held back until the body is known
                    start = message
                return
            if start is not None:
                held, start = start, None
                if message.get("more_body"):
                    await send(held)
                else:
                    held, message = tagged(held, message, asked(scope), self.kept)
                    await send(held)
            await send(message)

        await self._app(scope, receive, send_tagged)


def tagged(start: Any, body: Any, known: set[bytes], kept: tuple[bytes, bytes]) -> tuple[Any, Any]:
    """An answer with its ETag; without its body, as 304, when the client holds that already."""
    tag = b'"' + hashlib.sha256(body.get("body", b"")).hexdigest()[:32].encode() + b'"'
    headers = [*start.get("headers", ()), (b"etag", tag), kept, VARY]
    if tag not in known and b"*" not in known:
        return {**start, "headers": headers}, body
    headers = [header for header in headers if header[0].lower() not in OF_A_BODY]
    return {**start, "status": 304, "headers": headers}, {**body, "body": b""}


def asked(scope: Any) -> set[bytes]:
    """The tags that the client holds."""
    values = [value for name, value in scope["headers"] if name.lower() == b"if-none-match"]
    return {tag.strip().removeprefix(b"W/") for value in values for tag in value.split(b",")}
