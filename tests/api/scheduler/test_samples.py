"""The JSON of the WhatsApp Scheduler's document: given what it speaks of, the answers are its samples, value for value.

Ids that the system makes are taken over; what the answers have beyond a sample is allowed, what they lack is not.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from domain import notification, scheduled_message
from domain.scheduled_message import MessageSent
from tests.support.business import made
from tests.support.http import ORIGIN, PASSWORD, Client, World
from tests.support.messages import API, do, sending

TEN = datetime(2025, 1, 27, 10, 0, tzinfo=UTC)
HALF_PAST_TWO = datetime(2025, 1, 27, 14, 30, tzinfo=UTC)


def the_same(shown: dict[str, Any], sample: dict[str, Any]) -> bool:
    """Whether an answer has every field of the sample, with its value."""
    kept = {name: shown.get(name, "(missing)") for name in sample}
    assert kept == sample
    return True


@pytest.fixture
def clients(world: World, ana: Client) -> str:
    """A group with twenty-five contacts, made at ten o'clock."""
    world.time_is(TEN)
    group = made(ana, f"{API}/groups", {"name": "string", "description": "string"})
    for number in range(25):
        entry = {"name": "string", "phone": f"+12345678{number:02}", "groups": [group]}
        made(ana, f"{API}/contacts", entry)
    return group


def test_the_message(world: World, ana: Client, clients: str) -> None:
    user = ana.signed and ana.signed.user.id
    body = {"content": "string", "scheduled_for": "2025-01-27T14:30:00Z", "groups": [clients]}
    created = ana.post(f"{API}/messages", json=body)
    assert created.status == 201
    sample = {
        "id": created.json["id"],
        "content": "string",
        "scheduled_for": "2025-01-27T14:30:00Z",
        "status": "draft",
        "groups": [{"id": clients, "name": "string", "contact_count": 25}],
        "created_at": "2025-01-27T10:00:00Z",
        "updated_at": "2025-01-27T10:00:00Z",
        "sent_at": None,
        "recipient_count": 25,
        "delivered_count": 0,
        "failed_count": 0,
        "created_by": user,
    }
    assert the_same(created.json, sample)
    assert the_same(do(ana, sample["id"], "schedule").json, {**sample, "status": "scheduled"})
    outcomes = {f"c{number}": "failed" if number >= 95 else "delivered" for number in range(100)}
    sending(world, sample["id"], outcomes, at=HALF_PAST_TWO)
    under_way = {"status": "sending", "recipient_count": 100, "delivered_count": 95, "failed_count": 5}
    under_way["updated_at"] = "2025-01-27T14:30:00Z"
    assert the_same(ana.get(f"{API}/messages/{sample['id']}").json, {**sample, **under_way})
    ended = MessageSent(message=sample["id"], owner=str(user), sent=95, failed=5, reasons={}, at=HALF_PAST_TWO)
    world.given(scheduled_message.stream(world.own, sample["id"]), ended)
    sent = {**sample, **under_way, "status": "sent", "sent_at": "2025-01-27T14:30:00Z"}
    assert the_same(ana.get(f"{API}/messages/{sample['id']}").json, sent)
    assert the_same(ana.get(f"{API}/messages").json["items"][0], sent)


def test_the_group(ana: Client, clients: str) -> None:
    sample = {
        "id": clients,
        "name": "string",
        "description": "string",
        "contact_count": 25,
        "created_at": "2025-01-27T10:00:00Z",
        "updated_at": "2025-01-27T10:00:00Z",
        "created_by": ana.signed and ana.signed.user.id,
    }
    assert the_same(ana.get(f"{API}/groups/{clients}").json, sample)
    assert the_same(ana.get(f"{API}/groups").json["items"][0], sample)


def test_the_contact(world: World, ana: Client) -> None:
    world.time_is(TEN)
    groups = sorted(made(ana, f"{API}/groups", {"name": name}) for name in ("group_id_1", "group_id_2"))
    body = {"name": "string", "phone": "+1234567890", "email": "optional@email.com", "groups": groups}
    created = ana.post(f"{API}/contacts", json=body)
    sample = {
        "id": created.json["id"],
        **body,
        "is_active": True,
        "created_at": "2025-01-27T10:00:00Z",
        "updated_at": "2025-01-27T10:00:00Z",
    }
    assert the_same(created.json, sample)
    assert the_same(ana.get(f"{API}/contacts").json["items"][0], sample)
    assert the_same(ana.get(f"{API}/groups/{groups[0]}/contacts").json["items"][0], sample)


def test_the_notification(world: World, ana: Client) -> None:
    raised = notification.RaiseNotification(
        notification="456",
        user=str(ana.signed and ana.signed.user.id),
        kind="message_sent",
        level="success",
        entity="message",
        entity_id="123",
        facts={"sent": 100, "failed": 0},
        now=TEN,
    )
    world.run(notification.DECIDER, notification.stream(world.own, "456"), raised)
    sample = {
        "id": "456",
        "type": "success",
        "title": "Mensaje enviado",
        "message": "El mensaje se envió a 100 destinatarios",
        "is_read": False,
        "related_entity_type": "message",
        "related_entity_id": "123",
        "created_at": "2025-01-27T10:00:00Z",
    }
    assert the_same(ana.get(f"{API}/notifications").json["items"][0], sample)
    assert the_same(ana.post(f"{API}/notifications/mark-read/456").json, {**sample, "is_read": True})


@pytest.mark.parametrize("phone", ["+56912345678", "+1234567890"])
def test_the_numbers_that_it_calls_valid(ana: Client, phone: str) -> None:
    assert ana.post(f"{API}/contacts", json={"name": "string", "phone": phone}).json["phone"] == phone


def test_the_headers_for_other_origins(world: World, ana: Client) -> None:
    asked = {
        "origin": ORIGIN,
        "access-control-request-method": "DELETE",
        "access-control-request-headers": "Content-Type, Authorization, X-Requested-With",
    }
    told = world.visitor().send("OPTIONS", f"{API}/messages", headers=asked).headers
    assert told["access-control-allow-origin"] == ORIGIN
    assert told["access-control-allow-credentials"] == "true"
    allowed = {name.strip().lower() for name in told["access-control-allow-headers"].split(",")}
    assert {"content-type", "authorization", "x-requested-with"} <= allowed
    methods = {name.strip() for name in told["access-control-allow-methods"].split(",")}
    assert {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} <= methods  # PATCH: W23
    assert ana.get(f"{API}/messages", headers={"origin": ORIGIN}).headers["access-control-allow-origin"] == ORIGIN


def test_the_bearer_header_and_the_day_that_it_is_good_for(world: World) -> None:
    who = world.user("sales")
    signed = world.visitor().post(f"{API}/auth/login", json={"email": who.email, "password": PASSWORD}).json
    assert signed["expires_in"] == 24 * 60 * 60  # JWT_EXPIRE_HOURS=24
    me = Client(world.process, {"authorization": f"Bearer {signed['access_token']}"}).get(f"{API}/auth/me")
    assert (me.status, me.json["id"]) == (200, who.id)


NAMED = """
    POST /api/auth/login, POST /api/auth/logout, POST /api/auth/refresh, GET /api/auth/me,
    GET /api/messages, POST /api/messages, GET /api/messages/{}, PUT /api/messages/{}, DELETE /api/messages/{},
    POST /api/messages/{}/schedule, POST /api/messages/{}/pause, POST /api/messages/{}/resume,
    POST /api/messages/{}/cancel, POST /api/messages/{}/duplicate, GET /api/messages/{}/preview,
    GET /api/messages/{}/stats, GET /api/messages/dashboard,
    GET /api/groups, POST /api/groups, GET /api/groups/{}, PUT /api/groups/{}, DELETE /api/groups/{},
    GET /api/contacts, POST /api/contacts, POST /api/contacts/import, PUT /api/contacts/{}, DELETE /api/contacts/{},
    GET /api/groups/{}/contacts, POST /api/groups/{}/contacts, DELETE /api/groups/{}/contacts/{},
    GET /api/notifications, POST /api/notifications/mark-read/{}, DELETE /api/notifications/{},
    GET /api/notifications/unread-count,
    GET /api/analytics/dashboard, GET /api/analytics/messages, GET /api/analytics/groups, GET /api/reports/export,
    POST /api/sync, GET /api/health, GET /api/health/db, GET /api/health/whatsapp, GET /api/health/redis
"""


def test_every_route_that_it_names_is_there(world: World) -> None:
    described = world.visitor().get("/scheduler/docs/openapi.json").json["paths"]
    there = {
        f"{method.upper()} {re.sub('{[^}]*}', '{}', path)}" for path, methods in described.items() for method in methods
    }
    named = {route.strip() for route in NAMED.split(",")}
    assert len(named) == 43
    assert named <= there, named - there


def test_both_pages_of_documentation_are_there(world: World) -> None:
    page = world.visitor().get("/scheduler/docs")
    assert page.status == 200
    assert "swagger-ui" in page.text
    other = world.visitor().get("/scheduler/swagger")
    assert (other.status, other.headers["location"]) == (307, "/scheduler/docs")
