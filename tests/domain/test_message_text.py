"""What a bulk message may say."""

from __future__ import annotations

import pytest

from domain import message_text
from domain.model import Invalid


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Hola\r\nMaría \x00\x07\ufeff", "Hola\nMaría"),
        ("a\u0301", "á"),
        ("Te quiero <3, 2 < 3 y 5 > 4", "Te quiero <3, 2 < 3 y 5 > 4"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("x" * 4_096, "x" * 4_096),
    ],
)
def test_a_text_is_kept_without_control_characters(written: str, kept: str) -> None:
    assert message_text.text(written) == kept


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "TEXT_EMPTY"),
        (" \n\x00 ", "TEXT_EMPTY"),
        ("x" * 4_097, "TEXT_TOO_LONG"),
        ("\ud800", "TEXT_UNPRINTABLE"),
        ("<b>Hola</b>", "MARKUP_NOT_ALLOWED"),
        ("Hola <script", "MARKUP_NOT_ALLOWED"),
        ("<ScRiPt src=x>", "MARKUP_NOT_ALLOWED"),
        ("<!-- nota -->", "MARKUP_NOT_ALLOWED"),
        ("javascript: alert(1)", "MARKUP_NOT_ALLOWED"),
    ],
)
def test_what_is_no_text_for_a_message_is_refused(written: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        message_text.text(written)
    assert refused.value.code == code
    assert refused.value.facts["field"] == "content"


@pytest.mark.parametrize(
    ("written", "repeated", "reasons"),
    [
        ("Hola, nos vemos el viernes", 0, ()),
        ("OFERTA ÚLTIMAS UNIDADES HOY", 0, ("ALL_CAPS",)),
        ("OK GRACIAS", 0, ()),
        ("عرض خاص لفترة محدودة جدا على كل المنتجات", 0, ()),
        ("a https://x.mx b www.y.mx c bit.ly/z d http://w.mx", 0, ("LINK_FLOOD",)),
        ("a https://x.mx b www.y.mx c bit.ly/z", 0, ()),
        ("Graciaaaaaaaaaas", 0, ("REPEATED_CHARACTERS",)),
        ("Precio\n----------------\n10 €", 0, ()),
        ("Hola", 2, ("REPEATED_CONTENT",)),
        ("Hola", 1, ()),
        ("COMPRAAAAAAAAAAAAAAAAAAA YA MISMO", 3, ("ALL_CAPS", "REPEATED_CHARACTERS", "REPEATED_CONTENT")),
    ],
)
def test_spam_is_named(written: str, repeated: int, reasons: tuple[str, ...]) -> None:
    assert message_text.spam(written, repeated) == reasons


def test_texts_that_a_reader_would_call_the_same_have_one_fingerprint() -> None:
    same = {message_text.fingerprint(text) for text in ("Hola  Ana", "hola ana", "[COPIA] HOLA\nana")}
    assert len(same) == 1
    assert message_text.fingerprint("Hola Eva") not in same


def test_a_copy_says_so() -> None:
    assert message_text.copied("Hola") == "[COPIA] Hola"
