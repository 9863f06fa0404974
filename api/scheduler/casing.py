"""snake_case is this frontend's; camelCase is taken as well (W1), in bodies and in queries, where `status[]` is the
list `status`, and the field to `sort` by may be in camelCase too."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar.utils.scope.state import ScopeState

from api import faults, frontend

CAMEL = re.compile(r"[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+")
CAMEL_FIELD = re.compile(rb'"[a-z][a-z0-9]*[A-Z][A-Za-z0-9]*"\s*:')
HUMP = re.compile(r"(?=[A-Z])")
DEPTH = 6


class SnakeRequest(frontend.JsonRequest):
    """A request whose body has its names in snake_case, whatever they came as."""

    async def body(self) -> bytes:
        """The body in snake_case. What reads it, names its wrong fields or tells requests apart, sees no other."""
        body = await super().body()
        kind = self.content_type[0]
        if (kind and not kind.endswith("json")) or not CAMEL_FIELD.search(body):
            return body
        try:
            given = msgspec.json.decode(body)
        except faults.UNREADABLE:
            return body
        state = ScopeState.from_scope(self.scope)
        self._body = state.body = msgspec.json.encode(snaked(given))
        return self._body


def snaked(given: Any, depth: int = DEPTH) -> Any:
    """The same with the names of its fields in snake_case; a field that is there in both keeps what snake_case says."""
    if depth and isinstance(given, dict):
        renamed = {snake(name): snaked(value, depth - 1) for name, value in given.items()}
        return {**renamed, **{name: snaked(value, depth - 1) for name, value in given.items() if snake(name) == name}}
    if depth and isinstance(given, list):
        return [snaked(item, depth - 1) for item in given]
    return given


class SnakeQuery:
    """The middleware that does the same for query parameters."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        query: bytes = scope.get("query_string", b"")
        if scope["type"] == "http" and query and not (query.islower() and b"[" not in query and b"%5b" not in query):
            pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")
            named = [(snake(name.removesuffix("[]")), value) for name, value in pairs]
            named = [(name, _sort(value) if name == "sort" else value) for name, value in named]
            if named != pairs:
                scope["query_string"] = urlencode(named).encode()
        await self._app(scope, receive, send)


def _sort(value: str) -> str:
    """The field to sort by, whose minus sign says which way."""
    return f"-{snake(value[1:])}" if value.startswith("-") else snake(value)


def snake(name: str) -> str:
    """The name of a field in snake_case."""
    return HUMP.sub("_", name).lower() if CAMEL.fullmatch(name) else name
