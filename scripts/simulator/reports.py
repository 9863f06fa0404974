"""What the simulator tells by itself: acks of messages and changes of the session, by signed webhook calls as WAHA's.

A call that is not answered with 2xx is made again, a few times. Acks are lost, doubled and reported out of order as the
faults say; the message itself gets as far as it gets, whatever is reported.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
import uuid
from typing import Any

import httpx2
import msgspec

from scripts.simulator.book import Book, Message, Report
from scripts.simulator.faults import Chance, Faults

logger = logging.getLogger(__name__)

LOOK = 0.02
TOGETHER = 16
TRIES = 15
AGAIN = 1.0
ACK_NAMES = {-1: "ERROR", 0: "PENDING", 1: "SERVER", 2: "DEVICE", 3: "READ", 4: "PLAYED"}


class Reports:
    """Reports what is due, to one address."""

    def __init__(self, book: Book, chance: Chance, url: str, secret: str) -> None:
        self._book = book
        self._chance = chance
        self._url = url
        self._secret = secret.encode()
        self._under_way: set[int] = set()
        self._client = httpx2.AsyncClient(timeout=5.0, limits=httpx2.Limits(max_connections=TOGETHER), trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    def owe_acks(self, message: Message, faults: Faults) -> None:
        """From now on this message makes its way: to the server, to the phone, before the recipient's eyes."""
        acks = [1, -1] if self._chance.happens(faults.unreachable) else [1, 2]
        if acks[-1] == 2 and self._chance.happens(faults.read):
            acks.append(3)
        due = time.time()
        for ack in acks:
            due += faults.ack_after
            early = len(acks) * faults.ack_after if self._chance.happens(faults.early_ack) else 0.0
            self._book.owe(due - early, message.id, ack)

    def owe_state(self, session: str, status: str) -> None:
        """The session's state has changed."""
        body = _event("session.status", session, {"status": status, "statuses": [], "data": None})
        self._book.owe(time.time(), None, None, body)

    async def run(self, faults: Any) -> None:
        """Report for ever; `faults()` are those in force."""
        tasks: set[asyncio.Task[None]] = set()
        while True:
            for report in self._book.due(4 * TOGETHER):
                if len(tasks) >= TOGETHER:
                    break
                if report.number not in self._under_way:
                    self._under_way.add(report.number)
                    task = asyncio.create_task(self._tell(report, faults()))
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
            await asyncio.sleep(LOOK)

    async def _tell(self, report: Report, faults: Faults) -> None:
        try:
            body = report.body or self._ack(report)
            if body is None or (report.ack is not None and not report.tries and self._chance.happens(faults.lost_ack)):
                self._book.done(report)
                return
            twice = report.ack is not None and self._chance.happens(faults.doubled_ack)
            answers = [await self._post(body) for _ in range(2 if twice else 1)]
            if all(answers) or report.tries >= TRIES:
                self._book.done(report)
            else:
                self._book.postpone(report, time.time() + AGAIN, body)
        finally:
            self._under_way.discard(report.number)

    def _ack(self, report: Report) -> bytes | None:
        """The message gets this far, and is reported as it is by now."""
        assert report.message is not None
        assert report.ack is not None
        self._book.advance(report.message, report.ack)
        message = self._book.find(report.message)
        if message is None:
            return None
        payload = {
            "id": f"true_{message.chat}_{message.id}",
            "timestamp": int(message.at),
            "from": f"{message.session}@c.us",
            "fromMe": True,
            "to": message.chat,
            "participant": None,
            "body": message.body,
            "ack": report.ack,
            "ackName": ACK_NAMES[report.ack],
        }
        return _event("message.ack", message.session, payload)

    async def _post(self, body: bytes) -> bool:
        headers = {
            "content-type": "application/json",
            "x-webhook-request-id": uuid.uuid4().hex,
            "x-webhook-timestamp": str(int(time.time() * 1000)),
            "x-webhook-hmac": hmac.new(self._secret, body, hashlib.sha512).hexdigest(),
            "x-webhook-hmac-algorithm": "sha512",
        }
        try:
            answer = await self._client.post(self._url, content=body, headers=headers)
        except httpx2.HTTPError as error:
            logger.debug("nobody takes reports at %s: %s", self._url, error)
            return False
        return answer.is_success


def _event(name: str, session: str, payload: dict[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "id": f"evt_{uuid.uuid4().hex[:26]}",
            "timestamp": int(time.time() * 1000),
            "event": name,
            "session": session,
            "metadata": {},
            "me": {"id": f"{session}@c.us", "pushName": "Bitácora"},
            "payload": payload,
            "engine": "WEBJS",
            "environment": {"version": "2026.4.2", "engine": "WEBJS", "tier": "CORE"},
        }
    )
