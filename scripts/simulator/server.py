"""A small HTTP server that can do what servers must not: keep a caller waiting for ever, or cut the line in the middle.

It knows no more of HTTP than the simulator needs: requests with a length, answers with a length, connections that stay.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

logger = logging.getLogger(__name__)

MAX_HEAD = 32 * 1024
MAX_BODY = 4 * 1024 * 1024


class Cut(Exception):
    """End the connection instead of answering."""


class Request(msgspec.Struct, frozen=True):
    """One request. `path` is decoded and without the query; header names are in small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Answer(msgspec.Struct, frozen=True):
    """What goes back."""

    status: int
    body: bytes = b""
    kind: str = "application/json"


Handler = Callable[[Request], Awaitable[Answer]]


def json(content: object, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, msgspec.json.encode(content))


async def serve(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Answer requests on this address until the server is closed."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                answer = await handler(request)
                writer.write(_bytes(answer))
                await writer.drain()
        except (Cut, ConnectionError, asyncio.IncompleteReadError, ValueError):
            writer.transport.abort()
        except Exception:
            logger.exception("a request failed")
            writer.transport.abort()
        finally:
            with contextlib.suppress(ConnectionError):
                writer.close()

    return await asyncio.start_server(connected, host, port, limit=MAX_HEAD)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as rest:
        if rest.partial:
            raise
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= MAX_BODY:
        raise ValueError(length)
    body = await reader.readexactly(length) if length else b""
    parts = urlsplit(target)
    return Request(method, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)


def _bytes(answer: Answer) -> bytes:
    phrase = HTTPStatus(answer.status).phrase
    kind = f"content-type: {answer.kind}\r\n" if answer.body else ""
    head = f"HTTP/1.1 {answer.status} {phrase}\r\n{kind}content-length: {len(answer.body)}\r\n\r\n"
    return head.encode() + answer.body
