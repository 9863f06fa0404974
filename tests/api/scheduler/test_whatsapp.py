"""The connection to WhatsApp as users meet it: health, what is refused without it, and the code to be scanned."""

from __future__ import annotations

import asyncio
import base64
import json as jsons
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from api import access, health, hub, whatsapp
from api.scheduler import realtime
from domain import scheduled_message
from domain.scheduled_message import MessageFailed
from scripts.simulator.server import Answer, Request, json
from tests.support.business import made
from tests.support.gateways import BRIEF, KEY, NOBODY, Simulated, answering, simulated
from tests.support.http import PATIENCE, Client, Process, World
from tests.support.messages import API, NOW, code, do, draft, sending
from tests.support.sockets import Socket

HEALTH = f"{API}/health"


@pytest.fixture
def opened(world: World) -> Iterator[AsyncExitStack]:
    """What is opened in the API's event loop, and closed with the test."""
    world.patch.setattr(whatsapp, "FRESH", 0.0)
    for module in (whatsapp, health):
        world.patch.setattr(module, "PATIENCE", PATIENCE)
    stack = AsyncExitStack()
    yield stack
    for process in world.processes:
        process.close()
    world.processes.clear()
    world.loop.run(stack.aclose())


@pytest.fixture
def simulator(world: World, opened: AsyncExitStack, tmp_path: Path) -> Simulated:
    return world.loop.run(opened.enter_async_context(simulated(tmp_path / "book.db")))


def serving(world: World, url: str, **more: Any) -> Process:
    """A process of the API that speaks to this gateway."""
    patient = {"whatsapp_url": url, "whatsapp_key": KEY, "whatsapp_timeout_seconds": PATIENCE}
    return world.another_process(**{**patient, **more})


def on(process: Process, client: Client) -> Client:
    """The same user, at this process."""
    return Client(process, client.headers, client.signed)


@pytest.fixture
def sara(world: World, at_noon: None) -> Client:
    """A saleswoman; nobody pretends anything about WhatsApp to her."""
    return world.signed_in(world.user("sales"))


def draft_of(sara: Client, text: str = "Hola") -> str:
    group = made(sara, f"{API}/groups", {"name": f"Grupo {text}"})
    return draft(sara, group, content=text)


# --- what is refused


def test_a_message_is_scheduled_only_while_whatsapp_is_connected(
    world: World, simulator: Simulated, sara: Client
) -> None:
    here = on(serving(world, simulator.url), sara)
    message = draft_of(sara)
    for status in ("SCAN_QR_CODE", "STOPPED", "STARTING", "FAILED"):
        simulator.session(status)
        refused = do(here, message, "schedule")
        assert code(refused) == (503, "WHATSAPP_DISCONNECTED"), status
        assert refused.json["detail"] == "WhatsApp no está conectado"
    assert here.get(f"{API}/messages/{message}").json["status"] == "draft"
    warned = here.get(f"{API}/messages/{message}/preview").json["warnings"]
    assert "WHATSAPP_DISCONNECTED" in [warning["code"] for warning in warned]
    simulator.session("WORKING")
    assert do(here, message, "schedule").json["status"] == "scheduled"


@pytest.mark.parametrize("url", ["", "nobody there"])
def test_without_a_gateway_nothing_is_scheduled(world: World, opened: AsyncExitStack, sara: Client, url: str) -> None:
    here = on(serving(world, url and NOBODY), sara)
    assert code(do(here, draft_of(sara), "schedule")) == (503, "WHATSAPP_DISCONNECTED")


WRONG = [json({"message": "Protocol error"}, 500), json(["?"]), json({"message": "Unauthorized"}, 401)]


@pytest.mark.parametrize("wrong", WRONG, ids=["500", "nonsense", "401"])
def test_a_gateway_that_answers_with_errors_is_502_where_sending_begins_and_503_elsewhere(
    world: World, opened: AsyncExitStack, sara: Client, wrong: Answer
) -> None:
    answers = [wrong]

    async def handler(request: Request) -> Answer:
        return answers[0]

    here = on(serving(world, world.loop.run(opened.enter_async_context(answering(handler)))), sara)
    waiting, failed = draft_of(sara), brought_to_failure(world, sara)
    with world.unchanged():
        assert code(do(here, waiting, "schedule")) == (503, "WHATSAPP_DISCONNECTED")
        refused = do(here, failed, "retry")
        assert code(refused) == (502, "WHATSAPP_ERROR")
        assert refused.json["detail"] == "WhatsApp no respondió como se esperaba. Intenta de nuevo"
        assert here.get(f"{HEALTH}/whatsapp").status == 503
    answers[0] = json({"name": "default", "status": "WORKING"})
    assert do(here, failed, "retry").json["status"] == "sending"


def brought_to_failure(world: World, sara: Client) -> str:
    message = draft_of(sara, "Otra")
    sending(world, message, {"c1": "failed"})
    about: dict[str, Any] = {"message": message, "owner": sara.signed and sara.signed.user.id, "reasons": {}}
    failed = MessageFailed(**about, reason="NOTHING_SENT", failed=1, at=NOW)
    world.given(scheduled_message.stream(world.own, message), failed)
    return message


def test_a_gateway_that_does_not_answer_in_time_is_away(world: World, opened: AsyncExitStack, sara: Client) -> None:
    async def handler(request: Request) -> Answer:
        await asyncio.sleep(60)
        raise AssertionError

    here = on(serving(world, world.loop.run(opened.enter_async_context(answering(handler))), **BRIEF), sara)
    assert code(do(here, draft_of(sara), "schedule")) == (503, "WHATSAPP_DISCONNECTED")


def test_the_gateway_is_asked_once_in_a_while_whoever_wants_to_know(
    world: World, opened: AsyncExitStack, sara: Client
) -> None:
    world.patch.setattr(whatsapp, "FRESH", 60.0)
    asked: list[str] = []

    async def handler(request: Request) -> Answer:
        asked.append(request.path)
        return json({"status": "WORKING"})

    here = on(serving(world, world.loop.run(opened.enter_async_context(answering(handler)))), sara)
    answers = world.at_once(*(here.asking("GET", f"{HEALTH}/whatsapp") for _ in range(20)))
    assert [answer.status for answer in answers] == [200] * 20
    assert asked == ["/api/sessions/default"]


# --- the code to be scanned


def test_whoever_listens_is_shown_the_code_and_then_that_it_was_scanned(
    world: World, simulator: Simulated, sara: Client
) -> None:
    assert sara.signed
    simulator.session("SCAN_QR_CODE")
    world.patch.setattr(realtime, "WHATSAPP_EVERY", 0.05)
    process = serving(world, simulator.url)
    with Socket(process.address, f"/scheduler/ws/{sara.signed.user.id}") as socket:
        socket.send(jsons.dumps({"type": "auth", "token": sara.token}))
        frame = heard(socket)
        assert frame["status"] == "qr_needed"
        assert base64.b64decode(frame["qr_code"], validate=True).startswith(b"\x89PNG")
        simulator.session("WORKING")
        while (frame := heard(socket))["status"] == "qr_needed":
            pass
        assert (frame["status"], "qr_code" in frame) == ("connected", False)


def heard(socket: Socket) -> dict[str, Any]:
    """The next frame about WhatsApp."""
    while (frame := jsons.loads(socket.receive()))["type"] != "whatsapp_status":
        pass
    return frame


# --- health, for monitors


def test_health_of_a_system_that_is_well(world: World, simulator: Simulated) -> None:
    visitor = serving(world, simulator.url).visitor()
    services = {"database": "up", "redis": "up", "whatsapp": "up"}
    assert visitor.get(HEALTH).json == {"status": "healthy", "services": services}
    for name in ("db", "redis", "whatsapp"):
        answer = visitor.get(f"{HEALTH}/{name}")
        assert (answer.status, answer.json) == (200, {"status": "healthy"})


def test_health_says_what_is_away_and_is_well_as_long_as_requests_can_be_served(
    world: World, simulator: Simulated
) -> None:
    simulator.session("SCAN_QR_CODE")
    visitor = serving(world, simulator.url, redis_url="redis://127.0.0.1:1/0").visitor()
    answer = visitor.get(HEALTH)
    services = {"database": "up", "redis": "down", "whatsapp": "down"}
    assert (answer.status, answer.json) == (200, {"status": "healthy", "services": services})
    for name, status in (("db", 200), ("redis", 503), ("whatsapp", 503)):
        assert visitor.get(f"{HEALTH}/{name}").status == status, name


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (json({"message": "Session not found"}, 404), 200),
        (json({"status": "SCAN_QR_CODE"}), 200),
        (json({"message": "Protocol error"}, 500), 503),
        (None, 503),
    ],
    ids=["no such session", "not connected", "errors", "nobody there"],
)
def test_where_each_organisation_has_its_number_a_monitor_asks_whether_the_gateway_answers(
    world: World, opened: AsyncExitStack, answer: Answer | None, status: int
) -> None:
    async def handler(request: Request) -> Answer:
        assert answer
        return answer

    url = world.loop.run(opened.enter_async_context(answering(handler))) if answer else NOBODY
    visitor = serving(world, url, whatsapp_session="number-{organization}").visitor()
    assert visitor.get(f"{HEALTH}/whatsapp").status == status


def test_a_number_that_organisations_share_is_asked_for_once(world: World, opened: AsyncExitStack) -> None:
    world.patch.setattr(whatsapp, "FRESH", 60.0)
    asked: list[str] = []

    async def handler(request: Request) -> Answer:
        asked.append(request.path)
        return json({"status": "WORKING"})

    url = world.loop.run(opened.enter_async_context(answering(handler)))
    for name, paths in (
        ("one", ["/api/sessions/one"]),
        ("of-{organization}", ["/api/sessions/of-a", "/api/sessions/of-b"]),
    ):
        known = whatsapp.WhatsApp(structs.replace(world.settings, whatsapp_url=url, whatsapp_session=name))
        for organization in ("a", "b", "a"):
            assert world.loop.run(known.connection(organization)).status == "connected"
        world.loop.run(known.close())
        assert asked == paths
        asked.clear()


def test_without_a_database_nothing_is_well(world: World, simulator: Simulated) -> None:
    for module in (access, hub):
        world.patch.setattr(module, "FIRST_LOOK", 0.05)
    process = serving(world, simulator.url, database_url="postgresql://127.0.0.1:1/nothing")
    process.runtime.pool.timeout = 0.2  # there is nothing to wait for
    visitor = process.visitor()
    answer = visitor.get(HEALTH)
    services = {"database": "down", "redis": "up", "whatsapp": "up"}
    assert (answer.status, answer.json) == (503, {"status": "unhealthy", "services": services})
    broken = visitor.get(f"{HEALTH}/db")
    assert (broken.status, broken.json) == (503, {"status": "unhealthy"})
    assert "postgresql" not in answer.text + broken.text
