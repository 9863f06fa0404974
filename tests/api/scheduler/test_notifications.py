"""Notifications: raised when a message ends, listed, counted, read and deleted by whom they are for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain import scheduled_message
from domain.message_events import FailureReason
from domain.scheduled_message import MessageFailed, MessageSent
from tests.support.http import Client, World
from tests.support.messages import API, NOW, brought, code, draft

pytestmark = pytest.mark.usefixtures("at_noon")
LIST = f"{API}/notifications"


def ended(world: World, ana: Client, message: str, failure: FailureReason | None = None, **counts: int) -> None:
    assert ana.signed
    about: dict[str, Any] = {"message": message, "owner": ana.signed.user.id, "reasons": {}, "at": world.now}
    event = (
        MessageFailed(**about, reason=failure, failed=counts.get("failed", 0))
        if failure
        else MessageSent(**about, sent=counts["sent"], failed=counts.get("failed", 0))
    )
    world.given(scheduled_message.stream(world.own, message), event)
    world.react()


def test_the_end_of_a_message_is_told_to_its_owner(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    ended(world, ana, message, sent=12)
    (told,) = ana.get(LIST).json["items"]
    assert told.pop("id").startswith("ntf_")
    assert told == {
        "type": "success",
        "title": "Mensaje enviado",
        "message": "El mensaje se envió a 12 destinatarios",
        "is_read": False,
        "related_entity_type": "message",
        "related_entity_id": message,
        "created_at": "2026-03-02T12:00:00Z",
        "timestamp": "2026-03-02T12:00:00Z",
    }
    assert world.react() == 0, "and only once"


@pytest.mark.parametrize(
    ("failure", "counts", "kind", "title", "said"),
    [
        (None, {"sent": 2, "failed": 1}, "warning", "Mensaje enviado con errores", "2 destinatarios; 1 falló"),
        ("MISSED_SCHEDULE", {}, "error", "El mensaje no se envió", "pasó demasiado tiempo desde la hora programada"),
        ("NO_RECIPIENTS", {}, "error", "El mensaje no se envió", "ningún contacto activo lo podía recibir"),
        ("TOO_MANY_RECIPIENTS", {}, "error", "El mensaje no se envió", "demasiados destinatarios para un solo mensaje"),
        ("NOTHING_SENT", {"failed": 2}, "error", "El mensaje no se envió", "no se pudo entregar a ningún destinatario"),
    ],
)
def test_what_went_wrong_is_said_in_words(
    world: World,
    ana: Client,
    group: str,
    failure: FailureReason | None,
    counts: dict[str, int],
    kind: str,
    title: str,
    said: str,
) -> None:
    ended(world, ana, draft(ana, group), failure, **counts)
    (told,) = ana.get(LIST).json["items"]
    assert (told["type"], told["title"]) == (kind, title)
    assert said in told["message"]


def test_notifications_are_paged_read_counted_and_deleted(world: World, ana: Client, group: str) -> None:
    for number in range(1, 6):
        world.time_is(NOW + timedelta(minutes=number))
        ended(world, ana, draft(ana, group), sent=number)
    page = ana.get(f"{LIST}?page_size=2").json
    assert [row["created_at"][11:16] for row in page["items"]] == ["12:05", "12:04"], "the newest first"
    assert [page[name] for name in ("total", "page", "page_size", "pages")] == [5, 1, 2, 3]
    assert len(ana.get(f"{LIST}?page=3&pageSize=2").json["items"]) == 1
    assert ana.get(f"{LIST}?page=4&page_size=2").json["items"] == []
    newest = page["items"][0]["id"]
    assert ana.get(f"{LIST}/unread-count").json == {"count": 5}
    read = ana.post(f"{LIST}/mark-read/{newest}")
    assert (read.status, read.json) == (200, {**page["items"][0], "is_read": True})
    with world.unchanged():
        assert ana.post(f"{LIST}/mark-read/{newest}").status == 200, "a second time changes nothing"
    assert ana.get(f"{LIST}/unread-count").json == {"count": 4}
    assert [row["id"] for row in ana.get(f"{LIST}?is_read=true").json["items"]] == [newest]
    assert ana.get(f"{LIST}?isRead=false").json["total"] == 4
    gone = ana.delete(f"{LIST}/{newest}")
    assert (gone.status, gone.body) == (204, b"")
    assert ana.get(LIST).json["total"] == 4
    for answer in (ana.delete(f"{LIST}/{newest}"), ana.post(f"{LIST}/mark-read/{newest}")):
        assert code(answer) == (404, "NOTIFICATION_NOT_FOUND")
    unread = ana.get(LIST).json["items"][0]["id"]
    ana.delete(f"{LIST}/{unread}")
    assert ana.get(f"{LIST}/unread-count").json == {"count": 3}, "what is deleted unread counts no more"


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=0", "page_size=101", "is_read=perhaps"])
def test_what_is_no_page_is_refused(ana: Client, query: str) -> None:
    assert ana.get(f"{LIST}?{query}").status == 422


def test_a_message_that_failed_says_why(world: World, ana: Client, group: str) -> None:
    message = brought(world, ana, group, "failed")
    shown = ana.get(f"{API}/messages/{message}").json
    assert (shown["status"], shown["status_reason"]) == ("failed", "NOTHING_SENT")
