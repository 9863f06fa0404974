"""Changing messages, and what the actions make of bodies that are there, missing, or wrong."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.support.business import made
from tests.support.http import Client, World
from tests.support.messages import API, NOW, SOON, brought, code, do, draft

pytestmark = pytest.mark.usefixtures("at_noon")


def change(client: Client, message: str, **body: Any) -> Any:
    return client.put(f"{API}/messages/{message}", json=body)


def test_what_is_not_named_stays_as_it_is(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group, timezone="Europe/Madrid")
    before = ana.get(f"{API}/messages/{message}").json
    world.time_is(NOW + timedelta(minutes=5))
    changed = change(ana, message, content=" Otra\x07 cosa ")
    assert changed.status == 200, changed
    assert changed.json == {**before, "content": "Otra cosa", "updated_at": "2026-03-02T12:05:00Z"}
    assert ana.get(f"{API}/messages/{message}").json == changed.json
    with world.unchanged():
        assert change(ana, message).json == changed.json
        assert change(ana, message, content="Otra cosa").json == changed.json


def test_groups_time_and_zone_are_changed_under_either_name(ana: Client, group: str) -> None:
    other = made(ana, f"{API}/groups", {"name": "Norte"})
    message = draft(ana, group)
    assert [one["id"] for one in change(ana, message, group_ids=[other]).json["groups"]] == [other]
    assert [one["id"] for one in change(ana, message, groups=[{"id": group}, other]).json["groups"]] == [group, other]
    assert change(ana, message, groups=[]).json["groups"] == []
    moved = change(ana, message, scheduledFor="2026-03-04T09:00:00", timezone="Europe/Madrid").json
    assert (moved["scheduled_for"], moved["timezone"]) == ("2026-03-04T08:00:00Z", "Europe/Madrid")
    again = change(ana, message, scheduled_for="2026-03-04T10:00:00").json
    assert again["scheduled_for"] == "2026-03-04T09:00:00Z", "in the zone that it has"
    assert change(ana, message, scheduled_for=None).json["scheduled_for"] is None
    assert change(ana, message, timezone=None).json["timezone"] is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"content": "x" * 4_097}, "TEXT_TOO_LONG"),
        ({"content": "<i>Hola</i>"}, "MARKUP_NOT_ALLOWED"),
        ({"content": None}, "VALIDATION_FAILED"),
        ({"scheduled_for": "2026-03-02T11:00:00Z"}, "SCHEDULE_IN_PAST"),
        ({"scheduled_for": "2027-03-03T12:00:00Z"}, "SCHEDULE_TOO_FAR"),
        ({"timezone": "Luna/Mar"}, "ZONE_INVALID"),
        ({"groups": "all"}, "VALIDATION_FAILED"),
        ({"status": "sent"}, "VALIDATION_FAILED"),
    ],
)
def test_what_cannot_be_right_changes_nothing(
    world: World, ana: Client, group: str, body: dict[str, Any], why: str
) -> None:
    message = draft(ana, group)
    with world.unchanged():
        assert code(change(ana, message, **body)) == (422, why)
        assert code(change(ana, message, groups=["grp_nobody"])) == (404, "GROUP_NOT_FOUND")


@pytest.mark.parametrize("status", ["scheduled", "paused"])
def test_what_waits_stays_complete_and_is_no_spam(world: World, ana: Client, group: str, status: str) -> None:
    message = brought(world, ana, group, status)
    with world.unchanged():
        assert code(change(ana, message, scheduled_for=None)) == (422, "SCHEDULE_MISSING")
        assert code(change(ana, message, groups=[])) == (422, "GROUPS_MISSING")
        shouting = change(ana, message, content="COMPRA AHORA MISMO LA OFERTA DEL AÑO")
        assert code(shouting) == (422, "SPAM_SUSPECTED")
        assert shouting.json["error"]["details"]["reasons"] == ["ALL_CAPS"]
    moved = change(ana, message, scheduled_for="2026-03-09T10:00:00Z", content="Compra, si quieres").json
    assert (moved["status"], moved["scheduled_for"]) == (status, "2026-03-09T10:00:00Z")


def test_what_failed_is_not_made_spam_and_sent_again(world: World, ana: Client, group: str) -> None:
    message = brought(world, ana, group, "failed")
    with world.unchanged():
        assert code(change(ana, message, content="COMPRA AHORA MISMO LA OFERTA DEL AÑO")) == (422, "SPAM_SUSPECTED")


def test_the_groups_of_what_began_to_be_sent_stay(world: World, ana: Client, group: str) -> None:
    failed = brought(world, ana, group, "failed")
    other = made(ana, f"{API}/groups", {"name": "Norte"})
    assert code(change(ana, failed, groups=[other])) == (409, "RECIPIENTS_LISTED")
    assert change(ana, failed, content="Ahora sí").json["status"] == "failed"
    for status in ("sending", "sent"):
        message = brought(world, ana, group, status, content=f"Hola {status}")
        assert code(change(ana, message, content="x")) == (409, "INVALID_STATE")


@pytest.mark.parametrize("action", ["schedule", "pause", "resume", "cancel"])
def test_a_body_may_be_left_out(world: World, ana: Client, group: str, action: str) -> None:
    status = {"schedule": "draft", "pause": "scheduled", "resume": "paused", "cancel": "scheduled"}[action]
    for number, body in enumerate((b"", b"null", b"{}")):
        message = brought(world, ana, group, status, content=f"Hola {action} {number}")
        world.time_is(NOW + timedelta(minutes=1 + number))
        answer = ana.post(f"{API}/messages/{message}/{action}", body=body)
        assert answer.status == 200, (body, answer)
        world.time_is(NOW)
        world.forget_limits()


@pytest.mark.parametrize("action", ["pause", "cancel"])
@pytest.mark.parametrize(
    ("body", "status"),
    [({"reason": "x" * 501}, 422), ({"reason": 7}, 422), ({"why": "x"}, 422), ([], 400), ("x", 400)],
)
def test_a_reason_is_a_short_text(ana: Client, group: str, action: str, body: Any, status: int) -> None:
    message = draft(ana, group)
    do(ana, message, "schedule")
    assert ana.post(f"{API}/messages/{message}/{action}", json=body).status == status
    assert ana.get(f"{API}/messages/{message}").json["status"] == "scheduled"


def test_a_message_is_scheduled_for_the_time_that_comes_with_it(ana: Client, group: str) -> None:
    message = draft(ana, group)
    moved = do(ana, message, "schedule", scheduledFor="2026-03-29T02:30:00", timezone="Europe/Madrid").json
    assert (moved["scheduled_for"], moved["timezone"]) == ("2026-03-29T01:30:00Z", "Europe/Madrid")
    assert moved["warnings"] == ["LOCAL_TIME_SKIPPED"]
    for when, why in (("2026-03-01T00:00:00Z", "SCHEDULE_IN_PAST"), ("2027-03-02T12:00:01Z", "SCHEDULE_TOO_FAR")):
        assert code(do(ana, draft(ana, group, content=why), "schedule", scheduled_for=when)) == (422, why)


def test_of_many_who_do_it_at_once_one_succeeds(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    ticking = iter(range(1, 10_000))
    world.patch.setattr(world.runtime, "clock", lambda: NOW + timedelta(microseconds=next(ticking)))
    for action, wanted in (("schedule", 200), ("pause", 200), ("cancel", 200)):
        answers = world.at_once(*(ana.asking("POST", f"{API}/messages/{message}/{action}") for _ in range(6)))
        assert sorted(answer.status for answer in answers) == [wanted] + [409] * 5, action
        assert {code(answer)[1] for answer in answers if answer.status == 409} == {"INVALID_STATE"}
        world.forget_limits()


def test_a_request_that_is_repeated_with_its_key_is_done_once(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    keyed = ana.with_headers(idempotency_key="k1")
    first, again = (do(keyed, message, "duplicate") for _ in range(2))
    assert (first.status, again.status, first.json["id"]) == (201, 201, again.json["id"])
    assert ana.get(f"{API}/messages").json["total"] == 2
    other = do(keyed, message, "cancel")
    assert code(other) == (409, "IDEMPOTENCY_KEY_REUSED")
    later = ana.with_headers(idempotency_key="k2")
    assert do(later, message, "schedule").status == 200
    world.time_is(NOW + timedelta(minutes=1))
    do(ana, message, "pause")
    assert do(later, message, "schedule").status == 200, "it was done, whatever happened to the message since"


def test_a_deleted_message_is_gone_from_everywhere(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group)
    gone = ana.delete(f"{API}/messages/{message}")
    assert (gone.status, gone.body) == (204, b"")
    world.time_is(NOW + timedelta(minutes=1))
    assert ana.get(f"{API}/messages").json["total"] == 0
    for answer in (
        ana.get(f"{API}/messages/{message}"),
        ana.get(f"{API}/messages/{message}/preview"),
        ana.get(f"{API}/messages/{message}/stats"),
        ana.get(f"{API}/messages/{message}/recipients"),
        change(ana, message, content="x"),
        ana.delete(f"{API}/messages/{message}"),
        *(do(ana, message, action) for action in ("schedule", "pause", "resume", "cancel", "retry", "duplicate")),
    ):
        assert code(answer) == (404, "UNKNOWN_MESSAGE"), answer


def test_messages_that_are_picked_are_deleted_together_or_not_at_all(world: World, ana: Client, group: str) -> None:
    def delete(client: Client, *ids: str) -> Any:
        return client.send("DELETE", f"{API}/messages/bulk-delete", json={"ids": ids})

    first, second = (draft(ana, group) for _ in range(2))
    third, sent = (brought(world, ana, group, status) for status in ("scheduled", "sent"))
    other, admin = world.signed_in(world.user("agent")), world.signed_in(world.user("admin"))
    theirs = made(other, f"{API}/messages", {"content": "De otro"})
    with world.unchanged():
        assert code(delete(ana, first, sent, second)) == (409, "INVALID_STATE")
        assert code(delete(ana, first, "msg_else")) == (404, "UNKNOWN_MESSAGE")
        assert code(delete(ana, first, theirs)) == (403, "NOT_YOURS")
        assert code(delete(ana)) == (422, "VALIDATION_FAILED")
        assert code(delete(ana, *[first] * 101)) == (422, "VALIDATION_FAILED")
    keyed = ana.with_headers(idempotency_key="k1")
    assert [delete(keyed, first, second, first).status for _ in range(2)] == [204, 204]
    assert {row["id"] for row in ana.get(f"{API}/messages").json["items"]} == {third, sent}
    assert delete(admin, third, theirs).status == 204
    assert ana.get(f"{API}/messages").json["total"] == 1
    assert other.get(f"{API}/messages").json["total"] == 0


def test_a_preview_says_everything_that_should_be_minded(
    world: World, ana: Client, group: str, whatsapp: Callable[..., None]
) -> None:
    def warned(message: str) -> list[str]:
        shown = ana.get(f"{API}/messages/{message}/preview").json
        assert all(warning["message"] for warning in shown["warnings"])
        return [warning["code"] for warning in shown["warnings"]]

    bare = made(ana, f"{API}/messages", {"content": "Hola"})
    assert warned(bare) == ["SCHEDULE_MISSING", "GROUPS_MISSING"]
    empty = made(ana, f"{API}/groups", {"name": "Vacío"})
    assert warned(draft(ana, empty)) == ["NO_RECIPIENTS"]
    late = draft(ana, group, content="Tarde")
    for text in ("Otra vez", "otra  vez"):
        assert do(ana, draft(ana, group, content=text), "schedule").status == 200
    assert warned(draft(ana, group, content="OTRA VEZ")) == ["INACTIVE_SKIPPED", "REPEATED_CONTENT"]
    whatsapp("disconnected")
    world.time_is(NOW + timedelta(days=3))
    assert warned(late) == ["SCHEDULE_PASSED", "INACTIVE_SKIPPED", "WHATSAPP_DISCONNECTED"]
    shown = ana.get(f"{API}/messages/{late}/preview").json
    assert (shown["content"], shown["characters"], shown["scheduled_for"]) == ("Tarde", 5, SOON)


def test_a_copy_says_so_and_goes_to_the_same_groups(world: World, ana: Client, group: str) -> None:
    message = draft(ana, group, content="ñ" * 4_089, timezone="Europe/Madrid")
    refused = do(ana, message, "duplicate")
    assert code(refused) == (422, "COPY_TOO_LONG"), "with its mark it would be too long"
    said = "Con la marca [COPIA] la copia tendría 4097 caracteres y caben 4096: acorta el mensaje, o crea uno nuevo con"
    assert refused.json["error"]["details"] == {"content": [f"{said} su texto"]}
    change(ana, message, content="ñ" * 4_088)
    copy = do(ana, message, "duplicate").json
    assert copy["content"] == "[COPIA] " + "ñ" * 4_088
    assert ([one["id"] for one in copy["groups"]], copy["timezone"]) == ([group], "Europe/Madrid")
    assert (copy["status"], copy["scheduled_for"], copy["copy_of"]) == ("draft", None, message)
    assert do(ana, copy["id"], "duplicate").status == 422, "the mark is added each time"
