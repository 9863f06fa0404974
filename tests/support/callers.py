"""Those who call the API in tests, and what they are answered."""

from __future__ import annotations

import json as jsons
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec

from api import identity

if TYPE_CHECKING:
    from tests.support.processes import Process

PASSWORD = "Bitacora1"


@dataclass(frozen=True)
class User:
    """A staff account that a test made; the password is PASSWORD."""

    id: str
    organization: str
    account: str
    email: str
    role: str
    name: str
    password: str = PASSWORD


@dataclass(frozen=True)
class Answer:
    """What came back. In a failed assertion it shows status and body."""

    status: int
    headers: httpx2.Headers
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return jsons.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:2_000].decode(errors='replace')}>"


class Client:
    """Somebody who calls one process of the API, with the same headers each time."""

    def __init__(self, process: Process, headers: Mapping[str, str], signed: identity.Signed | None = None) -> None:
        self.process = process
        self.headers = dict(headers)
        self.signed = signed

    @property
    def token(self) -> str:
        """The access token."""
        assert self.signed is not None, "this client did not sign in"
        return self.signed.access_token

    def with_headers(self, **headers: str) -> Client:
        """The same caller sending more headers: `with_headers(idempotency_key="k1")`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return Client(self.process, {**self.headers, **more}, self.signed)

    def get(self, path: str, **more: Any) -> Answer:
        return self.send("GET", path, **more)

    def post(self, path: str, **more: Any) -> Answer:
        return self.send("POST", path, **more)

    def put(self, path: str, **more: Any) -> Answer:
        return self.send("PUT", path, **more)

    def patch(self, path: str, **more: Any) -> Answer:
        return self.send("PATCH", path, **more)

    def delete(self, path: str, **more: Any) -> Answer:
        return self.send("DELETE", path, **more)

    def send(self, method: str, path: str, **more: Any) -> Answer:
        """Call and wait for the answer. `more` as for `asking`."""
        return self.process.loop.run(self.asking(method, path, **more))

    async def asking(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        """A call to be made together with others: `world.at_once(client.asking("GET", "/a"), ...)`. `json` is encoded,
        `body` is sent as it is and called JSON too unless `headers` say otherwise."""
        sent = {**self.headers, **(headers or {})}
        if json is not None:
            body = msgspec.json.encode(json)
        if body is not None:
            sent = {"content-type": "application/json", **{name.lower(): value for name, value in sent.items()}}
        answer = await self.process.http.request(method, path, content=body, headers=sent, params=params)
        return Answer(answer.status_code, answer.headers, answer.content)
