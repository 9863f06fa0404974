"""Small values with rules of their own: a month, an amount of money, a name, an e-mail address, a phone number.

Each check takes what somebody wrote and returns it in the one form that is stored, or raises `Invalid` with `field`
(what was wrong) and the numbers of the rule. Money is an integer in the smallest unit (centavos); times are UTC.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec

from domain.model import Invalid, NotFound

MAX_MONEY = 10**15
"""Ten million million pesos in centavos: below what a JavaScript number holds exactly."""
DUST = Decimal("0.000001")
MAX_NAME = 200
MAX_TEXT = 5_000
MAX_EMAIL = 254
PHONE_DIGITS = range(8, 16)
PHONE_AT_HOME = 10
MAX_URL = 2_000
YEARS = (1900, 9000)

Role = Literal["admin", "manager", "sales", "agent", "partner", "viewer", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)
LevelName = Literal["starter", "master", "legend"]
LEVELS: tuple[LevelName, ...] = get_args(LevelName)
"""From the first to the highest."""

EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]+(\.[^@\s.]+)+")
PHONE_PUNCTUATION = str.maketrans("", "", " -().\u00a0\u2011\u200e\u200f\u202a\u202c")
ORGANIZATION = re.compile(r"[A-Za-z0-9_]{1,64}")
IDENTITY = re.compile(r"[A-Za-z0-9_.+-]{1,120}")


class Month(msgspec.Struct, frozen=True, order=True):
    """A calendar month: `Month(2025, 10)`, written "2025-10". Earlier months compare as smaller."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not 1 <= self.year <= 9999:
            raise Invalid("YEAR_INVALID", field="year", year=self.year)
        if not 1 <= self.number <= 12:
            raise Invalid("MONTH_INVALID", field="month", month=self.number)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @classmethod
    def parse(cls, text: str) -> Month:
        """The month written as "2025-10"."""
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
            raise Invalid("MONTH_INVALID", field="month", month=text[:20])
        return cls(int(text[:4]), int(text[5:]))

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo) -> Month:
        """The month in which a moment lies for people in this zone."""
        local = moment.astimezone(zone)
        return cls(local.year, local.month)

    def next(self) -> Month:
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    def previous(self) -> Month:
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)


def money(amount: int, field: str, minimum: int = 0, maximum: int = MAX_MONEY) -> int:
    """An amount in the smallest unit, both limits included."""
    if not minimum <= amount <= maximum:
        raise Invalid("AMOUNT_OUT_OF_RANGE", field=field, minimum=minimum, maximum=maximum, amount=amount)
    return amount


def centavos(units: int | float | Decimal, field: str) -> int:
    """An amount written in whole units (999.99) as centavos (99999); a fraction of a centavo is refused, unless it is
    what binary numbers leave behind (1000.0700000000001)."""
    try:
        scaled = Decimal(str(units)) * 100
        whole = round(scaled)
    except (InvalidOperation, ValueError, OverflowError):
        raise Invalid("AMOUNT_INVALID", field=field) from None
    if abs(scaled - whole) > DUST:
        raise Invalid("AMOUNT_INVALID", field=field)
    return money(whole, field, -MAX_MONEY, MAX_MONEY)


def units(amount: int) -> int | float:
    """Centavos as whole units, to be shown: 2500000 is 25000, 99999 is 999.99."""
    return amount // 100 if amount % 100 == 0 else amount / 100


def share(amount: int, basis_points: int) -> int:
    """This many hundredths of a percent of an amount, halves rounded up: 2 % is 200 basis points."""
    return (amount * basis_points + 5_000) // 10_000


def number(value: int, field: str, minimum: int, maximum: int) -> int:
    """A whole number, both limits included."""
    if not minimum <= value <= maximum:
        raise Invalid("NUMBER_OUT_OF_RANGE", field=field, minimum=minimum, maximum=maximum, value=value)
    return value


def one_of(value: str, allowed: tuple[str, ...], field: str) -> str:
    """One word of a list."""
    if value not in allowed:
        raise Invalid("VALUE_NOT_ALLOWED", field=field, value=value[:50], allowed=allowed)
    return value


def text(value: str, field: str, maximum: int = MAX_NAME, lines: bool = False) -> str:
    """Words somebody wrote: trimmed, composed (NFC), not blank, without control characters; `lines` allows several."""
    allowed = "\n\t" if lines else ""
    if lines:
        value = value.replace("\r\n", "\n")
    if not value.isprintable():
        for character in value:
            if unicodedata.category(character) in ("Cc", "Cs") and character not in allowed:
                raise Invalid("TEXT_UNPRINTABLE", field=field)
    value = unicodedata.normalize("NFC", value).strip()
    if is_blank(value):
        raise Invalid("TEXT_EMPTY", field=field)
    if len(value) > maximum:
        raise Invalid("TEXT_TOO_LONG", field=field, maximum=maximum)
    return value


def optional_text(value: str | None, field: str, maximum: int = MAX_NAME, lines: bool = False) -> str | None:
    """The same, where nothing but blanks means nothing."""
    return text(value, field, maximum, lines) if value and not is_blank(value) else None


def is_blank(value: str) -> bool:
    """Whether there is nothing to see in it: blanks, and characters that only say how others are to be shown."""
    return all(character.isspace() or unicodedata.category(character) == "Cf" for character in value)


def email(value: str, field: str = "email") -> str:
    """An e-mail address, in small letters."""
    value = text(value, field, MAX_EMAIL).lower()
    if not EMAIL.fullmatch(value):
        raise Invalid("EMAIL_INVALID", field=field)
    return value


def phone(value: str, field: str = "phone") -> str:
    """An international phone number as "+5215598772310": 8 to 15 digits, whatever the punctuation it came with. Ten
    without + or 00 in front are a Mexican number without its country, which would ring in another one."""
    written = text(value, field).translate(PHONE_PUNCTUATION)
    digits = written.removeprefix("+") if written.startswith("+") else written.removeprefix("00")
    known = digits.isascii() and digits.isdigit() and len(digits) in PHONE_DIGITS
    if not known or (written == digits and len(digits) == PHONE_AT_HOME):
        raise Invalid("PHONE_INVALID", field=field)
    return f"+{digits}"


def https_url(value: str, field: str, query: bool = True) -> str:
    """An https address without credentials or fragment; with `query=False` also without a query string."""
    value = text(value, field, MAX_URL)
    try:
        parts = urlsplit(value)
        secure = parts.scheme == "https" and bool(parts.hostname) and parts.username is None and " " not in value
    except ValueError:
        secure = False
    if not secure or "#" in value or ("?" in value and not query):
        raise Invalid("URL_INVALID", field=field)
    return value


def utc(moment: datetime, field: str) -> datetime:
    """A moment in UTC. One that does not say its zone is refused, and so is one at the ends of the calendar, for which
    other zones have no date."""
    if moment.tzinfo is None:
        raise Invalid("TIME_WITHOUT_ZONE", field=field)
    if not YEARS[0] <= moment.year <= YEARS[1]:
        raise Invalid("TIME_OUT_OF_RANGE", field=field, minimum=YEARS[0], maximum=YEARS[1])
    return moment.astimezone(UTC)


def stream_name(category: str, organization: str, *identity: Any) -> str:
    """`<category>-<organization>-<identity>`. An organisation's id holds no hyphen, so that no two organisations can
    meet in one name. An id that no stream can have belongs to nothing: `NotFound`."""
    parts = [str(part) for part in identity]
    if not ORGANIZATION.fullmatch(organization) or not all(IDENTITY.fullmatch(part) for part in parts):
        raise NotFound("UNKNOWN_ID", category=category)
    return "-".join([category, organization, *parts])
