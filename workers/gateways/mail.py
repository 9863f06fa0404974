"""Mail to people: through an SMTP server, or into a folder, where a developer reads it."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
import uuid
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from settings import Settings

TIMEOUT = 20


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A mail to one person. Its text may hold secrets: it is never logged."""

    to: str
    subject: str
    text: str


class NoGateway(Exception):
    """Nobody said how mail leaves this system (BITACORA_MAIL_URL)."""


class Mail(Protocol):
    """A way for letters to leave."""

    async def send(self, letter: Letter) -> None:
        """Hand the letter over; whatever goes wrong is raised, and the caller tries again later."""
        ...


def gateway(settings: Settings) -> Mail:
    """The one that BITACORA_MAIL_URL names: `file:///folder`, `smtp://user:password@host:587` (with STARTTLS where the
    server offers it) or `smtps://…`."""
    address = urlsplit(settings.mail_url)
    if address.scheme == "file":
        return Folder(Path(unquote(address.path)), settings.mail_from)
    if address.scheme in {"smtp", "smtps"} and address.hostname:
        return Smtp(settings.mail_url, settings.mail_from)
    raise NoGateway("BITACORA_MAIL_URL is not set")


class Folder:
    """Letters as files, the newest last."""

    def __init__(self, folder: Path, sender: str) -> None:
        self._folder = folder
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        await asyncio.to_thread(self._write, letter)

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{datetime.now(UTC):%Y%m%d-%H%M%S-%f}-{uuid.uuid4().hex[:6]}.eml"
        unfinished = self._folder / f".{name}"
        unfinished.write_bytes(bytes(message(letter, self._sender)))
        unfinished.rename(self._folder / name)


class Smtp:
    """Letters to an SMTP server."""

    def __init__(self, url: str, sender: str) -> None:
        self._url = url
        self._sender = sender

    async def send(self, letter: Letter) -> None:
        await asyncio.to_thread(self._hand_over, letter)

    def _hand_over(self, letter: Letter) -> None:
        address = urlsplit(self._url)
        host, tls = address.hostname or "", ssl.create_default_context()
        if address.scheme == "smtps":
            server = smtplib.SMTP_SSL(host, address.port or 465, timeout=TIMEOUT, context=tls)
        else:
            server = smtplib.SMTP(host, address.port or 587, timeout=TIMEOUT)
        with server:
            server.ehlo()
            if address.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=tls)
            if address.username:
                server.login(unquote(address.username), unquote(address.password or ""))
            server.send_message(message(letter, self._sender))


def message(letter: Letter, sender: str) -> EmailMessage:
    """The letter as mail programs read it."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, letter.to, letter.subject
    made["Date"] = format_datetime(datetime.now(UTC))
    made["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">") or "localhost")
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(letter.text, cte="8bit")  # readable as it is, links included
    return made
