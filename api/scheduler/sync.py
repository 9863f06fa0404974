"""What a client did while it was offline, done now, in order (W18).

Each operation is a request of its own to this very application, with a key made of its `client_id`: an operation that
comes again changes nothing and answers as it did; without a body, when what it was about is gone since. One that was
overtaken by a later change elsewhere is a conflict, with what is there now, for a person to look at. A later operation
may name what an earlier one made by its `client_id`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api import context
from api.context import Caller, Context
from api.runtime import Runtime
from api.scheduler import contract
from api.scheduler.contract import Error
from domain.model import Invalid

MOST = 200
PATH = re.compile(r"/api/(?:messages|groups|contacts|notifications)(?:/[A-Za-z0-9_.~-]{1,120}){0,3}/?")
NOT_HERE = re.compile(r"/api/contacts/import(?:/|$)")
ONE = re.compile(r"(/api/(?:messages|groups|contacts))/([A-Za-z0-9_.~-]+)/?")

Status = Literal["applied", "replayed", "conflict", "failed"]


class Queued(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request that could not be made at `occurred_at`. `client_id` is the client's own, and unlike any other."""

    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    method: Literal["POST", "PUT", "DELETE"]
    path: Annotated[str, msgspec.Meta(max_length=400)]
    body: dict[str, Any] | None = None
    occurred_at: datetime | None = None


class Queue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was done, in order."""

    operations: Annotated[list[Queued], msgspec.Meta(max_length=MOST)]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an operation: the status and body that its request got. A conflict says in `error` why, and in
    `current` what is there now."""

    client_id: str
    status: Status
    code: int
    body: Any = None
    error: Error | None = None
    current: Any = None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A result for each operation, and how many there are of each kind."""

    results: list[Result]
    applied: int
    replayed: int
    conflicts: int
    failed: int


class Replay:
    """The operations of one caller, one after the other."""

    def __init__(self, request: Request[Any, Any, Any], runtime: Runtime, caller: Caller) -> None:
        self._request = request
        self._runtime = runtime
        self._caller = caller
        self._made: dict[str, str] = {}
        self._touched: set[str] = set()

    async def one(self, queued: Queued) -> Result:
        """Do one of them, unless it was done before or was overtaken."""
        path = self._named(queued.path)
        if not PATH.fullmatch(path) or NOT_HERE.match(path):
            return _refused(queued, "PATH_NOT_ALLOWED")
        key = f"sync:{queued.client_id}"
        known = await self._runtime.store.was_accepted(f"scheduler/{self._caller.subject}/{key}")
        if known and queued.method == "DELETE":
            return Result(client_id=queued.client_id, status="replayed", code=204)
        if not known and (current := await self._overtaken(queued, path)) is not None:
            error = Error(code="CHANGED_MEANWHILE", message=contract.SENTENCES["CHANGED_MEANWHILE"])
            return Result(client_id=queued.client_id, status="conflict", code=409, error=error, current=current)
        body = self._with_ids(queued.body) if queued.body is not None else None
        code, answer = await self._ask(queued.method, path, body, key)
        if code < 300:
            if isinstance(answer, dict) and isinstance(made := answer.get("id"), str):
                self._made[queued.client_id] = made
                if isinstance(temp := (queued.body or {}).get("temp_id"), str | int):
                    self._made[str(temp)] = made
                self._touched.add(made)
            status: Status = "replayed" if known else "applied"
            return Result(client_id=queued.client_id, status=status, code=code, body=answer)
        if known and code == 404:  # done, and gone since
            return Result(client_id=queued.client_id, status="replayed", code=200)
        error = msgspec.convert(answer["error"], Error) if isinstance(answer, dict) and "error" in answer else None
        current = await self._current(path) if code == 409 else None
        return Result(
            client_id=queued.client_id,
            status="conflict" if code in (404, 409) else "failed",
            code=code,
            error=error,
            current=current,
        )

    async def _overtaken(self, queued: Queued, path: str) -> Any:
        """What is there now, when somebody changed it after the operation was meant."""
        if queued.occurred_at is None or queued.occurred_at.tzinfo is None or queued.method == "POST":
            return None
        current = await self._current(path)
        if not isinstance(current, dict) or current.get("id") in self._touched:
            return None
        changed = current.get("updated_at")
        later = isinstance(changed, str) and datetime.fromisoformat(changed) > queued.occurred_at
        return current if later else None

    async def _current(self, path: str) -> Any:
        match = ONE.match(path)
        if match is None:
            return None
        code, answer = await self._ask("GET", f"{match[1]}/{match[2]}", None, None)
        return answer if code == 200 else None

    def _named(self, path: str) -> str:
        """The path with the ids of what earlier operations made."""
        return "/".join(self._made.get(part, part) for part in path.split("/"))

    def _with_ids(self, body: Any, depth: int = 4) -> Any:
        if isinstance(body, str):
            return self._made.get(body, body)
        if depth and isinstance(body, dict):
            return {
                name: value if name in ("content", "name", "description") else self._with_ids(value, depth - 1)
                for name, value in body.items()
            }
        if depth and isinstance(body, list):
            return [self._with_ids(item, depth - 1) for item in body]
        return body

    async def _ask(self, method: str, path: str, body: Any, key: str | None) -> tuple[int, Any]:
        """A request to this application, as the caller makes it."""
        about = context.of(self._request.scope)
        inner = Context(about.frontend, about.address, about.request_id)
        inner.request_id = about.request_id
        sent = b"" if body is None else msgspec.json.encode(body)
        headers = [(b"authorization", self._request.headers["authorization"].encode("latin-1"))]
        if sent:
            headers += [(b"content-type", b"application/json"), (b"content-length", str(len(sent)).encode())]
        if key is not None:
            headers.append((b"idempotency-key", key.encode("latin-1")))
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
            "path": path, "raw_path": path.encode(), "root_path": self._request.scope.get("root_path", ""),
            "query_string": b"", "headers": headers, "client": None, "server": None, "state": {}, context.KEY: inner,
        }  # fmt: skip
        told: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": sent, "more_body": False}

        async def send(message: Any) -> None:
            told.append(message)

        await self._request.app(scope, receive, send)  # type: ignore[arg-type]
        text = b"".join(message.get("body", b"") for message in told if message["type"] == "http.response.body")
        return told[0]["status"], msgspec.json.decode(text) if text else None


def _refused(queued: Queued, code: str) -> Result:
    error = Error(code=code, message=contract.sentence_of(code))
    return Result(client_id=queued.client_id, status="failed", code=422, error=error)


@post("/", summary="Replay what was done offline", opt={"body": Queue, "fails": [422]}, status_code=200)
async def replay(
    request: Request[Any, Any, Any],
    data: JSONBody[Queue],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Results:
    """Do what a client did while it was offline, in order; a result for each. What fails does not stop the rest."""
    names = [queued.client_id for queued in data.operations]
    if len({*names}) < len(names):
        raise Invalid("CLIENT_ID_TWICE", field="operations")
    if not all(name.isascii() and name.isprintable() for name in names):
        raise Invalid("CLIENT_ID_INVALID", field="operations")
    doing = Replay(request, runtime, caller)
    results = [await doing.one(queued) for queued in data.operations]
    count = [result.status for result in results].count
    return Results(
        results=results,
        applied=count("applied"),
        replayed=count("replayed"),
        conflicts=count("conflict"),
        failed=count("failed"),
    )


router = Router("/api/sync", route_handlers=[replay], tags=["sync"])
