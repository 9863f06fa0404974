"""Messages written, read, listed and changed, as the document's client sees them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.http import Client, World
from tests.support.messages import API, SOON, code, do, draft

pytestmark = pytest.mark.usefixtures("at_noon")


def test_a_message_has_the_shape_of_the_document(ana: Client, group: str) -> None:
    answer = ana.post(
        f"{API}/messages", json={"content": " Hola \r\n a todos\x07 ", "scheduled_for": SOON, "groups": [group]}
    )
    assert answer.status == 201, answer
    assert ana.get(f"{API}/messages/{answer.json['id']}").json == answer.json
    message = answer.json
    assert message.pop("id").startswith("msg_")
    assert message == {
        "content": "Hola \n a todos",
        "scheduled_for": SOON,
        "timezone": None,
        "status": "draft",
        "status_reason": None,
        "last_status_change": "2026-03-02T12:00:00Z",
        "groups": [{"id": group, "name": "Clientes VIP", "contact_count": 3}],
        "created_at": "2026-03-02T12:00:00Z",
        "updated_at": "2026-03-02T12:00:00Z",
        "sent_at": None,
        "recipient_count": 2,
        "sent_count": 0,
        "delivered_count": 0,
        "failed_count": 0,
        "attempt": 1,
        "copy_of": None,
        "created_by": ana.signed and ana.signed.user.id,
        "warnings": [],
    }


def test_what_the_frontend_sends_in_camel_case_means_the_same(ana: Client, group: str) -> None:
    body = {
        "content": "Hola",
        "scheduledFor": SOON,
        "groups": [{"id": group, "name": "x"}],
        "tempId": "t1",
        "createdBy": "me",
    }
    answer = ana.post(f"{API}/messages", json=body)
    assert (answer.status, answer.json["scheduled_for"], answer.json["groups"][0]["id"]) == (201, SOON, group)
    listed = ana.get(f"{API}/messages?pageSize=1&status[]=draft&groupId={group}&sort=scheduledFor")
    assert [row["id"] for row in listed.json["items"]] == [answer.json["id"]]
    downwards = ana.get(f"{API}/messages?sort=-createdAt")
    assert (downwards.status, downwards.json["total"]) == (200, 1)
    edited = ana.put(f"{API}/messages/{answer.json['id']}", json={**body, "content": "Hola otra vez"})
    assert (edited.status, edited.json["content"]) == (200, "Hola otra vez")
    assert edited.json["created_by"] == answer.json["created_by"]
    wrong = ana.post(f"{API}/messages", json={"content": "Hola", "scheduledFor": 5})
    assert wrong.status == 422
    assert [*wrong.json["error"]["details"]] == ["scheduled_for"]


def test_a_draft_that_the_browser_kept_is_taken_with_all_that_the_form_sends(ana: Client, group: str) -> None:
    body = {
        "content": "Hola",
        "groups": [group],
        "scheduledFor": "2026-03-03T16:00:00.000Z",
        "scheduledDateTime": {"date": "2026-03-03", "time": "10:00", "dateTime": "2026-03-03T16:00:00.000Z"},
        "tempId": 1_772_452_800_000,
        "savedAt": "2026-03-02T11:59:58.123Z",
    }
    made = ana.post(f"{API}/messages", json=body)
    assert (made.status, made.json["scheduled_for"]) == (201, "2026-03-03T16:00:00Z"), made
    edited = ana.put(f"{API}/messages/{made.json['id']}", json={**body, "content": "Hola otra vez"})
    assert (edited.status, edited.json["content"]) == (200, "Hola otra vez"), edited
    assert ana.post(f"{API}/messages", json={**body, "tempId": None, "scheduledDateTime": None}).status == 201


@pytest.mark.parametrize(
    ("body", "why", "field"),
    [
        ({"content": "x" * 4_097}, "TEXT_TOO_LONG", "content"),
        ({"content": "<b>Hola</b>"}, "MARKUP_NOT_ALLOWED", "content"),
        ({"content": "<script>alert(1)</script>"}, "MARKUP_NOT_ALLOWED", "content"),
        ({"content": "\x07 "}, "TEXT_EMPTY", "content"),
        ({"scheduled_for": "2026-03-02T11:59:59Z"}, "SCHEDULE_IN_PAST", "scheduled_for"),
        ({"scheduled_for": "2026-03-02T12:00:00Z"}, "SCHEDULE_IN_PAST", "scheduled_for"),
        ({"scheduled_for": "2027-03-02T12:00:01Z"}, "SCHEDULE_TOO_FAR", "scheduled_for"),
        ({"timezone": "Marte/Olympus"}, "ZONE_INVALID", "timezone"),
        ({"timezone": "../../etc/passwd"}, "ZONE_INVALID", "timezone"),
        ({"scheduled_for": "0001-01-01T00:00:00"}, "SCHEDULE_IN_PAST", "scheduled_for"),
        ({"scheduled_for": "9999-12-31T23:59:59-12:00"}, "TIME_INVALID", "scheduled_for"),
        *(
            ({"scheduled_for": written}, "TIME_INVALID", "scheduled_for")
            for written in ("mañana", "", "2026-03-03", "2026-02-30T10:00", "2026-03-03T25:00", "2026-W10-2T10:00")
        ),
        ({"content": None}, "VALIDATION_FAILED", "content"),
        ({"surprise": 1}, "VALIDATION_FAILED", "surprise"),
    ],
)
def test_what_cannot_be_right_is_422_with_the_field(
    ana: Client, group: str, body: dict[str, Any], why: str, field: str
) -> None:
    answer = ana.post(f"{API}/messages", json={"content": "Hola", "groups": [group], **body})
    assert code(answer) == (422, why), answer
    assert field in answer.json["error"]["details"]


def test_the_last_moment_and_the_longest_text_are_taken(ana: Client, group: str) -> None:
    draft(ana, group, scheduled_for="2027-03-02T12:00:00Z", content="ñ" * 4_096)


@pytest.mark.parametrize(
    ("zone", "written", "meant", "warnings"),
    [
        ("Europe/Madrid", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z", ["LOCAL_TIME_SKIPPED"]),
        ("Europe/Madrid", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z", ["LOCAL_TIME_DOUBLED"]),
        ("Europe/Madrid", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00Z", []),
        ("America/Santiago", "2026-09-06T00:30:00", "2026-09-06T04:30:00Z", ["LOCAL_TIME_SKIPPED"]),
        ("America/Mexico_City", "2026-04-05T02:30:00", "2026-04-05T08:30:00Z", []),
        ("Asia/Riyadh", "2026-03-03T09:00:00", "2026-03-03T06:00:00Z", []),
        (None, "2026-03-03T09:00:00", "2026-03-03T15:00:00Z", []),
        (None, "2026-03-03T09:00", "2026-03-03T15:00:00Z", []),
        (None, "2026-03-03T09:00:00.123Z", "2026-03-03T09:00:00Z", []),
    ],
)
def test_a_time_is_read_on_the_users_own_clock(
    ana: Client, group: str, zone: str | None, written: str, meant: str, warnings: list[str]
) -> None:
    answer = ana.post(f"{API}/messages", json={"content": "Hola", "scheduled_for": written, "timezone": zone})
    assert answer.json["scheduled_for"] == meant, answer
    assert answer.json["warnings"] == warnings


def test_a_retried_request_makes_one_message(ana: Client, group: str) -> None:
    body = {"content": "Hola", "groups": [group]}
    first, again = (ana.post(f"{API}/messages", json=body, headers={"idempotency-key": "k1"}) for _ in range(2))
    assert first.json["id"] == again.json["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert ana.get(f"{API}/messages").json["total"] == 1


def test_users_own_their_messages_and_an_admin_sees_them_all(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    other, admin = world.signed_in(world.user("agent")), world.signed_in(world.user("admin"))
    stranger = world.signed_in(world.user("admin", organization=world.organization("other")))
    assert code(other.get(f"{API}/messages/{message}")) == (403, "NOT_YOURS")
    assert stranger.get(f"{API}/messages/{message}").status == 404
    for action in ("schedule", "cancel", "duplicate"):
        assert do(other, message, action).status == 403
    assert other.get(f"{API}/messages").json["total"] == 0
    assert admin.get(f"{API}/messages").json["total"] == 1
    assert do(admin, message, "cancel").json["status"] == "cancelled"
    theirs = other.post(f"{API}/messages", json={"content": "Hola", "groups": [group]})
    assert theirs.status == 404, "a group of somebody else is none of theirs"
