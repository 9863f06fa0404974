"""Meta's Cloud API for WhatsApp: https://developers.facebook.com/docs/whatsapp/cloud-api.

It keeps a reference of ours with each message (`biz_opaque_callback_data`) and gives it back in its webhooks, but it
cannot be asked which messages it has. So a doubt is settled by a webhook or not at all: when none came in time the copy
fails, for somebody to look at, and is not sent again. A text outside the 24 hours after the recipient's last message
needs a template there, which this adapter does not send; WhatsApp then rejects it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx2

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

ADDRESS = "https://graph.facebook.com/v23.0"
MAX_REFERENCE = 512
STATUSES: Mapping[str, Progress] = {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}
NOT_NOW = frozenset({4, 10, 190, 200, 368, 80007, 130429, 131005, 131031, 131042, 131048, 131056, 133010, 133016})
"""Error codes that say nothing about this message: too many calls, a token or an account that is not in order."""
NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
AWAY = 10.0


class Cloud:
    """One phone number of a WhatsApp Business account; `session` is its phone number id."""

    def __init__(self, settings: Settings, session: str, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._number = session
        self._secret = settings.whatsapp_webhook_secret.encode()
        self._patience = settings.whatsapp_timeout_seconds
        self._client = httpx2.AsyncClient(
            base_url=settings.whatsapp_url or ADDRESS,
            headers={"authorization": f"Bearer {settings.whatsapp_key}"},
            timeout=httpx2.Timeout(self._patience, connect=min(5.0, self._patience)),
            limits=httpx2.Limits(max_connections=64, keepalive_expiry=20.0),
            transport=transport,
            trust_env=not is_here(settings.whatsapp_url),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def state(self) -> State:
        try:
            answer = await self._client.get(f"/{self._number}", params={"fields": "id,quality_rating"})
        except httpx2.HTTPError as error:
            raise NotSent(f"the gateway is away: {type(error).__name__}", AWAY) from None
        if answer.status_code != 200:
            raise Failing(f"the gateway answers {answer.status_code}", AWAY)
        return "connected"

    async def qr(self) -> str | None:
        return None

    async def chat(self, phone: str) -> str | None:
        return phone.removeprefix("+")

    async def send(self, chat: str, text: str, reference: str) -> str:
        body = {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": chat,
            "type": "text",
            "text": {"body": text, "preview_url": False},
            "biz_opaque_callback_data": reference[:MAX_REFERENCE],
        }
        try:
            async with asyncio.timeout(self._patience):
                answer = await self._client.post(f"/{self._number}/messages", json=body)
        except NEVER_LEFT as error:
            raise NotSent(f"the gateway is away: {type(error).__name__}", AWAY) from None
        except (TimeoutError, httpx2.TimeoutException):
            raise Doubtful("timed_out") from None
        except httpx2.HTTPError:
            raise Doubtful("gateway_error") from None
        if answer.status_code >= 500:
            raise Doubtful("gateway_error")
        data = decoded(answer.content)
        if answer.status_code >= 400:
            raise _refusal(answer.status_code, data)
        messages = data.get("messages") if isinstance(data, dict) else None
        first = messages[0] if isinstance(messages, list) and messages else None
        found = first.get("id") if isinstance(first, dict) else None
        if not isinstance(found, str) or not found:
            raise Doubtful("no_id")
        return found

    async def find(self, chat: str, text: str, since: datetime) -> Sequence[Copy] | None:
        return None

    async def progress(self, chat: str, provider_id: str) -> Progress | None:
        return None

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """Meta asks with the token that was entered in its dashboard: here the webhook secret."""
        given = query.get("hub.verify_token", "").encode()
        if query.get("hub.mode") != "subscribe" or not self._secret or not hmac.compare_digest(given, self._secret):
            return None
        return query.get("hub.challenge")

    def heard(self, headers: Mapping[str, str], body: bytes) -> Sequence[Receipt | StateChange]:
        expected = "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        given = headers.get("x-hub-signature-256", "")
        if not self._secret or not given.isascii() or not hmac.compare_digest(given, expected):
            raise BadSignature
        call = decoded(body)
        return [
            receipt
            for entry in _items(call, "entry")
            for change in _items(entry, "changes")
            for status in _items(change.get("value"), "statuses")
            if (receipt := _receipt(status)) is not None
        ]


def _receipt(status: Mapping[str, Any]) -> Receipt | None:
    found, progress = status.get("id"), STATUSES.get(str(status.get("status")))
    if not isinstance(found, str) or not found or progress is None:
        return None
    reference, stamp = status.get("biz_opaque_callback_data"), str(status.get("timestamp", ""))
    errors = _items(status, "errors")
    return Receipt(
        provider_id=found,
        progress=progress,
        reference=reference if isinstance(reference, str) else None,
        reason=f"REJECTED {errors[0].get('code', '')} {errors[0].get('title', '')}".strip() if errors else "REJECTED",
        at=datetime.fromtimestamp(int(stamp), UTC) if stamp.isdigit() and len(stamp) < 12 else None,
    )


def _refusal(status: int, data: Any) -> NotSent | Rejected:
    error = data.get("error") if isinstance(data, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    words = str(error.get("message", ""))[:80] if isinstance(error, dict) else ""
    if status in (401, 403, 404, 429) or code in NOT_NOW or code is None:
        return NotSent(f"the gateway answers {status}: {code} {words}", AWAY)
    return Rejected(f"REJECTED {code} {words}".strip())


def _items(value: Any, name: str) -> list[dict[str, Any]]:
    """The objects in a list of that name, as far as there is one."""
    found = value.get(name) if isinstance(value, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
