"""The document's samples of groups, contacts and frames, replayed: the same fields, the same kinds of values."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.api.scheduler.live import API, Sending, listening
from tests.support.business import made
from tests.support.http import Client, World

MOMENT = datetime(2025, 1, 27, 10, 0, tzinfo=UTC)
GROUP = {
    "id": "string",
    "name": "string",
    "description": "string",
    "contact_count": 25,
    "created_at": "2025-01-27T10:00:00Z",
    "updated_at": "2025-01-27T10:00:00Z",
    "created_by": "user_id",
}
CONTACT = {
    "id": "string",
    "name": "string",
    "phone": "+1234567890",
    "email": "optional@email.com",
    "is_active": True,
    "groups": ["group_id_1", "group_id_2"],
    "created_at": "2025-01-27T10:00:00Z",
    "updated_at": "2025-01-27T10:00:00Z",
}
STATUS = {"type": "message_status_update", "message_id": "123", "status": "sent", "timestamp": "2025-01-27T10:00:00Z"}
PROGRESS = {"type": "message_progress", "message_id": "123", "sent": 50, "total": 100, "failed": 2}
NOTIFICATION = {
    "id": "456",
    "type": "success",
    "title": "Mensaje enviado",
    "message": "El mensaje se envió correctamente",
    "timestamp": "2025-01-27T10:00:00Z",
}
WHATSAPP = {"type": "whatsapp_status", "status": "qr_needed", "qr_code": "base64_qr_image"}
"""As the document has them."""
MORE = {
    "group": {"active_count"},
    "contact": {"created_by"},
    "message_status_update": {"position"},
    "message_progress": {"position", "delivered"},
    "notification": {"is_read", "related_entity_type", "related_entity_id", "created_at"},
    "whatsapp_status": set[str](),
}
"""What is said besides."""


def same_shape(found: dict[str, Any], sample: dict[str, Any], kind: str) -> None:
    """The fields of the sample and those that are known to be added, each of its kind."""
    assert set(found) == {*sample, *MORE[kind]}
    for name, value in sample.items():
        assert type(found[name]) is type(value), name
        if name.endswith("_at") or name == "timestamp":
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found[name]), name


def test_a_group(world: World, ana: Client) -> None:
    world.time_is(MOMENT)
    answer = ana.post(f"{API}/groups", json={"name": GROUP["name"], "description": GROUP["description"]})
    same_shape(answer.json, GROUP, "group")
    for number in range(25):
        contact = {"name": "P", "phone": f"+52559877{number:04}", "groups": [answer.json["id"]]}
        made(ana, f"{API}/contacts", contact)
    found = ana.get(f"{API}/groups/{answer.json['id']}").json
    taken = {name: found[name] for name in GROUP if name not in ("id", "created_by")}
    assert taken == {name: GROUP[name] for name in taken}
    assert found["created_by"] == ana.signed.user.id  # type: ignore[union-attr]
    (listed,) = ana.get(f"{API}/groups").json["items"]
    assert listed == found


def test_a_contact(world: World, ana: Client) -> None:
    world.time_is(MOMENT)
    groups = sorted(made(ana, f"{API}/groups", {"name": name}) for name in CONTACT["groups"])
    body = {"name": "string", "phone": CONTACT["phone"], "email": CONTACT["email"], "groups": groups}
    answer = ana.post(f"{API}/contacts", json=body)
    same_shape(answer.json, CONTACT, "contact")
    expected = {**CONTACT, "groups": groups}
    assert {name: answer.json[name] for name in CONTACT if name != "id"} == {
        name: value for name, value in expected.items() if name != "id"
    }
    for path in (f"contacts/{answer.json['id']}", "contacts", f"groups/{groups[0]}/contacts"):
        found = ana.get(f"{API}/{path}").json
        assert (found["items"][0] if "items" in found else found) == answer.json


@pytest.mark.parametrize("phone", ["+56912345678", "+1234567890"])
def test_the_numbers_that_the_document_calls_valid_are(ana: Client, phone: str) -> None:
    assert ana.post(f"{API}/contacts", json={"name": "P", "phone": phone}).json["phone"] == phone


def test_the_frames(world: World, ana: Client, whatsapp: Any) -> None:
    world.patch.setattr("api.scheduler.realtime.WHATSAPP_EVERY", 0.05)
    going = Sending(world, ana, 4)
    with listening(world, ana) as browser:
        going.start()
        going.send(going.people[:2])
        going.copies(going.people[2:], "claimed", "failed")
        browser.hear("message_progress", sent=2, failed=2)
        going.copies(going.people[:2], "delivered")
        going.end()
        for status in ("sending", "sent"):
            same_shape(browser.hear("message_status_update", status=status), STATUS, "message_status_update")
        progress = browser.hear("message_progress", sent=2, total=4, failed=2)
        same_shape(progress, PROGRESS, "message_progress")
        same_shape(browser.hear("new_notification")["notification"], NOTIFICATION, "notification")
        whatsapp("qr_needed", "aGVsbG8=")
        same_shape(browser.hear("whatsapp_status"), WHATSAPP, "whatsapp_status")
        for sample in (
            {"type": "ping"},
            {"type": "subscribe_message", "message_id": going.id},
            {"type": "unsubscribe_message", "message_id": going.id},
        ):
            browser.socket.send(json.dumps(sample, indent=2))
        browser.hear("pong")
        browser.hear("subscribed")
        browser.hear("unsubscribed")


def test_a_list_is_a_page(ana: Client) -> None:
    for number in range(3):
        made(ana, f"{API}/contacts", {"name": f"P{number}", "phone": f"+52559877{number:04}"})
    found = ana.get(f"{API}/contacts", params={"page": 2, "page_size": 2}).json
    assert {name: value for name, value in found.items() if name != "items"} == {
        "total": 3,
        "page": 2,
        "page_size": 2,
        "pages": 2,
    }
    assert [row["name"] for row in found["items"]] == ["P2"]
    for query in ({"page": 0}, {"page_size": 0}, {"page_size": 101}, {"page": "x"}):
        assert ana.get(f"{API}/contacts", params=query).status == 422, query
        assert ana.get(f"{API}/groups", params=query).status == 422, query
