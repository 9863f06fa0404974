"""From draft to schedule and back: what may be done with a message when, and what keeps it from going out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.business import made
from tests.support.http import Client, World
from tests.support.messages import API, NOW, SOON, brought, code, do, draft

pytestmark = pytest.mark.usefixtures("at_noon")


def test_a_message_goes_from_draft_to_schedule_pause_resume_and_cancel(ana: Client, group: str) -> None:
    message = draft(ana, group)
    assert do(ana, message, "schedule").json["status"] == "scheduled"
    paused = do(ana, message, "pause", reason="Esperamos al director").json
    assert (paused["status"], paused["status_reason"]) == ("paused", "Esperamos al director")
    assert do(ana, message, "resume").json["status"] == "scheduled"
    assert do(ana, message, "cancel", reason="Ya no").json["status"] == "cancelled"
    copy = do(ana, message, "duplicate")
    assert (copy.status, copy.json["content"], copy.json["status"]) == (201, "[COPIA] Hola", "draft")
    assert (copy.json["copy_of"], copy.json["scheduled_for"]) == (message, None)
    assert ana.delete(f"{API}/messages/{message}").status == 204
    assert ana.get(f"{API}/messages/{message}").status == 404


ACTIONS = ("schedule", "pause", "resume", "cancel", "duplicate", "retry", "redraft", "edit", "delete")
ALLOWED = {
    "draft": {"schedule", "cancel", "duplicate", "edit", "delete"},
    "scheduled": {"pause", "cancel", "redraft", "duplicate", "edit", "delete"},
    "sending": {"pause", "cancel"},
    "sent": {"duplicate"},
    "paused": {"resume", "cancel", "redraft", "edit", "delete"},
    "cancelled": {"redraft", "duplicate", "delete"},
    "failed": {"retry", "redraft", "cancel", "edit", "delete"},
}
"""The settled table, 2.1: who may go where, and what people may do in each state."""
SAID = {
    "draft": "en borrador",
    "scheduled": "programado",
    "sending": "que se está enviando",
    "sent": "enviado",
    "paused": "en pausa",
    "cancelled": "cancelado",
    "failed": "fallido",
}


@pytest.mark.parametrize("status", ALLOWED)
def test_the_table_says_what_may_be_done(world: World, ana: Client, group: str, status: str) -> None:
    for action in ACTIONS:
        world.forget_limits()
        world.time_is(NOW)
        message = brought(world, ana, group, status, content=f"Hola, {action}")
        world.time_is(NOW + timedelta(minutes=1))  # at the same moment it would be the same command again
        if action == "edit":
            answer = ana.put(f"{API}/messages/{message}", json={"content": "Otra cosa"})
        elif action == "redraft":
            answer = ana.delete(f"{API}/messages/{message}/schedule")
        elif action == "delete":
            answer = ana.delete(f"{API}/messages/{message}")
        else:
            answer = do(ana, message, action)
        if action in ALLOWED[status]:
            assert answer.status < 300, (status, action, answer)
        else:
            assert code(answer) == (409, "INVALID_STATE"), (status, action, answer)
            assert answer.json["error"]["details"]["status"] == status
            assert answer.json["detail"] == f"No se puede hacer con un mensaje {SAID[status]}"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("COMPRA AHORA MISMO LA OFERTA DEL AÑO", "ALL_CAPS"),
        ("https://a.mx https://b.mx https://c.mx https://d.mx", "LINK_FLOOD"),
        ("Compra ya!!!!!!!!!!!!!!!", "REPEATED_CHARACTERS"),
    ],
)
def test_what_looks_like_spam_stays_a_draft(ana: Client, group: str, content: str, reason: str) -> None:
    message = draft(ana, group, content=content)
    warned = ana.get(f"{API}/messages/{message}/preview").json["warnings"]
    assert reason in [warning["code"] for warning in warned]
    answer = do(ana, message, "schedule")
    assert code(answer) == (422, "SPAM_SUSPECTED")
    assert answer.json["error"]["details"]["reasons"] == [reason]


def test_the_same_to_the_same_people_a_third_time_within_a_day_is_spam(world: World, ana: Client, group: str) -> None:
    for text in ("Hola a todos", "hola  a todos"):
        assert do(ana, draft(ana, group, content=text), "schedule").status == 200
    third = draft(ana, group, content="HOLA a todos")
    assert do(ana, third, "schedule").json["error"]["details"]["reasons"] == ["REPEATED_CONTENT"]
    world.time_is(NOW + timedelta(hours=24, seconds=-1))
    assert code(do(ana, third, "schedule")) == (422, "SPAM_SUSPECTED")
    world.time_is(NOW + timedelta(hours=24))
    assert do(ana, third, "schedule").status == 200


@pytest.mark.parametrize("status", ["scheduled", "paused", "cancelled", "failed"])
def test_a_message_taken_off_the_schedule_is_a_draft_with_its_time_and_may_be_scheduled_anew(
    world: World, ana: Client, group: str, status: str
) -> None:
    message = brought(world, ana, group, status)
    world.time_is(NOW + timedelta(minutes=1))
    gone = ana.delete(f"{API}/messages/{message}/schedule")
    assert (gone.status, gone.body) == (204, b"")
    shown = ana.get(f"{API}/messages/{message}").json
    assert (shown["status"], shown["scheduled_for"], shown["status_reason"]) == ("draft", SOON, None)
    world.time_is(NOW + timedelta(minutes=2))
    assert code(ana.delete(f"{API}/messages/{message}/schedule")) == (409, "INVALID_STATE"), "it is a draft already"
    again = do(ana, message, "schedule", scheduled_for="2026-03-09T10:00:00Z")
    assert (again.status, again.json["status"]) == (200, "scheduled")


def test_a_paused_message_whose_time_has_passed_needs_another_one(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    do(ana, message, "schedule")
    do(ana, message, "pause")
    world.time_is(NOW + timedelta(days=5))
    assert code(do(ana, message, "resume")) == (409, "SCHEDULE_PASSED")
    assert do(ana, message, "resume", scheduledFor="2026-03-09T10:00:00Z").json["status"] == "scheduled"


def test_nothing_is_scheduled_while_whatsapp_is_away(ana: Client, group: str, whatsapp: Callable[..., None]) -> None:
    message = draft(ana, group)
    for status in ("disconnected", "qr_needed"):
        whatsapp(status)
        assert code(do(ana, message, "schedule")) == (503, "WHATSAPP_DISCONNECTED")
    whatsapp("connected")
    assert do(ana, message, "schedule").status == 200


@pytest.mark.parametrize("action", ["schedule", "retry"])
def test_what_was_done_is_answered_again_by_its_key_while_whatsapp_is_away(
    world: World, ana: Client, group: str, whatsapp: Callable[..., None], action: str
) -> None:
    message = brought(world, ana, group, "draft" if action == "schedule" else "failed")
    keyed = ana.with_headers(idempotency_key="k1")
    first = do(keyed, message, action)
    assert first.status == 200
    whatsapp("disconnected")
    with world.unchanged():
        again = do(keyed, message, action)
        assert (again.status, again.json) == (200, first.json)
        assert again.headers["idempotency-replayed"] == "true"
        assert code(do(ana.with_headers(idempotency_key="k2"), message, action)) == (503, "WHATSAPP_DISCONNECTED")


def test_a_draft_without_groups_or_time_is_not_scheduled(ana: Client, group: str) -> None:
    nobody = made(ana, f"{API}/messages", {"content": "Hola", "scheduled_for": SOON})
    assert code(do(ana, nobody, "schedule")) == (422, "GROUPS_MISSING")
    never = made(ana, f"{API}/messages", {"content": "Hola", "groups": [group]})
    assert code(do(ana, never, "schedule")) == (422, "SCHEDULE_MISSING")
    assert do(ana, never, "schedule", scheduled_for=SOON).json["scheduled_for"] == SOON


def test_a_draft_whose_groups_are_all_gone_is_not_scheduled(ana: Client, group: str) -> None:
    other = made(ana, f"{API}/groups", {"name": "Otro"})
    one, both = draft(ana, other), draft(ana, group, groups=[group, other], content="Hola a dos")
    assert ana.delete(f"{API}/groups/{other}").status == 204
    assert ana.get(f"{API}/messages/{one}").json["groups"] == []
    assert code(do(ana, one, "schedule")) == (422, "GROUPS_MISSING")
    assert do(ana, both, "schedule").status == 200
