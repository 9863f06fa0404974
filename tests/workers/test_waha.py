"""The WAHA adapter against the simulator, and against answers that real servers have given."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scripts.simulator.server import Answer, Cut, Request, json
from tests.support.gateways import BRIEF, NOBODY, SECRET, answering, opened, reaching, simulated
from tests.support.store import eventually, in_event_loop
from workers.gateways.waha import Waha, message_id
from workers.gateways.whatsapp import BadSignature, Doubtful, Failing, NotSent, Receipt, Rejected, StateChange

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
TEXT = '¡Hola, María! 🎉\n2 < 3 & "sí"'


def waha(url: str, session: str = "default", **more: Any) -> Waha:
    return opened(Waha(reaching(url, **more), session))


# --- the session


@in_event_loop
async def test_the_session_says_whether_messages_can_leave(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        gateway = waha(simulator.url)
        for status, state in (
            ("WORKING", "connected"),
            ("SCAN_QR_CODE", "qr_needed"),
            ("STARTING", "disconnected"),
            ("STOPPED", "disconnected"),
            ("FAILED", "disconnected"),
        ):
            simulator.session(status)
            assert await gateway.state() == state, status
        with pytest.raises(Failing):
            await waha(simulator.url, whatsapp_key="wrong").state()
        with pytest.raises(NotSent):
            await waha(NOBODY).state()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (json({"message": "Session not found"}, 404), "disconnected"),
        (json({"name": "default", "status": "WORKING"}), "connected"),
        (json({"message": "Protocol error"}, 500), None),
        (json({"message": "Forbidden"}, 403), None),
        (json({"name": "default"}), None),
        (json(["?"]), None),
        (Answer(200, b"<html>", "text/html"), None),
    ],
)
@in_event_loop
async def test_a_gateway_without_the_session_is_disconnected_and_one_with_errors_says_so(
    answer: Answer, state: str | None
) -> None:
    async def handler(request: Request) -> Answer:
        return answer

    async with answering(handler) as url:
        if state is not None:
            assert await waha(url).state() == state
        else:
            with pytest.raises(Failing):
                await waha(url).state()


@in_event_loop
async def test_each_number_has_a_session_of_its_own(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        simulator.session("SCAN_QR_CODE", "acme")
        assert await waha(simulator.url, "acme").state() == "qr_needed"
        assert await waha(simulator.url, "other").state() == "connected"


@in_event_loop
async def test_the_qr_code_is_a_picture_in_base64_while_one_is_needed(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        gateway = waha(simulator.url)
        assert await gateway.qr() is None
        simulator.session("SCAN_QR_CODE")
        code = await gateway.qr()
        assert code is not None
        picture = base64.b64decode(code, validate=True)  # no data: in front of it (W14)
        assert picture[:8] == b"\x89PNG\r\n\x1a\n"
        width, height = struct.unpack(">II", picture[16:24])
        assert width == height > 100


@in_event_loop
async def test_a_qr_code_comes_as_a_picture_or_in_json() -> None:
    png = b"\x89PNG\r\n\x1a\nand so on"
    answers = [
        Answer(200, png, "image/png"),
        json({"mimetype": "image/png", "data": base64.b64encode(png).decode()}),
        json({"data": "data:image/png;base64," + base64.b64encode(png).decode()}),
    ]

    async def handler(request: Request) -> Answer:
        return answers.pop(0) if answers else json({"message": "no"}, 422)

    async with answering(handler) as url:
        gateway = waha(url)
        assert [await gateway.qr() for _ in range(4)] == [base64.b64encode(png).decode()] * 3 + [None]


# --- numbers


@in_event_loop
async def test_a_number_is_looked_up_before_anything_is_sent(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        gateway = waha(simulator.url)
        assert await gateway.chat("+34600000001") == "34600000001@c.us"
        assert await gateway.chat("+525512345678") == "5215512345678@c.us", "WhatsApp knows it with a 1"
        assert await gateway.chat("+34600000000") is None
        simulator.session("STOPPED")
        with pytest.raises(NotSent):
            await gateway.chat("+34600000001")
        with pytest.raises(NotSent) as away:
            await waha(NOBODY).chat("+34600000001")
    assert away.value.wait > 0


@pytest.mark.parametrize("answer", [{}, [], None, {"numberExists": None, "chatId": {"_serialized": "1@c.us"}}])
@in_event_loop
async def test_what_says_nothing_about_a_number_fails_nobody(answer: Any) -> None:
    async def handler(request: Request) -> Answer:
        return json(answer)

    async with answering(handler) as url:
        if isinstance(answer, dict) and "numberExists" in answer:
            assert await waha(url).chat("+34600000001") is None
        else:
            with pytest.raises(NotSent):
                await waha(url).chat("+34600000001")


# --- sending


@in_event_loop
async def test_a_text_arrives_as_it_was_written_and_is_found_again(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        gateway = waha(simulator.url)
        sent = await gateway.send("34600000001@c.us", TEXT, "acme/m1/c1")
        (message,) = simulator.messages
        assert (message.id, message.chat, message.body, message.session) == (sent, "34600000001@c.us", TEXT, "default")
        again = await gateway.send("34600000001@c.us", TEXT, "acme/m2/c1")
        await gateway.send("34600000001@c.us", "Otra cosa", "acme/m3/c1")
        await gateway.send("34600000002@c.us", TEXT, "acme/m1/c2")
        found = await gateway.find("34600000001@c.us", TEXT, LONG_AGO)
        assert [copy.provider_id for copy in found] == [sent, again], "oldest first, of this chat and text alone"
        later = datetime.now(UTC) + timedelta(minutes=5)
        assert await gateway.find("34600000001@c.us", TEXT, later) == []
        assert await gateway.find("34600000009@c.us", TEXT, LONG_AGO) == []


@in_event_loop
async def test_a_long_chat_is_searched_to_the_end(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        gateway = waha(simulator.url)
        first = await gateway.send("34600000001@c.us", TEXT, "r")
        for number in range(230):
            await gateway.send("34600000001@c.us", f"Número {number}", "r")
        assert [copy.provider_id for copy in await gateway.find("34600000001@c.us", TEXT, LONG_AGO)] == [first]


@pytest.mark.parametrize(
    ("fault", "doubt", "sent"),
    [
        ("refused", "gateway_error", 0),
        ("failed_after", "gateway_error", 1),
        ("hung", "timed_out", 1),
        ("cut", "gateway_error", 1),
        ("empty", "no_id", 1),
    ],
)
@in_event_loop
async def test_whatever_is_lost_is_a_doubt_that_asking_settles(
    tmp_path: Path, fault: str, doubt: str, sent: int
) -> None:
    async with simulated(tmp_path / "book.db", **{fault: 1.0}) as simulator:
        gateway = waha(simulator.url)
        with pytest.raises(Doubtful) as lost:
            await waha(simulator.url, **(BRIEF if doubt == "timed_out" else {})).send("34600000001@c.us", TEXT, "r")
        assert lost.value.doubt == doubt
        found = await gateway.find("34600000001@c.us", TEXT, LONG_AGO)
        assert [copy.provider_id for copy in found] == [message.id for message in simulator.messages]
        assert len(found) == sent


@in_event_loop
async def test_a_message_that_is_taken_after_the_caller_gave_up_is_found_then(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db", late=1.0, late_by=0.7) as simulator:
        gateway, called = waha(simulator.url), time.time()
        with pytest.raises(Doubtful, match="timed_out"):
            await waha(simulator.url, **BRIEF).send("34600000001@c.us", TEXT, "r")

        async def there() -> bool:
            return len(await gateway.find("34600000001@c.us", TEXT, LONG_AGO)) == 1

        await eventually(there)
        assert simulator.messages[0].at - called > 0.6, "the caller waited for half a second"


@in_event_loop
async def test_a_slow_gateway_is_waited_for(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db", latency=0.3) as simulator:
        assert await waha(simulator.url).send("34600000001@c.us", TEXT, "r") == simulator.messages[0].id


@in_event_loop
async def test_what_never_left_may_be_sent_again_later(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        simulator.session("SCAN_QR_CODE")
        with pytest.raises(NotSent) as no_session:
            await waha(simulator.url).send("34600000001@c.us", TEXT, "r")
        simulator.session("WORKING")
        with pytest.raises(NotSent) as no_key:
            await waha(simulator.url, whatsapp_key="wrong").send("34600000001@c.us", TEXT, "r")
        assert simulator.messages == []
        with pytest.raises(NotSent) as nobody_there:
            await waha(NOBODY).send("34600000001@c.us", TEXT, "r")
    assert all(fault.value.wait > 0 for fault in (no_session, no_key, nobody_there))


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, {"message": "chatId is not valid"}, Rejected),
        (422, {"error": "Unprocessable", "message": ["text must be a string"]}, Rejected),
        (422, {"error": "Session status is not as expected", "status": "FAILED"}, NotSent),
        (401, {"message": "Unauthorized"}, NotSent),
        (404, {"message": "Cannot POST /api/sendText"}, NotSent),
        (429, {"message": "Too many"}, NotSent),
        (502, {"message": "Bad gateway"}, Doubtful),
        (500, None, Doubtful),
        (201, [], Doubtful),
        (200, {"id": ""}, Doubtful),
    ],
)
@in_event_loop
async def test_a_refusal_is_of_this_message_or_of_every_message(status: int, body: Any, expected: Any) -> None:
    async def handler(request: Request) -> Answer:
        assert request.path == "/api/sendText"
        assert request.headers["x-api-key"]
        return json(body, status)

    async with answering(handler) as url:
        with pytest.raises(expected):
            await waha(url).send("34600000001@c.us", TEXT, "r")


@in_event_loop
async def test_a_line_that_is_cut_before_the_answer_is_a_doubt() -> None:
    async def handler(request: Request) -> Answer:
        raise Cut

    async with answering(handler) as url:
        with pytest.raises(Doubtful, match="gateway_error"):
            await waha(url).send("34600000001@c.us", TEXT, "r")


@pytest.mark.parametrize(
    "shape",
    [
        "true_34600000001@c.us_3EB0AB",
        {"id": "true_34600000001@c.us_3EB0AB"},
        {"id": {"fromMe": True, "remote": "34600000001@c.us", "id": "3EB0AB", "_serialized": "true_x_3EB0AB"}},
        {"key": {"remoteJid": "34600000001@s.whatsapp.net", "fromMe": True, "id": "3EB0AB"}},
        {"_data": {"id": {"id": "3EB0AB"}}},
        {"id": {"$1": "true_34600000001@c.us_3EB0AB_x"}},
        "3EB0AB",
    ],
)
def test_an_id_is_read_from_whatever_a_version_makes_of_it(shape: Any) -> None:
    assert message_id(shape) == "3EB0AB"


@in_event_loop
async def test_the_progress_of_a_message_can_be_asked_for(tmp_path: Path) -> None:
    async with simulated(tmp_path / "book.db") as simulator:
        gateway = waha(simulator.url)
        sent = await gateway.send("34600000001@c.us", TEXT, "r")

        async def is_read() -> bool:
            return await gateway.progress("34600000001@c.us", sent) == "read"

        await eventually(is_read)
        assert await gateway.progress("34600000001@c.us", "3EB0UNKNOWN") is None


# --- webhooks


def ack(number: int, **more: Any) -> dict[str, Any]:
    payload = {"id": "true_34600000001@c.us_3EB0AB", "fromMe": True, "ack": number, "timestamp": 1_700_000_000, **more}
    return {"event": "message.ack", "session": "default", "payload": payload}


def heard(call: Any, **headers: str) -> Sequence[Receipt | StateChange]:
    body = call if isinstance(call, bytes) else msgspec.json.encode(call)
    signed = {"x-webhook-hmac": hmac.new(SECRET.encode(), body, hashlib.sha512).hexdigest()}
    return Waha(reaching("http://unused.invalid"), "default").heard({**signed, **headers}, body)


@pytest.mark.parametrize(
    ("number", "progress"), [(1, "sent"), (2, "delivered"), (3, "read"), (4, "read"), (-1, "failed")]
)
def test_acks_say_how_far_a_message_got(number: int, progress: str) -> None:
    (receipt,) = heard(ack(number))
    assert isinstance(receipt, Receipt)
    assert (receipt.provider_id, receipt.progress) == ("3EB0AB", progress)
    assert receipt.at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert receipt.reason == ("REJECTED" if number == -1 else "")


@pytest.mark.parametrize(
    "call",
    [
        ack(0),
        ack(9),
        ack(2, fromMe=False),
        ack(2, id=None),
        {"event": "message", "payload": {"body": "Hola"}},
        {"event": "message.ack"},
        {"event": "message.ack", "payload": []},
        [],
        b"no JSON",
        b"",
    ],
    ids=str,
)
def test_what_says_nothing_about_our_messages_is_passed_over(call: Any) -> None:
    assert heard(call) == []


def test_a_change_of_the_session_is_heard() -> None:
    call = {"event": "session.status", "session": "acme", "payload": {"status": "SCAN_QR_CODE"}}
    assert heard(call) == [StateChange(session="acme", state="qr_needed")]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-webhook-hmac": ""},
        {"x-webhook-hmac": "0" * 128},
        {"x-webhook-hmac": "ñ"},
        {"x-webhook-hmac": hmac.new(b"another secret", b"{}", hashlib.sha512).hexdigest()},
        {"x-webhook-hmac": hmac.new(SECRET.encode(), b"{}", hashlib.sha256).hexdigest()},
        {"x-webhook-hmac-algorithm": "sha1"},
    ],
    ids=str,
)
def test_what_is_not_signed_with_the_secret_is_not_believed(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        heard(b"{}", **headers)


def test_without_a_secret_nothing_is_believed() -> None:
    body = msgspec.json.encode(ack(2))
    gateway = Waha(reaching("http://unused.invalid", whatsapp_webhook_secret=""), "default")
    signed = {"x-webhook-hmac": hmac.new(b"", body, hashlib.sha512).hexdigest()}
    for headers in ({}, signed):
        with pytest.raises(BadSignature):
            gateway.heard(headers, body)
