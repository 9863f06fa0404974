"""Letters leave through an SMTP server or into a folder."""

from __future__ import annotations

import asyncio
import email
import email.policy
import socket
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from settings import MissingSetting, load
from tests.support.store import some_settings
from workers.gateways import mail
from workers.gateways.mail import Letter, NoGateway

LETTER = Letter(to="ana@example.mx", subject="Contraseña", text="Hola Ana:\n\nhttps://pazz.example/a?token=b=c\n")


class Server:
    """An SMTP server for one letter, that keeps what it was told."""

    def __init__(self, refuse: bool = False) -> None:
        self.refuse = refuse
        self.told: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._socket.accept()
        with connection, connection.makefile("rwb") as stream:
            stream.write(b"220 here\r\n")
            stream.flush()
            data = False
            for line in stream:
                text = line.decode().rstrip("\r\n")
                self.told.append(text)
                if data and text != ".":
                    continue
                word = text.split(" ")[0].upper()
                answer = {"EHLO": "250-here\r\n250 8BITMIME", "DATA": "354 go on", "QUIT": "221 bye"}.get(
                    word, "250 ok"
                )
                if word == "RCPT" and self.refuse:
                    answer = "550 nobody here"
                data = word == "DATA"
                stream.write(answer.encode() + b"\r\n")
                stream.flush()
                if word == "QUIT":
                    return

    def close(self) -> list[str]:
        self._thread.join(10)
        self._socket.close()
        return self.told


def send(url: str, letter: Letter = LETTER) -> None:
    settings = replace(some_settings(""), mail_url=url, mail_from="Pazz <hola@pazz.example>")
    asyncio.run(mail.gateway(settings).send(letter))


def test_a_letter_goes_to_the_server_with_its_text_whole() -> None:
    server = Server()
    send(f"smtp://127.0.0.1:{server.port}")
    told = server.close()
    assert any(line.upper().startswith("MAIL FROM:<HOLA@PAZZ.EXAMPLE>") for line in told)
    assert "RCPT TO:<ana@example.mx>" in [line.replace("rcpt TO", "RCPT TO") for line in told]
    assert "https://pazz.example/a?token=b=c" in told


def test_a_server_that_refuses_is_an_error_for_the_caller_to_try_again() -> None:
    server = Server(refuse=True)
    with pytest.raises(OSError, match="nobody here"):
        send(f"smtp://127.0.0.1:{server.port}")
    server.close()


def test_no_server_is_an_error_too() -> None:
    with pytest.raises(OSError, match="refused"):
        send("smtp://127.0.0.1:1")


def test_a_folder_keeps_letters_in_order_readable_and_private(tmp_path: Path) -> None:
    folder = tmp_path / "new mail"
    for number in range(3):
        send(folder.as_uri(), Letter(to="ana@example.mx", subject=f"Número {number}", text=LETTER.text))
    files = sorted(folder.glob("*"))
    assert (len(files), folder.stat().st_mode & 0o777) == (3, 0o700)
    letters = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    assert [letter["subject"] for letter in letters] == ["Número 0", "Número 1", "Número 2"]
    assert letters[0]["to"] == "ana@example.mx"
    assert "token=b=c" in files[0].read_text(encoding="utf-8")


def test_a_subject_or_address_cannot_smuggle_in_a_header() -> None:
    letter = Letter(to="ana@example.mx\r\nBcc: eve@example.mx", subject="a", text="b")
    with pytest.raises(ValueError, match=r"linefeed|newline|carriage"):
        mail.message(letter, "Pazz <hola@pazz.example>")


def test_without_a_gateway_it_is_said_which_setting_is_missing() -> None:
    with pytest.raises(NoGateway, match="BITACORA_MAIL_URL"):
        mail.gateway(some_settings(""))


@pytest.mark.parametrize("url", ["http://mail.example", "smtp.example", "file://relative"])
def test_an_address_that_is_none_for_mail_is_refused_at_the_start(url: str) -> None:
    given = {
        "DATABASE_URL": "postgresql://a/b",
        "REDIS_URL": "redis://a",
        "BITACORA_SECRET": "s" * 40,
        "BITACORA_MASTER_KEY": "07" * 32,
        "BITACORA_MAIL_URL": url,
    }
    with pytest.raises(MissingSetting, match="BITACORA_MAIL_URL"):
        load(given)
