"""The simulator's side of WAHA's HTTP dialect, as its engine WEBJS speaks it, and the addresses that make it go wrong.

GET  /simulator           a page: the session, the faults, the newest messages
GET  /simulator/faults    the faults in force
POST /simulator/faults    other faults, as JSON: {"latency": 0.05, "hung": 0.01}
POST /simulator/session   {"status": "SCAN_QR_CODE"}; {"status": "WORKING"} is somebody who scans it
"""

from __future__ import annotations

import asyncio
import base64
import html
import time
from typing import Any

import msgspec

from scripts.simulator import qr
from scripts.simulator.book import Book, Message
from scripts.simulator.faults import Chance, Faults
from scripts.simulator.reports import ACK_NAMES, Reports
from scripts.simulator.server import Answer, Cut, Request, json

STATUSES = ("STOPPED", "STARTING", "SCAN_QR_CODE", "WORKING", "FAILED")
FOR_EVER = 3_600.0
NOBODY = "0000"
"""Numbers that end like this are not on WhatsApp."""


class Dialect:
    """Answers requests."""

    def __init__(self, book: Book, reports: Reports, chance: Chance, key: str) -> None:
        self._book = book
        self._reports = reports
        self._chance = chance
        self._key = key
        self.faults = msgspec.json.decode(book.note("faults", "{}"), type=Faults)
        self._late: set[asyncio.Task[None]] = set()

    async def answer(self, request: Request) -> Answer:
        """Whatever is asked for."""
        try:
            return await self._answer(request)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            return json({"statusCode": 400, "message": f"{type(error).__name__}: {error}", "error": "Bad Request"}, 400)

    async def _answer(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        if parts[0] == "simulator":
            return self._control(request, parts[1:])
        if parts[0] != "api":
            return json({"message": "pong"}) if parts == ["ping"] else _missing(request)
        if self._key and request.headers.get("x-api-key") != self._key:
            return json({"statusCode": 401, "message": "Unauthorized"}, 401)
        match request.method, parts[1:]:
            case "GET", ["version"]:
                return json({"version": "2026.4.2", "engine": "WEBJS", "tier": "CORE", "browser": None})
            case "GET", ["sessions"]:
                return json([self._session("default")])
            case "GET", ["sessions", session]:
                return json(self._session(session))
            case "POST", ["sessions", session, "start" | "stop" | "restart" | "logout" as verb]:
                status = {"start": "WORKING", "restart": "WORKING", "stop": "STOPPED", "logout": "SCAN_QR_CODE"}[verb]
                self._become(session, status)
                return json(self._session(session), 201)
            case "GET", [session, "auth", "qr"]:
                return self._qr(session, request)
            case "GET", ["contacts", "check-exists"]:
                return self._unless_working(request.query.get("session", "default")) or self._exists(request)
            case "POST", ["sendText"]:
                return await self._send(request)
            case "GET", [session, "chats", *_] if refusal := self._unless_working(session):
                return refusal
            case "GET", [session, "chats", chat, "messages"]:
                limit = min(int(request.query.get("limit", "100")), 1_000)
                offset = int(request.query.get("offset", "0"))
                return json([_shown(message) for message in self._book.chat(session, chat, limit, offset)])
            case "GET", [_, "chats", _, "messages", identity]:
                found = self._book.find(identity.rpartition("_")[2])
                return json(_shown(found)) if found else _missing(request)
        return _missing(request)

    async def _send(self, request: Request) -> Answer:
        body = msgspec.json.decode(request.body)
        session, chat, text = body["session"], body["chatId"], body["text"]
        faults = self.faults
        if faults.latency:
            await asyncio.sleep(faults.latency)
        if refusal := self._unless_working(session):
            return refusal
        outcome = self._chance.outcome(faults)
        if outcome == "refused":
            return json({"statusCode": 500, "exception": {"name": "TypeError", "message": "markedUnread"}}, 500)
        if outcome == "late":
            task = asyncio.create_task(self._take_late(session, chat, text, faults))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
            await asyncio.sleep(FOR_EVER)
        message = self._take(session, chat, text, faults)
        match outcome:
            case "failed_after":
                return json({"statusCode": 500, "exception": {"name": "Error", "message": "Evaluation failed"}}, 500)
            case "hung":
                await asyncio.sleep(FOR_EVER)
            case "cut":
                raise Cut
            case "empty":
                return Answer(201)
        return json(_raw(message), 201)

    async def _take_late(self, session: str, chat: str, text: str, faults: Faults) -> None:
        await asyncio.sleep(faults.late_by)
        self._take(session, chat, text, faults)

    def _take(self, session: str, chat: str, text: str, faults: Faults) -> Message:
        message = Message(self._chance.identity(), session, chat, text, time.time(), 0)
        self._book.take(message)
        self._reports.owe_acks(message, faults)
        return message

    def _exists(self, request: Request) -> Answer:
        """Mexican numbers have a 1 after the country's code there."""
        phone = request.query.get("phone", "").removeprefix("+")
        if not phone.isdigit() or phone.endswith(NOBODY):
            return json({"numberExists": False})
        if len(phone) == 12 and phone.startswith("52"):
            phone = f"521{phone[2:]}"
        return json({"numberExists": True, "chatId": f"{phone}@c.us"})

    def _status(self, session: str) -> str:
        return self._book.note(f"status {session}", "WORKING")

    def _session(self, session: str) -> dict[str, Any]:
        status = self._status(session)
        me = {"id": f"{session}@c.us", "pushName": "Bitácora"} if status == "WORKING" else None
        return {"name": session, "status": status, "config": {}, "me": me, "engine": {"engine": "WEBJS"}}

    def _unless_working(self, session: str) -> Answer | None:
        """What is said instead while the session is not connected."""
        if (status := self._status(session)) == "WORKING":
            return None
        words = "Session status is not as expected. Try again later or restart the session"
        return json({"error": words, "session": session, "status": status, "expected": ["WORKING"]}, 422)

    def _become(self, session: str, status: str) -> None:
        if status != self._status(session):
            self._book.keep_note(f"status {session}", status)
            self._reports.owe_state(session, status)

    def _qr(self, session: str, request: Request) -> Answer:
        if self._status(session) != "SCAN_QR_CODE":
            return json({"statusCode": 422, "message": "Session status is not as expected: no QR code"}, 422)
        picture = qr.picture(f"{session} {int(time.time() // 20)}")
        if "application/json" in request.headers.get("accept", ""):
            return json({"mimetype": "image/png", "data": base64.b64encode(picture).decode()})
        return Answer(200, picture, "image/png")

    def _control(self, request: Request, parts: list[str]) -> Answer:
        match request.method, parts:
            case "GET", []:
                return Answer(200, self._page().encode(), "text/html; charset=utf-8")
            case "GET", ["faults"]:
                return json(self.faults)
            case "POST", ["faults"]:
                try:
                    self.faults = msgspec.json.decode(request.body, type=Faults)
                except msgspec.ValidationError as error:
                    return json({"message": str(error)}, 422)
                self._book.keep_note("faults", msgspec.json.encode(self.faults).decode())
                return json(self.faults)
            case "POST", ["session"]:
                asked = msgspec.json.decode(request.body)
                if asked.get("status") not in STATUSES:
                    return json({"message": f"status is one of {', '.join(STATUSES)}"}, 422)
                self._become(asked.get("session", "default"), asked["status"])
                return json(self._session(asked.get("session", "default")))
        return _missing(request)

    def _page(self) -> str:
        rows = "".join(
            f"<tr><td>{time.strftime('%H:%M:%S', time.gmtime(message.at))}<td>{html.escape(message.chat)}"
            f"<td>{html.escape(message.body[:120])}<td>{ACK_NAMES[message.ack].lower()}</tr>"
            for message in self._book.newest(100)
        )
        faults = html.escape(msgspec.json.format(msgspec.json.encode(self.faults), indent=1).decode())
        return (
            "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=2>"
            "<title>WhatsApp simulator</title><style>body{font:15px/1.5 system-ui;margin:2rem;max-width:70rem}"
            "table{border-collapse:collapse;width:100%}td{padding:.2rem .8rem .2rem 0;border-top:1px solid #ddd}"
            "pre{color:#777}</style>"
            f"<h1>WhatsApp simulator</h1><p>Session <b>{html.escape(self._status('default'))}</b>, "
            f"{self._book.count():,} messages taken, {self._book.owed():,} reports to come. Nothing leaves this "
            f"machine.</p><table>{rows}</table><h2>Faults</h2><pre>{faults}</pre></html>"
        )


def _shown(message: Message) -> dict[str, Any]:
    """A message as WAHA lists it."""
    return {
        "id": f"true_{message.chat}_{message.id}",
        "timestamp": int(message.at),
        "from": f"{message.session}@c.us",
        "fromMe": True,
        "source": "api",
        "to": message.chat,
        "body": message.body,
        "hasMedia": False,
        "ack": message.ack,
        "ackName": ACK_NAMES[message.ack],
        "replyTo": None,
    }


def _raw(message: Message) -> dict[str, Any]:
    """A message as `sendText` answers with it: what whatsapp-web.js has, unpolished."""
    identity = {
        "fromMe": True,
        "remote": message.chat,
        "id": message.id,
        "_serialized": f"true_{message.chat}_{message.id}",
    }
    return {
        "_data": {"id": identity, "body": message.body, "type": "chat", "t": int(message.at), "ack": message.ack},
        "id": identity,
        "ack": message.ack,
        "hasMedia": False,
        "body": message.body,
        "type": "chat",
        "timestamp": int(message.at),
        "from": f"{message.session}@c.us",
        "to": message.chat,
        "fromMe": True,
    }


def _missing(request: Request) -> Answer:
    return json({"statusCode": 404, "message": f"Cannot {request.method} {request.path}", "error": "Not Found"}, 404)
