"""Where gateways report: what is signed is believed, once, in whatever order it comes; nothing else is."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any

import msgspec
import pytest

from tests.support.gateways import SECRET
from tests.support.http import Answer, Client, Process, World
from tests.support.messages import API, provider_id, sending

HOOK = "/webhooks/whatsapp"


@pytest.fixture
def process(world: World) -> Process:
    return world.another_process(whatsapp_webhook_secret=SECRET, whatsapp_url="http://127.0.0.1:1")


@pytest.fixture
def message(world: World, process: Process) -> tuple[Client, str]:
    """A message whose one copy the provider has, and its owner."""
    ana = process.signed_in(world.user("sales"))
    written = ana.post(f"{API}/messages", json={"content": "Hola"}).json["id"]
    sending(world, written, {"c1": "sent"}, at=world.now)
    return ana, written


def report(process: Process, body: bytes, **headers: str) -> Answer:
    signed = {"x-webhook-hmac": hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()}
    sent = {**signed, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return process.visitor().post(HOOK, body=body, headers={name: value for name, value in sent.items() if value})


def ack(message: str, number: int, at: float | None = None) -> bytes:
    identity = f"true_34600000001@c.us_{provider_id(message, 'c1')}"
    payload: dict[str, Any] = {"id": identity, "fromMe": True, "ack": number}
    return msgspec.json.encode(
        {"event": "message.ack", "session": "default", "payload": {**payload, "timestamp": int(at or time.time())}}
    )


def standing(world: World, ana: Client, message: str) -> str:
    world.settle()
    return ana.get(f"{API}/messages/{message}/recipients").json["items"][0]["status"]


def test_acks_are_shown_to_the_owner(world: World, process: Process, message: tuple[Client, str]) -> None:
    ana, written = message
    for number, status in ((1, "sent"), (2, "delivered"), (3, "read")):
        assert report(process, ack(written, number)).status == 200
        assert standing(world, ana, written) == status
    shown = ana.get(f"{API}/messages/{written}").json
    assert (shown["delivered_count"], shown["failed_count"]) == (1, 0)


def test_a_report_that_comes_again_or_late_changes_nothing(
    world: World, process: Process, message: tuple[Client, str]
) -> None:
    ana, written = message
    assert report(process, ack(written, 3)).status == 200
    assert standing(world, ana, written) == "read"
    with world.unchanged():
        for number in (3, 2, 1, 3, 0, 2, -1):
            assert report(process, ack(written, number)).status == 200
        for answer in world.at_once(*(
            process.visitor().asking("POST", HOOK, body=body, headers={
                "x-webhook-hmac": hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()
            })
            for body in [ack(written, 3)] * 5
        )):  # fmt: skip
            assert answer.status == 200
    assert standing(world, ana, written) == "read"


def test_the_same_report_many_times_at_once_is_recorded_once(
    world: World, process: Process, message: tuple[Client, str]
) -> None:
    _, written = message
    before, body = world.head, ack(written, 2)
    signed = {"x-webhook-hmac": hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()}
    calls = [process.visitor().asking("POST", HOOK, body=body, headers=signed) for _ in range(8)]
    assert {answer.status for answer in world.at_once(*calls)} == {200}
    assert [event.name for event in world.events(before)] == ["DeliveryConfirmed"]


def test_a_copy_that_cannot_be_brought_fails_with_its_reason(
    world: World, process: Process, message: tuple[Client, str]
) -> None:
    ana, written = message
    assert report(process, ack(written, -1)).status == 200
    assert standing(world, ana, written) == "failed"
    assert ana.get(f"{API}/messages/{written}/stats").json["errors"] == {"REJECTED": 1}


@pytest.mark.parametrize(
    "headers",
    [
        {"x_webhook_hmac": ""},
        {"x_webhook_hmac": "0" * 128},
        {"x_webhook_hmac": hmac.new(b"wrong", b"{}", hashlib.sha512).hexdigest()},
        {"x_webhook_hmac_algorithm": "md5"},
    ],
    ids=str,
)
def test_what_nobody_signed_changes_nothing(
    world: World, process: Process, message: tuple[Client, str], headers: dict[str, str]
) -> None:
    _, written = message
    with world.unchanged():
        answer = report(process, ack(written, 2), **headers)
        assert (answer.status, answer.body) == (401, b"")


def test_a_signature_is_good_for_its_own_body_only(world: World, process: Process, message: tuple[Client, str]) -> None:
    _, written = message
    other = hmac.new(SECRET.encode(), ack(written, 1), hashlib.sha512).hexdigest()
    with world.unchanged():
        assert report(process, ack(written, 2), x_webhook_hmac=other).status == 401


def test_a_young_message_that_is_not_known_yet_is_asked_for_again_and_an_old_one_is_not(
    world: World, process: Process
) -> None:
    with world.unchanged():
        young = report(process, ack("nobody's", 2))
        assert (young.status, young.headers["retry-after"]) == (503, "1")
        assert report(process, ack("nobody's", 2, time.time() - 600)).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"event":"message.ack"}', b"\xff\xfe", b"[" * 100_000])
def test_what_makes_no_sense_is_taken_without_effect(world: World, process: Process, body: bytes) -> None:
    with world.unchanged():
        assert report(process, body).status == 200


def test_what_is_too_large_is_not_read(world: World, process: Process) -> None:
    with world.unchanged():
        assert report(process, b" " * (4 * 1024 * 1024 + 1)).status == 413


def test_who_has_no_secret_believes_nobody(world: World) -> None:
    open_door = world.another_process(whatsapp_webhook_secret="")
    with world.unchanged():
        body = ack("m", 2)
        for secret in (b"", SECRET.encode()):
            signed = {"x-webhook-hmac": hmac.new(secret, body, hashlib.sha512).hexdigest()}
            assert open_door.visitor().post(HOOK, body=body, headers=signed).status == 401


def test_a_change_of_the_session_is_taken(world: World, process: Process) -> None:
    body = msgspec.json.encode({"event": "session.status", "session": "default", "payload": {"status": "WORKING"}})
    with world.unchanged():
        assert report(process, body).status == 200


def test_metas_reports_are_taken_by_the_address_it_was_given(world: World) -> None:
    process = world.another_process(whatsapp_gateway="cloud", whatsapp_webhook_secret=SECRET)
    ana = process.signed_in(world.user("sales"))
    written = ana.post(f"{API}/messages", json={"content": "Hola"}).json["id"]
    sending(world, written, {"c1": "claimed"}, at=world.now)
    asked = {"hub.mode": "subscribe", "hub.verify_token": SECRET, "hub.challenge": "1158201444"}
    vouched = process.visitor().get(HOOK, params=asked)
    assert (vouched.status, vouched.text) == (200, "1158201444")
    assert vouched.headers["content-type"].startswith("text/plain")
    assert process.visitor().get(HOOK, params={**asked, "hub.verify_token": "wrong"}).status == 403
    said = {"id": "wamid.1", "status": "delivered", "timestamp": str(int(time.time()))}
    said["biz_opaque_callback_data"] = f"{world.own}/{written}/c1"
    others = [{"conversation": {"id": f"{number:0200}"}} for number in range(12_000)]
    body = msgspec.json.encode({"entry": [{"changes": [{"value": {"statuses": [*others, said]}}]}]})
    assert 2_500_000 < len(body) < 3_000_000, "Meta gathers what it has to say into reports of up to 3 MB"
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    answer = process.visitor().post(HOOK, body=body, headers={"x-hub-signature-256": signature})
    assert answer.status == 200, answer
    assert standing(world, ana, written) == "delivered", "the reference settles what was in doubt"
