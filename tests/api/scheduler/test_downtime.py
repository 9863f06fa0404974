"""What was to be sent while the system was down goes out late, unless it is too late: then it fails and says so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain import audience
from tests.support.business import made
from tests.support.http import Client, World
from tests.support.messages import API, SOON, code, do, draft

pytestmark = pytest.mark.usefixtures("at_noon")
DUE = datetime.fromisoformat(SOON)


def scheduled(ana: Client, group: str, text: str = "Hola") -> str:
    message = draft(ana, group, content=text)
    assert do(ana, message, "schedule").status == 200
    return message


def shown(ana: Client, message: str) -> dict[str, Any]:
    return ana.get(f"{API}/messages/{message}").json


def test_the_clock_starts_a_message_when_its_time_has_come_and_once(world: World, ana: Client, group: str) -> None:
    message = scheduled(ana, group)
    world.time_is(DUE - timedelta(microseconds=1))
    world.strike()
    assert shown(ana, message)["status"] == "scheduled"
    world.time_is(DUE)
    world.strike()
    started = shown(ana, message)
    assert (started["status"], started["recipient_count"]) == ("sending", 2)
    before = world.head
    world.strike()
    stream = f"scheduled_message-{world.own}-{message}"
    assert [event for event in world.events(before) if event.stream == stream] == []


def test_within_the_hours_of_the_setting_it_goes_out_late(world: World, ana: Client, group: str) -> None:
    message = scheduled(ana, group)
    world.time_is(DUE + timedelta(seconds=world.settings.send_late_seconds))
    world.strike()
    assert shown(ana, message)["status"] == "sending"


def test_after_them_it_fails_and_its_owner_is_told_and_may_retry(world: World, ana: Client, group: str) -> None:
    message, other = scheduled(ana, group), scheduled(ana, group, "Otra cosa")
    do(ana, other, "pause")
    world.time_is(DUE + timedelta(seconds=world.settings.send_late_seconds + 1))
    world.strike()
    world.react()
    failed = shown(ana, message)
    assert (failed["status"], failed["status_reason"], failed["recipient_count"]) == ("failed", "MISSED_SCHEDULE", 2)
    (told,) = ana.get(f"{API}/notifications").json["items"]
    assert (told["type"], told["related_entity_id"]) == ("error", message)
    assert told["message"] == "El mensaje falló: pasó demasiado tiempo desde la hora programada"
    assert shown(ana, other)["status"] == "paused", "what is paused misses nothing"
    world.time_is(world.now + timedelta(minutes=1))
    again = do(ana, message, "retry").json
    assert (again["status"], again["attempt"]) == ("sending", 2)
    world.strike()
    started = shown(ana, message)
    assert (started["status"], started["recipient_count"]) == ("sending", 2)
    stats = ana.get(f"{API}/messages/{message}/stats").json
    assert (stats["total"], stats["pending"]) == (2, 2)


def test_the_recipients_are_those_of_the_moment_and_stay_from_then_on(world: World, ana: Client, group: str) -> None:
    message = scheduled(ana, group)
    late = {"name": "Tarde", "phone": "+5215598770008", "groups": [group]}
    ana.post(f"{API}/contacts", json=late)
    assert shown(ana, message)["recipient_count"] == 3
    world.time_is(DUE)
    world.strike()
    ana.post(f"{API}/contacts", json={**late, "phone": "+5215598770007"})
    first = ana.get(f"{API}/contacts?search=Cliente").json["items"][0]["id"]
    ana.put(f"{API}/contacts/{first}", json={"is_active": False})
    assert shown(ana, message)["recipient_count"] == 3
    assert ana.get(f"{API}/messages/{message}/recipients").json["total"] == 3


def test_a_message_for_too_many_fails_at_its_time_and_its_owner_is_told(
    world: World, ana: Client, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = scheduled(ana, group)
    monkeypatch.setattr(audience, "MAX_RECIPIENTS", 1)  # the group grew since
    world.time_is(DUE)
    world.strike()
    world.react()
    failed = shown(ana, message)
    assert (failed["status"], failed["status_reason"]) == ("failed", "TOO_MANY_RECIPIENTS")
    (told,) = ana.get(f"{API}/notifications").json["items"]
    assert (told["type"], told["related_entity_id"]) == ("error", message)
    assert told["message"] == "El mensaje falló: sus grupos tienen demasiados destinatarios para un solo mensaje"
    assert do(ana, message, "retry").status == 200
    world.strike()
    assert shown(ana, message)["status"] == "failed", "they are as many as before"


def test_where_it_is_known_a_message_for_too_many_is_not_scheduled(
    world: World, ana: Client, group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, paused, message = scheduled(ana, group), scheduled(ana, group, "Luego"), draft(ana, group, content="Ya")
    do(ana, paused, "pause")
    monkeypatch.setattr(audience, "MAX_RECIPIENTS", 1)
    world.time_is(world.now + timedelta(minutes=1))
    warned = ana.get(f"{API}/messages/{message}/preview").json["warnings"]
    assert "TOO_MANY_RECIPIENTS" in [warning["code"] for warning in warned]
    other = made(ana, f"{API}/groups", {"name": "Otro"})
    with world.unchanged():
        for refused in (
            do(ana, message, "schedule"),
            do(ana, paused, "resume"),
            ana.put(f"{API}/messages/{waiting}", json={"groups": [group, other]}),
        ):
            assert code(refused) == (422, "TOO_MANY_RECIPIENTS"), refused
            said = "Llegaría a 2 destinatarios y un mensaje admite 1: divide los grupos"
            assert refused.json["error"]["details"] == {"groups": [said]}
    monkeypatch.setattr(audience, "MAX_RECIPIENTS", 2)
    assert do(ana, message, "schedule").status == 200


def test_a_message_for_nobody_fails_at_its_time(world: World, ana: Client, group: str) -> None:
    message = scheduled(ana, group)
    for person in ana.get(f"{API}/contacts").json["items"]:
        ana.put(f"{API}/contacts/{person['id']}", json={"is_active": False})
    world.time_is(DUE)
    world.strike()
    failed = shown(ana, message)
    assert (failed["status"], failed["status_reason"]) == ("failed", "NO_RECIPIENTS")
    stream = f"scheduled_message-{world.own}-{message}"
    names = [event.name for event in world.events() if event.stream == stream]
    assert names == ["MessageDrafted", "MessageScheduled", "SendingStarted", "MessageFailed"], "the table's way"
