"""The front door: paths and mounts, methods, other origins, addresses behind proxies, logs, what a real server does."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.office import contract as office
from scripts.checks import answers
from settings import VARIABLES
from tests.support.http import ORIGIN, PATIENCE, Answer, Client, House, World, free_port, until
from tests.support.routes import FRONTENDS, Route, may, routes, signed_in
from tests.support.sockets import Refused, Socket

ROOT = Path(__file__).resolve().parents[2]
ME = {"pazz": "/pazz/api/v1/auth/me", "office": "/office/auth/me"}


def client_of(world: World, frontend: str) -> Client:
    """Somebody who is signed in to this frontend."""
    return signed_in(world, may(next(route for route in every(world, frontend) if not route.is_public)))


def every(world: World, frontend: str) -> list[Route]:
    return [route for route in routes(world.process.door) if route.frontend == frontend]


def reading(world: World, frontend: str) -> str:
    """A path of the frontend that answers GET and nothing else, to whoever is signed in."""
    found = {route.path for route in every(world, frontend) if route.method == "GET"}
    found -= {route.path for route in every(world, frontend) if route.method != "GET"}
    closed = [route for route in every(world, frontend) if not route.parameters and not route.is_public]
    return next(route.path for route in closed if route.path in found)


def login(world: World, frontend: str) -> str:
    """Where one signs in to the frontend."""
    return next(route.path for route in every(world, frontend) if route.path.endswith("/login"))


# --- paths and methods, in each frontend's manners


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_what_is_not_there_is_a_404_in_that_frontends_manners(world: World, frontend: str) -> None:
    manners = FRONTENDS[frontend]
    for path in ("", "/", "/nothing", "/nothing/", "/%00", "/%ff", "/a/../b", f"/{'a' * 5_000}"):
        answer = world.visitor().get(f"/{frontend}{path}")
        assert answer.status == 404, (path, answer)
        assert manners.code(answer) == manners.codes[404]


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_another_method_is_a_405_that_says_which_are_allowed(world: World, frontend: str) -> None:
    manners = FRONTENDS[frontend]
    for method in ("PUT", "DELETE", "TRACE", "NONSENSE"):
        answer = world.visitor().send(method, reading(world, frontend))
        assert answer.status == 405, (method, answer)
        assert manners.code(answer) == manners.codes[405]
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_options_says_what_is_allowed_on_every_path(world: World) -> None:
    allowed: dict[str, set[str]] = {}
    for route in routes(world.process.door):
        allowed.setdefault(route.at({}), {"OPTIONS"}).update(
            [route.method, "HEAD"][: 2 if route.method == "GET" else 1]
        )
    for path, methods in allowed.items():
        answer = world.visitor().send("OPTIONS", path)
        assert (answer.status, answer.headers.get("allow")) == (204, ", ".join(sorted(methods))), path


def test_head_is_a_get_without_its_body(world: World) -> None:
    for frontend, path in ME.items():
        client = client_of(world, frontend)
        full, head = client.get(path), client.send("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(full.body))
        assert world.visitor().send("HEAD", path).status == 401
        assert client.send("HEAD", f"/{frontend}/nothing").status == 404
    assert world.visitor().send("HEAD", "/health").status == 200


def test_a_trailing_slash_changes_nothing(world: World) -> None:
    for frontend, path in ME.items():
        client = client_of(world, frontend)
        assert client.get(f"{path}/").json == client.get(path).json


def test_outside_the_mounts_there_is_the_house(world: World) -> None:
    for path in ("/PAZZ/api/v1/auth/me", "/pazz;a=1", "/nothing", "/health/nothing"):
        answer = world.visitor().get(path)
        assert answer.status == 404, (path, answer)
        assert answer.json["error"]["request_id"] == answer.headers["x-request-id"]
    index = world.visitor().get("/")
    assert index.status == 200
    assert all(f'href="/{name}/docs"' in index.text for name in FRONTENDS)


def test_one_frontend_may_be_served_alone_at_the_root(world: World) -> None:
    alone = world.another_process(only="pazz")
    client = alone.signed_in(world.user())
    assert client.get("/api/v1/auth/me").status == 200
    assert FRONTENDS["pazz"].code(client.get("/office/auth/me")) == "NOT_FOUND"
    assert client.get("/health").json == {"status": "ok"}
    assert client.get("/docs/openapi.json").json["servers"] == [{"url": "/"}]


# --- documentation


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_the_documentation_asks_nobody_outside(world: World, frontend: str) -> None:
    page = world.visitor().get(f"/{frontend}/docs")
    assert page.status == 200
    loaded = re.findall(r'(?:src|href)="?([^">\s]+)', page.text)
    assert [address for address in loaded if "//" in address.removeprefix("data:")] == []
    for address in loaded:
        if address.startswith("/"):
            asset = world.visitor().get(address)
            assert asset.status == 200, address
            assert "immutable" in asset.headers["cache-control"]
    described = world.visitor().get(f"/{frontend}/docs/openapi.json").json
    assert described["servers"] == [{"url": f"/{frontend}"}], "so that its pages try the routes out where they are"


# --- other origins


def cors(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_an_allowed_origin_may_read_every_answer_refusals_too(world: World, frontend: str) -> None:
    client = client_of(world, frontend).with_headers(origin=ORIGIN)
    path, entrance = reading(world, frontend), login(world, frontend)
    wrong = client.post(entrance, body=b"x")
    assert wrong.status in FRONTENDS[frontend].wrong
    for status, answer in (
        (200, client.get(path)),
        (401, world.visitor().get(path, headers={"origin": ORIGIN})),
        (404, client.get(f"/{frontend}/nothing")),
        (405, client.put(path)),
        (415, client.post(entrance, body=b"x", headers={"content-type": "text/plain"})),
        (wrong.status, wrong),
    ):
        assert answer.status == status, answer
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert "X-Request-Id" in answer.headers["access-control-expose-headers"]
        assert "Origin" in answer.headers["vary"]


def test_a_refusal_by_a_limit_may_be_read_by_an_allowed_origin(world: World) -> None:
    client = client_of(world, "pazz").with_headers(origin=ORIGIN)
    answers = world.at_once(*(client.asking("GET", ME["pazz"]) for _ in range(101)))
    refused = next(answer for answer in answers if answer.status == 429)
    assert refused.headers["access-control-allow-origin"] == ORIGIN
    assert "Retry-After" in refused.headers["access-control-expose-headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "https://app.example.evil.example", "http://app.example"]
)
def test_another_origin_may_read_nothing(world: World, origin: str) -> None:
    client = client_of(world, "pazz").with_headers(origin=origin)
    assert "access-control-allow-origin" not in client.get(ME["pazz"]).headers
    asked = world.visitor().send(
        "OPTIONS", ME["pazz"], headers={"origin": origin, "access-control-request-method": "GET"}
    )
    assert asked.status == 400
    assert cors(asked) == {}


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_preflight_allows_what_the_clients_send(world: World, frontend: str) -> None:
    asked = world.visitor().send(
        "OPTIONS",
        login(world, frontend),
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type,idempotency-key,if-none-match",
        },
    )
    assert asked.status == 204, asked
    assert asked.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in asked.headers["access-control-allow-methods"]
    names = asked.headers["access-control-allow-headers"].lower()
    assert all(name in names for name in ("authorization", "content-type", "idempotency-key", "if-none-match"))


# --- whose address


def attempts(client: Client, forwarded: str | None) -> int:
    """How many attempts to sign in this address has left, as the limit says."""
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    answer = client.post(
        "/office/auth/login", json={"email": f"{os.urandom(4).hex()}@b.example", "password": "x"}, headers=headers
    )
    return int(answer.headers["x-ratelimit-remaining"])


def test_a_forwarded_address_is_believed_from_trusted_proxies_only(world: World) -> None:
    whole = office.LOGIN_PER_ADDRESS.limit
    world.patch.setattr(office, "LOGIN_PER_ACCOUNT", office.PER_USER)
    direct = world.visitor()
    assert [attempts(direct, f"198.51.100.{n}") for n in range(3)] == [whole - 1, whole - 2, whole - 3]
    behind_two = world.another_process(trusted_proxies=2).visitor()
    world.forget_limits()
    told = [
        attempts(behind_two, forwarded)
        for forwarded in (
            "198.51.100.1, 10.0.0.1",
            "made up, 198.51.100.1, 10.0.0.1",  # what the caller wrote in front of it does not count
            "198.51.100.2,10.0.0.1",
            "10.0.0.1",  # fewer hops than proxies: not believed
            None,
        )
    ]
    assert told == [whole - 1, whole - 2, whole - 1, whole - 1, whole - 2]


# --- what the log says


def test_every_request_is_one_line_with_the_id_that_its_answer_carries(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    partner = world.user()
    client = world.signed_in(partner)
    caplog.set_level("INFO", "api")
    client.get(ME["pazz"], params={"token": "secret"})
    missing = client.get(f"/pazz/nothing/{'a' * 1_000}")
    lines = [record.__dict__ for record in caplog.records if record.name == "api"]
    assert len(lines) == 2
    assert {key: lines[0][key] for key in ("frontend", "method", "path", "status", "caller")} == {
        "frontend": "pazz",
        "method": "GET",
        "path": "/api/v1/auth/me",
        "status": 200,
        "caller": f"{partner.organization}/{partner.id}",
    }
    assert lines[1]["request"] == missing.json["metadata"]["requestId"] == missing.headers["x-request-id"]
    assert len(lines[1]["path"]) == 300


def test_a_failure_of_ours_is_logged_under_its_request_and_told_in_the_frontends_manners(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(world, "pazz").with_headers(origin=ORIGIN)

    def fail() -> None:
        raise RuntimeError("a fault of ours")

    world.patch.setattr(world.runtime, "clock", fail)
    answer = client.get("/pazz/api/v1/goals/current")
    assert (answer.status, FRONTENDS["pazz"].code(answer)) == (500, "INTERNAL_ERROR")
    assert "fault" not in answer.text
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    told = next(record for record in caplog.records if record.message == "unexpected failure")
    assert told.__dict__["request"] == answer.headers["x-request-id"]
    assert told.exc_info
    assert "a fault of ours" in str(told.exc_info[1])


# --- a real server


@dataclass
class Served:
    """`bitacora serve` as a process of its own."""

    port: int
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[str]:
        return self.log.read_text().splitlines()

    def raw(self, request: bytes) -> tuple[int, bytes]:
        """Send bytes; the status and body of what comes back, 0 when the connection is just closed."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            with suppress(ConnectionError):  # it may have read enough, and answered, before it has read all
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR) if b"\r\n\r\n" not in request else None
            with suppress(ConnectionError):
                while part := connection.recv(65_536):
                    received += part
        head, _, body = received.partition(b"\r\n\r\n")
        return (int(head.split()[1]) if head else 0), body


@pytest.fixture(scope="module")
def served(house: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real process on the database of the other tests."""
    port, log = free_port(), tmp_path_factory.mktemp("served") / "serve.log"
    settings = {**{name: getattr(house.settings, name) for name in VARIABLES}, "port": port, "log_level": "info"}
    env = {VARIABLES[name]: text(value) for name, value in settings.items() if value not in (None, "")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", "serve"],
            cwd=ROOT,
            env={**os.environ, **env},
            stdout=output,
            stderr=output,
        )
    found = Served(port, log, process)
    try:
        until(lambda: answers("127.0.0.1", port, "/health/ready"), found.log.read_text)
        yield found
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)
    assert process.returncode == 0


def text(value: Any) -> str:
    return ",".join(str(part) for part in value) if isinstance(value, tuple) else str(value)


CLOSE = b"Host: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET //pazz/api/v1/auth/me HTTP/1.1", 404),
        (b"GET /pazz/../office/users HTTP/1.1", 404),
        (b"GET /pazz/%2e%2e/office/users HTTP/1.1", 404),
        (b"OPTIONS * HTTP/1.1", 404),
        (b"GET /pazz/%zz HTTP/1.1", 404),
        (b"GET /pazz/%00 HTTP/1.1", 404),
        (b"GET /pazz/\xff HTTP/1.1", 400),
        (b"GET /office/users/%ff%fe HTTP/1.1", 401),
        (b"GET /pazz?%00=%ff HTTP/1.1", 404),
        (b"GET /" + b"a" * 7_000 + b" HTTP/1.1", 404),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1", 414),
        (b"CONNECT x:1 HTTP/1.1", 405),
        (b"HEAD /pazz/api/v1/auth/me HTTP/1.1", 401),
        (b"GET /socket.iox HTTP/1.1", 404),
        (b"GET / HTTP/9.9", 400),
        (b"nonsense", 400),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_strange_request_line_is_refused(served: Served, line: bytes, status: int) -> None:
    assert served.raw(line + b"\r\n" + CLOSE)[0] == status
    assert answers("127.0.0.1", served.port, "/health")


def test_a_body_that_breaks_off_is_no_failure_of_ours(served: Served) -> None:
    start = b"POST /pazz/api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(start + b"Content-Length: 1000\r\n\r\n{")
    assert served.raw(start + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n\r\n")[0] == 400
    assert served.raw(start + b"Connection: close\r\nContent-Length: 99999999\r\n\r\n{}")[0] == 413
    until(lambda: sum('"status":400' in line for line in served.lines()) >= 2, served.log.read_text)
    assert not [line for line in served.lines() if "unexpected failure" in line]


@pytest.mark.parametrize(
    "path", ["/nothing", "/pazz", "/pazz/ws", "/office/users", "//", "/health", "/socket.io/", "/socket.iox", "/%00"]
)
def test_a_websocket_to_a_path_that_has_none_is_refused(served: Served, path: str) -> None:
    with pytest.raises(Refused) as refused:
        Socket(served.address, path)
    assert refused.value.status in (403, 404)


def test_the_log_of_a_real_process_is_json_lines_and_nothing_else(served: Served) -> None:
    status, body = served.raw(b"GET /pazz/nothing HTTP/1.1\r\n" + CLOSE)
    assert status == 404
    identity = json.loads(body)["metadata"]["requestId"]
    until(lambda: any(identity in line for line in served.lines()), served.log.read_text)
    told = [json.loads(line) for line in served.lines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in told)
    own = [line for line in told if line.get("request") == identity]
    assert len(own) == 1
    assert {name: own[0][name] for name in ("level", "logger", "message", "frontend", "method", "path", "status")} == {
        "level": "info",
        "logger": "api",
        "message": "served",
        "frontend": "pazz",
        "method": "GET",
        "path": "/nothing",
        "status": 404,
    }
    assert own[0]["milliseconds"] > 0


def test_a_real_process_counts_calls_with_the_others(served: Served, world: World) -> None:
    client = world.signed_in(world.user())
    assert client.get(ME["pazz"]).headers["x-ratelimit-remaining"] == "99"
    status, _ = served.raw(f"GET {ME['pazz']} HTTP/1.1\r\nAuthorization: Bearer {client.token}\r\n".encode() + CLOSE)
    assert status == 200
    assert client.get(ME["pazz"]).headers["x-ratelimit-remaining"] == "97"
