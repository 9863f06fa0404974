"""Forms: what they ask for, how what was written becomes the body of a route, and what was wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

import msgspec
from litestar.handlers import HTTPRouteHandler

from api.office.console.inside import Answer

Kind = Literal[
    "text", "email", "password", "long", "number", "whole", "moment", "choice", "many", "words", "lines", "payments",
    "user", "tick",
]  # fmt: skip
Choices = tuple[tuple[str, str], ...]
Written = Mapping[str, list[str]]

WAS = "-was"
"""Ends the name of the hidden field that holds what a field showed, or what it shows less exactly."""
NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,6})?")
WHOLE = re.compile(r"-?\d{1,15}")
PAYMENT = re.compile(r"(\d{1,6})\s*[:;\s]\s*(\d{1,15}(?:\.\d{1,6})?)")
WANTED = {
    "number": "Write a number without separators of thousands, such as 350000 or 1250.50.",
    "whole": "Write a whole number.",
    "moment": "Write a date and a time, such as 2026-11-21T09:30.",
    "choice": "Choose one of these.",
    "payments": "Write a line for each, months and amount: 12 8500.",
}
BOUND = re.compile(r"length (<=|>=) (\d+)|(<=|>=) (\d+)")


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a form asks for, by the name that the route's body or query gives it. A `tick` that is required is
    not for the route: it says that somebody means what cannot be taken back."""

    name: str
    label: str
    kind: Kind = "text"
    required: bool = False
    hint: str = ""
    choices: Choices = ()

    def read(self, written: list[str], zone: ZoneInfo, was: str = "") -> Any:
        """What was written, as a route takes it; what makes no sense stays as it is, for the route to refuse. `was` is
        the exact value that a field shows less exactly: it stays when nobody wrote another."""
        text = written[0] if self.kind == "password" and written else written[0].strip() if written else ""
        match self.kind:
            case "many":
                return [value for value in written if value]
            case "words":
                return [word.strip() for word in text.split(",") if word.strip()]
            case "lines":
                return [line.strip() for line in text.splitlines() if line.strip()]
            case "payments":
                return _payments(text)
            case "tick":
                return bool(text)
        if not text:
            return None
        match self.kind:
            case "number" if NUMBER.fullmatch(text):
                return float(text)
            case "whole" if WHOLE.fullmatch(text):
                return int(text)
            case "moment":
                return was if was and text == _local(was, zone) else _moment(text, zone)
        return text

    def untouched(self, written: list[str], was: list[str], zone: ZoneInfo) -> bool:
        """Whether what was written is what the field showed."""
        if self.kind == "moment":
            was = [_local(value, zone) for value in was]
        return _lines(written) == _lines(was)

    def show(self, value: Any, zone: ZoneInfo) -> list[str]:
        """A value of an answer, as it stands in the field."""
        if value is None:
            return []
        match self.kind:
            case "moment":
                return [_local(value, zone)]
            case "payments":
                return ["\n".join(f"{payment['months']} {plain(payment['amount'])}" for payment in value)]
            case "words":
                return [", ".join(value)]
            case "lines":
                return ["\n".join(value)]
            case "many":
                return list(value)
            case "tick":
                return ["yes"] if value else []
        return [plain(value) if isinstance(value, float) else str(value)]

    def said(self, detail: str, code: str) -> str:
        """What is wrong with it, in words for whoever fills in the form."""
        if code == "time_invalid":
            return WANTED["moment"]
        if code != "malformed":
            return sentence(detail)
        if detail.lower() == "required" or "got `null`" in detail:
            return "This has to be filled in."
        if bound := BOUND.search(detail):
            sign, number = bound[1] or bound[3], bound[2] or bound[4]
            what = f"{number} characters" if bound[1] else number
            return f"{'At most' if sign == '<=' else 'At least'} {what}."
        return WANTED.get(self.kind, "This cannot be taken.")


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """A form, and the route that takes what it asks for. `fixed` is what the route wants and nobody has to write. One
    that `corrects` something sends what somebody touched, as the page may be old; where the route takes nothing less
    than all of it, `rest` is the route that shows what the rest is by now."""

    name: str
    route: HTTPRouteHandler
    title: str
    button: str
    done: str
    fields: tuple[Field, ...] = ()
    about: str = ""
    grave: bool = False
    fixed: Mapping[str, Any] = {}
    corrects: bool = False
    rest: HTTPRouteHandler | None = None

    def body(self, written: Written, zone: ZoneInfo) -> Any:
        """What the route is sent; nothing for a form without fields."""
        ticks = self.ticks
        read: dict[str, Any] = {}
        for field in self.fields:
            given, was = written.get(field.name, []), written.get(field.name + WAS, [])
            if field.name not in ticks and not (self.corrects and field.untouched(given, was, zone)):
                read[field.name] = field.read(given, zone, was[0] if was else "")
        return {**self.fixed, **read} or ({} if self.corrects else None)

    def hidden(self, shown: Written, exact: Mapping[str, Any]) -> Written:
        """What its fields showed, for when it comes back; of times, the exact ones."""
        moments = {field.name: [exact[field.name]] for field in self.fields if _is_moment(field, exact)}
        return {name + WAS: value for name, value in {**(shown if self.corrects else {}), **moments}.items()}

    @property
    def ticks(self) -> list[str]:
        """What has to be ticked before anything is sent."""
        return [field.name for field in self.fields if field.kind == "tick" and field.required]


class Filled(msgspec.Struct, kw_only=True):
    """A form as a page shows it: what stands in it, and what is wrong with that. `mark` tells it from others of its
    kind on the page."""

    form: Form
    action: str
    mark: str = ""
    values: Written = {}
    errors: dict[str, str] = {}
    message: str = ""
    status: int = 200

    def value(self, name: str) -> str:
        """What stands in a field."""
        return (self.values.get(name) or [""])[0]


def refusal(fields: Iterable[Field], answer: Answer) -> tuple[dict[str, str], str]:
    """What a route found wrong: by field, and what belongs to none."""
    error = answer.body["error"]
    code, known = error["code"], {field.name: field for field in fields}
    details = error.get("details", {})
    errors = {name: known[name].said(said[0], code) for name, said in details.items() if name in known}
    if code.endswith("_not_found"):
        what = code.removesuffix("_not_found")
        errors |= {
            name: sentence(error["message"])
            for name, field in known.items()
            if what == field.kind or what.endswith(name)
        }
    return errors, "" if errors else sentence(error["message"])


def sentence(said: str) -> str:
    """As a sentence of its own."""
    return said[:1].upper() + said[1:].rstrip(".") + "." if said else ""


def plain(number: float) -> str:
    """A number as people write it."""
    return f"{number:.2f}".removesuffix(".00")


def _is_moment(field: Field, exact: Mapping[str, Any]) -> bool:
    return field.kind == "moment" and bool(exact.get(field.name))


def _lines(values: list[str]) -> list[str]:
    """What people wrote, however their browser ends a line."""
    return [line for value in values for line in value.strip().splitlines()]


def _local(moment: str, zone: ZoneInfo) -> str:
    """A moment as a browser's field for times takes it: without a zone, and no more exact than a second."""
    try:
        local = datetime.fromisoformat(moment).astimezone(zone)
    except (ValueError, OverflowError):
        return ""
    return local.replace(tzinfo=None, microsecond=0).isoformat().removesuffix(":00")


def _moment(text: str, zone: ZoneInfo) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (found if found.tzinfo else found.replace(tzinfo=zone)).isoformat()


def _payments(text: str) -> Any:
    lines = [PAYMENT.fullmatch(line.strip()) for line in text.splitlines() if line.strip()]
    if not all(lines):
        return text
    return [{"months": int(line[1]), "amount": float(line[2])} for line in lines if line]
