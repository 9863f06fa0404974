"""What a bulk message may say."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
        ("\u200b\u2060 \u200e", "TEXT_EMPTY"),
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


PIECES = st.sampled_from(
    [
        "Hola",
        " ",
        "\n",
        "\r\n",
        "\x00",
        "\x1b[31m",
        "\x85",
        "<b>",
        "</b>",
        "<",
        "3",
        ">",
        "&lt;",
        "é",
        "e\u0301",
        "🎉",
        "👩\u200d👧",
    ]
)


@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map("".join)))
@settings(max_examples=500, deadline=None, database=None, derandomize=True)
def test_whatever_is_written_is_refused_or_kept_clean(written: str) -> None:
    try:
        kept = message_text.text(written)
    except Invalid as refused:
        assert refused.code in {"TEXT_EMPTY", "TEXT_TOO_LONG", "TEXT_UNPRINTABLE", "MARKUP_NOT_ALLOWED"}  # noqa: PT017
        return
    assert kept == kept.strip() == unicodedata.normalize("NFC", kept) != ""
    assert not any(unicodedata.category(letter) == "Cc" and letter not in "\n\t" for letter in kept)
    assert message_text.text(kept) == kept, "what is clean stays as it is"


@pytest.mark.parametrize(
    ("length", "longer"), [(4_096, ""), (4_096, "\x00" * 50), (4_096, "  \n"), (4_095, "é"), (4_095, "e\u0301")]
)
def test_the_longest_text_is_counted_after_it_was_cleaned(length: int, longer: str) -> None:
    kept = message_text.text("x" * length + longer)
    assert len(kept) == 4_096
    with pytest.raises(Invalid, match="TEXT_TOO_LONG"):
        message_text.text("x" + "x" * length + longer)


@pytest.mark.parametrize(
    ("written", "reasons"),
    [
        ("ABCDEFGHIJ KLMNOPQRS", ()),
        ("ABCDEFGHIJ KLMNOPQRST", ("ALL_CAPS",)),
        ("ABCDEFGHIJKLMNOPabcd", ()),
        ("ABCDEFGHIJKLMNOPQabc", ("ALL_CAPS",)),
        ("HTTPS://EJEMPLO.MX/UNA/PAGINA/LARGA hola", ()),
        ("http://a.mx " * 3, ()),
        ("http://a.mx " * 4, ("LINK_FLOOD",)),
        ("www.a.mx, wa.me/1, t.co/x; bit.ly/y", ("LINK_FLOOD",)),
        ("!" * 9, ()),
        ("!" * 10, ("REPEATED_CHARACTERS",)),
        ("🎉" * 10, ("REPEATED_CHARACTERS",)),
        ("- " * 20, ()),
    ],
)
def test_each_reason_begins_where_it_says(written: str, reasons: tuple[str, ...]) -> None:
    assert message_text.spam(written) == reasons
