"""Small values: what is accepted, in which form it is kept, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import values
from domain.model import Invalid, NotFound, Refused
from domain.values import Month

MEXICO = ZoneInfo("America/Mexico_City")
RIYADH = ZoneInfo("Asia/Riyadh")


def refusal(check: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[str, dict[str, Any]]:
    with pytest.raises(Refused) as caught:
        check(*arguments, **named)
    return caught.value.code, caught.value.facts


def test_a_month_is_written_as_year_and_number_and_read_back() -> None:
    assert str(Month(2025, 3)) == "2025-03"
    assert Month.parse("2025-03") == Month(2025, 3)


@pytest.mark.parametrize(
    "text", ["2025-00", "2025-13", "2025-3", "25-03", "2025/03", "2025-03-01", "", "٢٠٢٥-٠٣", "0000-01"]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    code, facts = refusal(Month.parse, text)
    assert (code, facts["field"]) in (("MONTH_INVALID", "month"), ("YEAR_INVALID", "year"))


def test_months_follow_each_other_across_the_turn_of_the_year() -> None:
    assert Month(2025, 12).next() == Month(2026, 1)
    assert Month(2026, 1).previous() == Month(2025, 12)
    assert Month(2025, 6).next().previous() == Month(2025, 6)
    assert Month(2025, 12) < Month(2026, 1)
    assert Month(2025, 9) < Month(2025, 10)


@given(st.integers(1, 9998), st.integers(1, 12))
@settings(max_examples=100, deadline=None, database=None, derandomize=True)
def test_the_next_month_is_the_smallest_later_one(year: int, number: int) -> None:
    month = Month(year, number)
    assert month < month.next()
    assert month.next().previous() == month
    assert str(month) < str(month.next())


@pytest.mark.parametrize(
    ("moment", "zone", "month"),
    [
        (datetime(2025, 11, 1, 5, 59, 59, tzinfo=UTC), MEXICO, Month(2025, 10)),
        (datetime(2025, 11, 1, 6, 0, tzinfo=UTC), MEXICO, Month(2025, 11)),
        (datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC), MEXICO, Month(2025, 12)),
        (datetime(2025, 12, 31, 21, 0, tzinfo=UTC), RIYADH, Month(2026, 1)),
        (datetime(2025, 12, 31, 20, 59, 59, tzinfo=UTC), RIYADH, Month(2025, 12)),
        (datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), UTC, Month(2025, 12)),
    ],
)
def test_a_moment_lies_in_the_month_that_people_there_write(moment: datetime, zone: Any, month: Month) -> None:
    assert Month.of(moment, zone) == month


@pytest.mark.parametrize(
    ("units", "centavos"),
    [(0, 0), (25000, 2_500_000), (999.99, 99_999), (1_000_000.01, 100_000_001), (0.1, 10), (Decimal("19.90"), 1_990)],
)
def test_an_amount_in_pesos_is_kept_in_centavos(units: Any, centavos: int) -> None:
    assert values.centavos(units, "amount") == centavos
    assert values.units(centavos) == float(units)


def test_a_whole_amount_is_shown_without_a_fraction() -> None:
    assert repr(values.units(2_500_000)) == "25000"
    assert repr(values.units(99_999)) == "999.99"


@pytest.mark.parametrize("units", [0.001, 999.999, float("nan"), float("inf"), 1e300, Decimal("NaN"), Decimal("0.005")])
def test_a_fraction_of_a_centavo_or_no_number_is_refused(units: Any) -> None:
    code, facts = refusal(values.centavos, units, "amount")
    assert code in ("AMOUNT_INVALID", "AMOUNT_OUT_OF_RANGE")
    assert facts["field"] == "amount"


@pytest.mark.parametrize(
    ("amount", "points", "share"),
    [(1_245_000_00, 200, 2_490_000), (250_000_00, 200, 500_000), (1, 200, 0), (25, 200, 1), (24, 200, 0), (100, 0, 0)],
)
def test_a_share_is_reckoned_to_the_centavo_halves_up(amount: int, points: int, share: int) -> None:
    assert values.share(amount, points) == share


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("  Ana  ", "Ana"),
        ("Jose\u0301", "José"),
        ("محمد\u200f بن سلمان", "محمد\u200f بن سلمان"),
        ("👩\u200d🔧 Ana", "👩\u200d🔧 Ana"),
        ("a\u00a0b", "a\u00a0b"),
        ("x" * 200, "x" * 200),
    ],
)
def test_words_are_kept_trimmed_and_composed(written: str, kept: str) -> None:
    assert values.text(written, "name") == kept


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("", "TEXT_EMPTY"),
        (" \u00a0 ", "TEXT_EMPTY"),
        ("\u200b \u202e\ufeff", "TEXT_EMPTY"),
        ("x" * 201, "TEXT_TOO_LONG"),
        ("a\0b", "TEXT_UNPRINTABLE"),
        ("a\nb", "TEXT_UNPRINTABLE"),
        ("\x1b[31m", "TEXT_UNPRINTABLE"),
        ("\x7f", "TEXT_UNPRINTABLE"),
        ("a\x85b", "TEXT_UNPRINTABLE"),
        ("\ud800", "TEXT_UNPRINTABLE"),
    ],
)
def test_words_that_cannot_be_kept_are_refused(written: str, code: str) -> None:
    assert refusal(values.text, written, "name")[0] == code


def test_a_note_may_have_several_lines_but_no_other_control_character() -> None:
    assert values.text("one\r\ntwo\tthree\n", "note", lines=True) == "one\ntwo\tthree"
    assert refusal(values.text, "one\0two", "note", lines=True)[0] == "TEXT_UNPRINTABLE"
    assert refusal(values.text, "one\rtwo", "note", lines=True)[0] == "TEXT_UNPRINTABLE"


def test_words_that_may_be_absent_are_none_when_blank() -> None:
    assert values.optional_text("  ", "region") is None
    assert values.optional_text(None, "region") is None
    assert values.optional_text(" Norte ", "region") == "Norte"


@pytest.mark.parametrize("written", ["pedro.gutierrez@example.com", "a+b@example.com.mx", "  PEDRO@Example.COM "])
def test_an_email_address_is_kept_in_small_letters(written: str) -> None:
    assert values.email(written) == written.strip().lower()


@pytest.mark.parametrize(
    "written",
    ["pedro", "pedro@", "@example.com", "pedro@example", "a b@example.com", "a@b@example.com", "a@.com", "a@b..c"],
)
def test_what_is_no_email_address_is_refused(written: str) -> None:
    assert refusal(values.email, written) == ("EMAIL_INVALID", {"field": "email"})


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("5215598772310", "+5215598772310"),
        ("+52 1 55 9877-2310", "+5215598772310"),
        ("0052 (155) 9877.2310", "+5215598772310"),
        ("\u202a+966 50 123 4567\u202c", "+966501234567"),
        ("12345678", "+12345678"),
        ("+45 12 34 56 78", "+4512345678"),
        ("0045 12345678", "+4512345678"),
        ("123456789012345", "+123456789012345"),
    ],
)
def test_a_phone_number_is_kept_with_its_country_code_and_digits_only(written: str, kept: str) -> None:
    assert values.phone(written) == kept


@pytest.mark.parametrize("written", ["5598772310", "55 9877 2310", "(55) 9877-2310"])
def test_a_number_as_people_dial_it_at_home_is_refused_since_it_would_ring_in_another_country(written: str) -> None:
    assert refusal(values.phone, written) == ("PHONE_INVALID", {"field": "phone"})


@pytest.mark.parametrize("written", ["1234567", "1234567890123456", "call me", "++5215598772310", "٥٠١٢٣٤٥٦٧٨", "+"])
def test_what_is_no_phone_number_is_refused(written: str) -> None:
    assert refusal(values.phone, written) == ("PHONE_INVALID", {"field": "phone"})


def test_a_picture_to_which_a_query_is_appended_has_none_of_its_own() -> None:
    picture = "https://cdn.pazz.com/promotions/bmw-serie4.jpg"
    assert values.https_url(picture, "image_url", query=False) == picture
    assert refusal(values.https_url, f"{picture}?w=1", "image_url", query=False)[0] == "URL_INVALID"
    assert values.https_url(f"{picture}?w=1", "terms_url") == f"{picture}?w=1"


@pytest.mark.parametrize(
    "url",
    [
        "http://a.mx/x",
        "javascript:alert(1)",
        "https://",
        "https:///x",
        "https://u:p@a.mx/",
        "https://a.mx/#x",
        "https://[",
        "a.mx",
        "https://a.mx/a b",
    ],
)
def test_an_address_that_is_not_plain_https_is_refused(url: str) -> None:
    assert refusal(values.https_url, url, "terms_url") == ("URL_INVALID", {"field": "terms_url"})


def test_a_moment_is_kept_in_utc_and_must_say_its_zone() -> None:
    noon = datetime(2025, 10, 1, 12, 0)
    assert values.utc(noon.replace(tzinfo=MEXICO), "valid_from") == datetime(2025, 10, 1, 18, 0, tzinfo=UTC)
    assert values.utc(noon.replace(tzinfo=MEXICO), "valid_from").utcoffset() == timedelta(0)
    assert refusal(values.utc, noon, "valid_from") == ("TIME_WITHOUT_ZONE", {"field": "valid_from"})


@pytest.mark.parametrize("year", [1, 1899, 9001, 9999])
@pytest.mark.parametrize("zone", [UTC, MEXICO, timezone(timedelta(hours=14))])
def test_a_moment_that_some_zone_has_no_date_for_is_refused(year: int, zone: tzinfo) -> None:
    for moment in (datetime(year, 1, 1), datetime(year, 12, 31, 23, 59, 59)):
        facts = {"field": "valid_to", "minimum": 1900, "maximum": 9000}
        assert refusal(values.utc, moment.replace(tzinfo=zone), "valid_to") == ("TIME_OUT_OF_RANGE", facts)


def test_limits_are_included_and_told_when_passed() -> None:
    assert values.money(10, "amount", 10, 20) == 10
    assert values.money(20, "amount", 10, 20) == 20
    assert values.number(100, "percentage", 0, 100) == 100
    for amount in (9, 21):
        facts = {"field": "amount", "minimum": 10, "maximum": 20, "amount": amount}
        assert refusal(values.money, amount, "amount", 10, 20) == ("AMOUNT_OUT_OF_RANGE", facts)
    facts = {"field": "percentage", "minimum": 0, "maximum": 100, "value": 101}
    assert refusal(values.number, 101, "percentage", 0, 100) == ("NUMBER_OUT_OF_RANGE", facts)


def test_no_two_organizations_meet_in_one_stream() -> None:
    assert values.stream_name("deal", "org_1", "deal-7") == "deal-org_1-deal-7"
    with pytest.raises(NotFound):
        values.stream_name("deal", "org-1", "7")


@pytest.mark.parametrize("identity", ["", "a b", "a/b", "a\0", "x" * 121, "é", "a\n"])
def test_an_id_that_no_stream_can_have_belongs_to_nothing(identity: str) -> None:
    with pytest.raises(NotFound) as caught:
        values.stream_name("deal", "org", identity)
    assert caught.value.code == "UNKNOWN_ID"


def test_a_month_outside_the_calendar_cannot_be_made() -> None:
    with pytest.raises(Invalid):
        Month(2025, 13)
    with pytest.raises(Invalid):
        Month(9999, 12).next()
