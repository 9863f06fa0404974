"""WAHA, a server that drives WhatsApp Web: https://waha.devlike.pro. Its engine WEBJS is whatsapp-web.js.

Its answers have changed shape between versions and engines without notice, so they are read leniently: an answer
without an id is possible (201 with an empty body) and leaves the message in doubt. `sendText` takes no reference of
ours; a lost copy is found by its chat, its text and its time, and told from other copies of the same text by the ids
that the log knows already. The id that is kept is WhatsApp's own, the last part of WAHA's `true_<chat>_<id>`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2
import msgspec

from settings import Settings
from workers.gateways.whatsapp import (
    BadSignature,
    Copy,
    Doubtful,
    Failing,
    NotSent,
    Progress,
    Receipt,
    Rejected,
    State,
    StateChange,
    decoded,
    is_here,
)

STATES: Mapping[str, State] = {"WORKING": "connected", "SCAN_QR_CODE": "qr_needed"}
ACKS: Mapping[int, Progress] = {-1: "failed", 1: "sent", 2: "delivered", 3: "read", 4: "read"}
ACK_NAMES: Mapping[str, int] = {"ERROR": -1, "PENDING": 0, "SERVER": 1, "DEVICE": 2, "READ": 3, "PLAYED": 4}
NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
LISTED = 100
PAGES = 30
AWAY = 5.0
"""Seconds after which a provider that was away is tried again."""


class Waha:
    """One session of one WAHA server."""

    def __init__(self, settings: Settings, session: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._session = session
        self._secret = settings.whatsapp_webhook_secret.encode()
        self._patience = settings.whatsapp_timeout_seconds
        self._client = httpx2.AsyncClient(
            base_url=settings.whatsapp_url or "http://whatsapp.invalid",
            headers={"x-api-key": settings.whatsapp_key} if settings.whatsapp_key else {},
            timeout=httpx2.Timeout(self._patience, connect=min(5.0, self._patience)),
            limits=httpx2.Limits(max_connections=64, keepalive_expiry=4.0),
            transport=transport,
            trust_env=not is_here(settings.whatsapp_url),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def state(self) -> State:
        answer = await self._get(f"/api/sessions/{quote(self._session, safe='')}", missing={"status": "STOPPED"})
        if not isinstance(answer, dict) or "status" not in answer:
            raise Failing("the gateway does not say how the session is", AWAY)
        return STATES.get(str(answer["status"]), "disconnected")

    async def qr(self) -> str | None:
        path = f"/api/{quote(self._session, safe='')}/auth/qr"
        try:
            answer = await self._client.get(path, params={"format": "image"}, headers={"accept": "application/json"})
        except httpx2.HTTPError:
            return None
        if answer.status_code != 200:
            return None
        if answer.headers.get("content-type", "").startswith("image/"):
            return base64.b64encode(answer.content).decode()
        data = decoded(answer.content)
        picture = data.get("data") if isinstance(data, dict) else None
        return picture.rpartition(",")[2] if isinstance(picture, str) and picture else None

    async def chat(self, phone: str) -> str | None:
        query = {"phone": phone.removeprefix("+"), "session": self._session}
        answer = await self._get("/api/contacts/check-exists", query)
        if not isinstance(answer, dict) or "numberExists" not in answer:
            raise NotSent("the gateway does not say whether the number exists", AWAY)
        if not answer["numberExists"]:
            return None
        found = answer.get("chatId")
        return _chat_id(found) or f"{phone.removeprefix('+')}@c.us"

    async def send(self, chat: str, text: str, reference: str) -> str:
        body = {"session": self._session, "chatId": chat, "text": text, "linkPreview": False}
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._client.post("/api/sendText", json=body)
        except NEVER_LEFT as error:
            raise NotSent(f"the gateway is away: {type(error).__name__}", AWAY) from None
        except (TimeoutError, httpx2.TimeoutException):
            raise Doubtful("timed_out") from None
        except httpx2.HTTPError:
            raise Doubtful("gateway_error") from None
        if answer.status_code >= 500:
            raise Doubtful("gateway_error")
        if answer.status_code >= 400:
            raise _refusal(answer)
        found = message_id(decoded(answer.content))
        if found is None:
            raise Doubtful("no_id")
        return found

    async def find(self, chat: str, text: str, since: datetime) -> Sequence[Copy]:
        """Reads the chat from its newest message back to `since`. WAHA's own filters apply to a page after it was cut,
        so a short page would not say that it is the last one: nothing is filtered there."""
        found: dict[str, tuple[float, Copy]] = {}
        for page in range(PAGES):
            query = {"limit": LISTED, "offset": page * LISTED, "downloadMedia": "false"}
            entries = await self._get(f"{self._chats(chat)}/messages", query, missing=[])
            if not isinstance(entries, list):
                raise NotSent("the gateway does not list messages", AWAY)
            older = False
            for entry in entries:
                if not isinstance(entry, dict):
                    continue
                at = _moment(entry)
                older = older or (at is not None and at < since)
                if _is_copy(entry, text, since) and (known := message_id(entry)):
                    copy = Copy(provider_id=known, progress=ACKS.get(_ack(entry)))
                    found[known] = (at.timestamp() if at else 0.0, copy)
            if older or len(entries) < LISTED:
                oldest_first = reversed(found.values())  # of the same second, as they are listed
                return [copy for _, copy in sorted(oldest_first, key=lambda one: one[0])]
        raise NotSent("the chat is too long to be searched", AWAY)

    async def progress(self, chat: str, provider_id: str) -> Progress | None:
        full = provider_id if "@" in provider_id else f"true_{chat}_{provider_id}"
        path = f"{self._chats(chat)}/messages/{quote(full, safe='')}"
        answer = await self._get(path, {"downloadMedia": "false"}, missing=None)
        return ACKS.get(_ack(answer)) if isinstance(answer, dict) else None

    def challenge(self, query: Mapping[str, str]) -> str | None:
        return None

    def heard(self, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt | StateChange]:
        expected = hmac.new(self._secret, body, hashlib.sha512).hexdigest()
        given = headers.get("x-webhook-hmac", "")
        algorithm = headers.get("x-webhook-hmac-algorithm", "sha512").lower()
        signed = given.isascii() and hmac.compare_digest(given.lower(), expected)
        if not self._secret or algorithm != "sha512" or not signed:
            raise BadSignature
        call = decoded(body)
        payload = call.get("payload") if isinstance(call, dict) else None
        if not isinstance(payload, dict):
            return []
        match call.get("event"):
            case "session.status":
                state = STATES.get(str(payload.get("status")), "disconnected")
                return [StateChange(session=str(call.get("session", "")), state=state)]
            case "message.ack" | "message.ack.group":
                found, progress = message_id(payload), ACKS.get(_ack(payload))
                if found is None or progress is None or payload.get("fromMe") is False:
                    return []
                reason = "REJECTED" if progress == "failed" else ""
                return [Receipt(provider_id=found, progress=progress, reason=reason, at=_moment(payload))]
            case _:
                return []

    def _chats(self, chat: str) -> str:
        return f"/api/{quote(self._session, safe='')}/chats/{quote(chat, safe='')}"

    async def _get(self, path: str, query: Mapping[str, Any] | None = None, missing: Any = ...) -> Any:
        """What the gateway answers to a question, which may be asked any number of times. A chat that is not there
        yet has no messages."""
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._client.get(path, params=query)
        except (TimeoutError, httpx2.HTTPError) as error:
            raise NotSent(f"the gateway is away: {type(error).__name__}", AWAY) from None
        if answer.status_code == 404 and missing is not ...:
            return missing
        if answer.status_code >= 400:
            raise Failing(f"the gateway answers {answer.status_code}: {_words(answer)}", AWAY)
        return decoded(answer.content)


def message_id(value: Any) -> str | None:
    """WhatsApp's own id of a message, from whatever a version or an engine makes of it: the whole message, its `key`,
    an id in parts, or `true_<chat>_<id>`."""
    if isinstance(value, str):
        parts = value.split("_")
        found = parts[2] if len(parts) >= 3 and parts[0] in ("true", "false") else value
        return found or None
    if not isinstance(value, dict):
        return None
    for name in ("_serialized", "$1", "id", "key", "_data"):
        if name in value and (found := message_id(value[name])):
            return found
    return None


def _is_copy(entry: Mapping[str, Any], text: str, since: datetime) -> bool:
    """Whether this is our text, sent by this program (not by hand on the phone), and not before `since`."""
    if entry.get("fromMe") is False or entry.get("source") == "app":
        return False
    at = _moment(entry)
    return entry.get("body") == text and (at is None or at >= since)


def _ack(entry: Mapping[str, Any]) -> int:
    ack = entry.get("ack")
    if isinstance(ack, int):
        return ack
    return ACK_NAMES.get(str(entry.get("ackName")), 0)


def _moment(entry: Mapping[str, Any]) -> datetime | None:
    """Seconds in most versions, milliseconds in some."""
    stamp = entry.get("timestamp")
    if not isinstance(stamp, int | float) or not 0 < stamp < 10**14:
        return None
    return datetime.fromtimestamp(stamp / 1000 if stamp > 10**11 else stamp, UTC)


def _chat_id(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("_serialized")
    return value if isinstance(value, str) and "@" in value else None


def _refusal(answer: httpx2.Response) -> NotSent | Rejected:
    """A 4xx: of this message, or of every message as things are (no session, wrong key, too many calls)."""
    words = _words(answer)
    if answer.status_code in (401, 403, 404, 405, 408, 409, 425, 429) or "session" in words.lower():
        return NotSent(f"the gateway answers {answer.status_code}: {words}", AWAY)
    return Rejected(f"REJECTED {answer.status_code} {words}".strip())


def _words(answer: httpx2.Response) -> str:
    data = decoded(answer.content)
    if not isinstance(data, dict):
        return answer.text[:100]
    words = data.get("message") or data.get("error") or ""
    return (words if isinstance(words, str) else msgspec.json.encode(words).decode())[:100]
