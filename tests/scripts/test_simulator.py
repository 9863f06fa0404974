"""`bitacora simulator`, the process: goes wrong on demand, keeps its book on the disk, goes on where it was killed."""

from __future__ import annotations

import hashlib
import hmac
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest

from scripts.simulator import book
from tests.scripts.conftest import until
from tests.support.http import PATIENCE, free_port, is_open

ROOT = Path(__file__).resolve().parents[2]
KEY, SECRET = "a key", "a secret"
CHAT = "34600000001@c.us"


class Listener(HTTPServer):
    """Takes reports, unless it is told to refuse them; `heard` are those that were signed with the secret."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.refusing = False
        super().__init__(("127.0.0.1", 0), _Taker)

    def acks(self) -> list[int]:
        return [call["payload"]["ack"] for call in self.heard if call["event"] == "message.ack"]


class _Taker(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        expected = hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
        if self.headers["x-webhook-hmac"] == expected and not self.server.refusing:
            self.server.heard.append(msgspec.json.decode(body))
        self.send_response(503 if self.server.refusing else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Simulator:
    """The process, on one port and one file."""

    def __init__(self, file: Path, listener: Listener) -> None:
        self.port = free_port()
        self.file = file
        address = f"http://127.0.0.1:{self.port}"
        self._command = [
            sys.executable, "-c", "from scripts.cli import main; main()", "simulator", "--url", address,
            "--file", str(file), "--webhook", f"http://127.0.0.1:{listener.server_port}/", "--key", KEY,
            "--secret", SECRET, "--seed", "1",
        ]  # fmt: skip
        self.http = httpx2.Client(base_url=address, headers={"x-api-key": KEY}, timeout=PATIENCE, trust_env=False)
        self.start()

    def start(self) -> None:
        own = {name: value for name, value in os.environ.items() if not name.startswith("BITACORA_")}
        self.process = subprocess.Popen(self._command, cwd=ROOT, env=own, stderr=subprocess.PIPE)
        until(lambda: is_open(self.port), lambda: "it does not listen")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)
        return self.process.returncode

    def send(self, text: str) -> httpx2.Response:
        return self.http.post("/api/sendText", json={"session": "default", "chatId": CHAT, "text": text})

    def listed(self) -> list[str]:
        return [message["body"] for message in self.http.get(f"/api/default/chats/{CHAT}/messages").json()]


@pytest.fixture
def simulator(tmp_path: Path, listener: Listener) -> Iterator[Simulator]:
    running = Simulator(tmp_path / "deep" / "book.db", listener)
    yield running
    running.http.close()
    if running.process.poll() is None:
        running.kill()


def test_it_takes_lists_and_reports(simulator: Simulator, listener: Listener) -> None:
    sent = simulator.send("Hola")
    assert sent.status_code == 201
    identity = sent.json()["id"]["id"]
    assert simulator.listed() == ["Hola"]
    assert [message.id for message in book.read(simulator.file)] == [identity]
    until(lambda: sorted(listener.acks()) == [1, 2, 3], lambda: str(listener.heard))
    assert {call["payload"]["id"] for call in listener.heard} == {f"true_{CHAT}_{identity}"}
    assert simulator.http.get("/api/sessions/default", headers={"x-api-key": "wrong"}).status_code == 401
    assert simulator.http.get("/api/nothing").status_code == 404
    assert simulator.http.post("/api/sendText", content=b"{").status_code == 400
    assert simulator.stop() == 0


def test_it_goes_on_where_it_was_killed(simulator: Simulator, listener: Listener) -> None:
    listener.refusing = True
    assert simulator.http.post("/simulator/faults", json={"doubled_ack": 0.5}).status_code == 200
    assert simulator.http.post("/simulator/session", json={"status": "SCAN_QR_CODE"}).status_code == 200
    assert simulator.http.post("/simulator/session", json={"status": "WORKING"}).status_code == 200
    for number in range(5):
        simulator.send(f"Hola {number}")
    simulator.kill()
    owed = book.owed(simulator.file)
    assert owed > 0
    simulator.start()
    assert simulator.listed() == [f"Hola {number}" for number in range(4, -1, -1)]
    assert simulator.http.get("/simulator/faults").json()["doubled_ack"] == 0.5
    listener.refusing = False
    until(lambda: book.owed(simulator.file) == 0, lambda: str(listener.heard), 60)
    read = {call["payload"]["id"] for call in listener.heard if call["payload"].get("ack") == 3}
    assert len(read) == 5
    states = [call["payload"]["status"] for call in listener.heard if call["event"] == "session.status"]
    assert sorted(states) == ["SCAN_QR_CODE", "WORKING"], "each once, in whatever order they got through"


def test_its_page_shows_what_arrived_and_runs_nothing_of_it(simulator: Simulator) -> None:
    simulator.send("<script>alert(1)</script>")
    page = simulator.http.get("/simulator")
    assert page.status_code == 200
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
    assert "<script>" not in page.text
    assert "WORKING" in page.text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"hung": 2}),
        ("faults", {"surprise": 1}),
        ("faults", {"latency": -1}),
        ("session", {"status": "FINE"}),
    ],
)
def test_what_it_is_not_able_to_do_is_refused(simulator: Simulator, path: str, body: dict[str, Any]) -> None:
    assert simulator.http.post(f"/simulator/{path}", json=body).status_code == 422
    assert simulator.send("Hola").status_code == 201, "and nothing has changed"


@pytest.mark.parametrize(
    ("fault", "status", "taken"),
    [("refused", 500, 0), ("failed_after", 500, 1), ("empty", 201, 1), ("cut", None, 1), ("hung", None, 1)],
)
def test_each_fault_does_what_it_says(simulator: Simulator, fault: str, status: int | None, taken: int) -> None:
    simulator.http.post("/simulator/faults", json={fault: 1})
    if status is None:
        simulator.http.timeout = 0.5
        with pytest.raises(httpx2.TransportError):
            simulator.send("Hola")
    else:
        answer = simulator.send("Hola")
        assert (answer.status_code, b"3EB0" in answer.content) == (status, False)
        assert book.count(simulator.file) == taken
    until(lambda: book.count(simulator.file) == taken, lambda: book.read(simulator.file))
