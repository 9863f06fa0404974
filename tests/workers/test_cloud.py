"""The adapter for Meta's Cloud API against a server that answers as Meta's does."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from scripts.simulator.server import Answer, Cut, Request, json
from tests.support.gateways import BRIEF, KEY, NOBODY, SECRET, answering, opened, reaching
from tests.support.store import in_event_loop
from workers.gateways.cloud import Cloud
from workers.gateways.whatsapp import BadSignature, Doubtful, Failing, NotSent, Receipt, Rejected

NUMBER = "106540352242922"
TEXT = "¡Hola, María! 🎉"
TAKEN = {
    "messaging_product": "whatsapp",
    "contacts": [{"input": "34600000001", "wa_id": "34600000001"}],
    "messages": [{"id": "wamid.HBgL", "message_status": "accepted"}],
}


def cloud(url: str, **more: Any) -> Cloud:
    return opened(Cloud(reaching(url, **more), NUMBER))


@in_event_loop
async def test_a_text_is_handed_over_with_our_reference() -> None:
    asked: list[Request] = []

    async def handler(request: Request) -> Answer:
        asked.append(request)
        return json(TAKEN)

    async with answering(handler) as url:
        gateway = cloud(url)
        chat = await gateway.chat("+34600000001")
        assert chat == "34600000001"
        assert await gateway.send(chat, TEXT, "acme/m1/c1") == "wamid.HBgL"
    (request,) = asked
    assert (request.method, request.path) == ("POST", f"/{NUMBER}/messages")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert msgspec.json.decode(request.body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "34600000001",
        "type": "text",
        "text": {"body": TEXT, "preview_url": False},
        "biz_opaque_callback_data": "acme/m1/c1",
    }


def error(code: int, message: str = "What went wrong") -> dict[str, Any]:
    return {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A"}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, error(131026, "Message undeliverable"), Rejected),
        (400, error(131047, "Re-engagement message"), Rejected),
        (400, error(100, "Invalid parameter"), Rejected),
        (401, error(190, "Access token has expired"), NotSent),
        (403, error(200, "Permissions error"), NotSent),
        (404, error(100, "Unknown number"), NotSent),
        (429, error(130429, "Rate limit hit"), NotSent),
        (400, error(80007, "Rate limit issues"), NotSent),
        (400, error(131056, "Pair rate limit hit"), NotSent),
        (400, {}, NotSent),
        (400, ["?"], NotSent),
        (500, error(131000), Doubtful),
        (503, None, Doubtful),
        (200, {}, Doubtful),
        (200, {"messages": []}, Doubtful),
        (200, {"messages": [{"id": ""}]}, Doubtful),
        (200, {"messages": ["?"]}, Doubtful),
    ],
)
@in_event_loop
async def test_a_refusal_is_of_this_message_or_of_every_message(status: int, body: Any, expected: Any) -> None:
    async def handler(request: Request) -> Answer:
        return json(body, status)

    async with answering(handler) as url:
        with pytest.raises(expected) as refused:
            await cloud(url).send("34600000001", TEXT, "r")
    if isinstance(refused.value, Rejected):
        assert refused.value.reason == f"REJECTED {body['error']['code']} {body['error']['message']}"
    if isinstance(refused.value, NotSent):
        assert refused.value.wait > 0


@in_event_loop
async def test_a_call_whose_answer_is_lost_is_a_doubt_and_one_that_never_left_is_not() -> None:
    async def silent(request: Request) -> Answer:
        await asyncio.sleep(60)
        return json(TAKEN)

    async def cut(request: Request) -> Answer:
        raise Cut

    for handler, doubt, patience in ((silent, "timed_out", BRIEF), (cut, "gateway_error", {})):
        async with answering(handler) as url:
            with pytest.raises(Doubtful, match=doubt):
                await cloud(url, **patience).send("34600000001", TEXT, "r")
            with pytest.raises(NotSent):
                await cloud(NOBODY).send("34600000001", TEXT, "r")


@in_event_loop
async def test_what_meta_has_cannot_be_asked_for() -> None:
    async def handler(request: Request) -> Answer:
        raise AssertionError(request)

    async with answering(handler) as url:
        gateway = cloud(url)
        assert await gateway.find("34600000001", TEXT, datetime.now(UTC)) is None
        assert await gateway.progress("34600000001", "wamid.HBgL") is None
        assert await gateway.qr() is None


@in_event_loop
async def test_the_number_is_connected_while_meta_knows_it() -> None:
    answers = [json(error(190), 401), json({}, 500), json({"id": NUMBER, "quality_rating": "GREEN"})]

    async def handler(request: Request) -> Answer:
        assert request.path == f"/{NUMBER}"
        return answers.pop(0)

    async with answering(handler) as url:
        gateway = cloud(url)
        for _ in range(2):
            with pytest.raises(Failing):
                await gateway.state()
        assert await gateway.state() == "connected"
        with pytest.raises(NotSent):
            await cloud(NOBODY).state()


# --- webhooks


def status(progress: str, **more: Any) -> dict[str, Any]:
    said = {"id": "wamid.HBgL", "status": progress, "timestamp": "1700000000", "recipient_id": "34600000001", **more}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"statuses": [said]}}]}],
    }


def heard(call: Any, signature: str | None = None, secret: str = SECRET) -> list[Any]:
    body = call if isinstance(call, bytes) else msgspec.json.encode(call)
    signed = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    gateway = Cloud(reaching("http://unused.invalid", whatsapp_webhook_secret=secret), NUMBER)
    return [*gateway.heard({"x-hub-signature-256": signed if signature is None else signature}, body)]


@pytest.mark.parametrize("progress", ["sent", "delivered", "read"])
def test_a_report_says_how_far_a_message_got(progress: str) -> None:
    assert heard(status(progress, biz_opaque_callback_data="acme/m1/c1")) == [
        Receipt(
            provider_id="wamid.HBgL",
            progress=progress,  # type: ignore[arg-type]
            reference="acme/m1/c1",
            reason="REJECTED",
            at=datetime.fromtimestamp(1_700_000_000, UTC),
        )
    ]


def test_a_report_of_a_failure_says_why() -> None:
    (receipt,) = heard(status("failed", errors=[{"code": 131026, "title": "Message undeliverable"}]))
    assert (receipt.progress, receipt.reason) == ("failed", "REJECTED 131026 Message undeliverable")


def test_a_call_may_hold_several_reports() -> None:
    first, second = status("sent"), status("read", id="wamid.2")
    first["entry"] += second["entry"]
    assert [receipt.provider_id for receipt in heard(first)] == ["wamid.HBgL", "wamid.2"]


@pytest.mark.parametrize(
    "call",
    [
        status("warning"),
        status("sent", id=None),
        {"entry": [{"changes": [{"value": {"messages": [{"from": "34600000001"}]}}]}]},
        {"entry": {}},
        {"entry": [None, {"changes": [7, {"value": {"statuses": ["?"]}}]}]},
        [],
        b"no JSON",
    ],
    ids=str,
)
def test_what_says_nothing_about_our_messages_is_passed_over(call: Any) -> None:
    assert heard(call) == []


@pytest.mark.parametrize("signature", ["", "sha256=", "sha256=" + "0" * 64, "ñ", "sha1=abc"])
def test_what_is_not_signed_with_the_secret_is_not_believed(signature: str) -> None:
    with pytest.raises(BadSignature):
        heard(status("sent"), signature)
    with pytest.raises(BadSignature):
        heard(status("sent"), secret="another one")
    with pytest.raises(BadSignature):
        heard(status("sent"), secret="")


def test_meta_is_told_that_the_address_is_ours_when_it_knows_the_token() -> None:
    gateway = Cloud(reaching("http://unused.invalid"), NUMBER)
    asked = {"hub.mode": "subscribe", "hub.verify_token": SECRET, "hub.challenge": "1158201444"}
    assert gateway.challenge(asked) == "1158201444"
    assert gateway.challenge({**asked, "hub.verify_token": "wrong"}) is None
    assert gateway.challenge({**asked, "hub.verify_token": "ñ"}) is None
    assert gateway.challenge({**asked, "hub.mode": "unsubscribe"}) is None
    assert gateway.challenge({}) is None
    silent = Cloud(reaching("http://unused.invalid", whatsapp_webhook_secret=""), NUMBER)
    assert silent.challenge({**asked, "hub.verify_token": ""}) is None
