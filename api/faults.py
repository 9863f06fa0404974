"""What is wrong with a body, field by field. The decoder stops at the first fault; people want to know all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import islice
from typing import Any, Literal

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.utils.scope.state import ScopeState
from msgspec import inspect

Kind = Literal["required", "unknown", "wrong_type", "out_of_range"]

CHOICE = "VALUE_NOT_ALLOWED"
MOST = 50
"""How many faults are told; a body may hold a million."""
LONGEST_NAME = 100


UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoding a body may raise: it is no JSON, is nested too deeply, or is not in UTF-8."""


MISSING = re.compile(r"Object missing required field `([^`]+)`(?: - at `\$([^`]*)`)?")
"""What the decoder says when something within a field lacks what it must have."""


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with one field. `detail` is the decoder's own sentence, for developers. Where the field has
    limits or choices, `code` and `facts` say which, in the words of the domain's refusals."""

    field: str
    kind: Kind
    detail: str
    code: str = ""
    facts: Mapping[str, Any] = {}


def find(body: bytes, shape: type[msgspec.Struct]) -> list[Fault]:
    """Every fault of a JSON body against its shape; one with field `""` when it is no JSON object at all."""
    try:
        given = msgspec.json.decode(body)
    except UNREADABLE as error:
        return [Fault("", "wrong_type", f"Not JSON: {error}")]
    if not isinstance(given, dict):
        return [Fault("", "wrong_type", "Expected an object")]
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    forbidden = shape.__struct_config__.forbid_unknown_fields
    unknown = (name for name in given if forbidden and name not in fields)
    faults = [Fault(name[:LONGEST_NAME], "unknown", "Unknown field") for name in islice(unknown, MOST)]
    for name, field in fields.items():
        if name in given:
            faults += _check(name, given[name], field.type)
        elif field.required:
            faults.append(Fault(name, "required", "Required"))
    return faults


def _check(name: str, value: Any, expected: Any) -> list[Fault]:
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        text = str(error)
        # msgspec says "Expected `int`, got `str`" for types and "Expected `str` of length <= 50" for limits.
        if missing := MISSING.fullmatch(text):
            place = re.sub(r"\[(\d+)\]", r".\1", missing[2] or "")
            return [Fault(f"{name}{place}.{missing[1]}", "required", text)]
        if ", got " in text:
            return [Fault(name, "wrong_type", text)]
        code, facts = _asked(inspect.type_info(expected), text)
        if code != CHOICE:  # the limits of a body are wider than the rules, which are the domain's to say
            code, facts = "", {}
        return [Fault(name, "out_of_range", text, code, facts)]
    return []


def _asked(expected: inspect.Type, text: str) -> tuple[str, dict[str, Any]]:
    """The limits or choices of a type, if `text` is about them."""
    match expected:
        case inspect.Metadata(type=kind):
            return _asked(kind, text)
        case inspect.UnionType(types=(kind, inspect.NoneType())):
            return _asked(kind, text)
        case inspect.LiteralType(values=allowed):
            return CHOICE, {"allowed": allowed}
        case inspect.BoolType():
            return CHOICE, {"allowed": ("true", "false")}
        case inspect.IntType(ge=int() as minimum, le=int() as maximum):
            return "NUMBER_OUT_OF_RANGE", {"minimum": minimum, "maximum": maximum}
        case inspect.StrType(max_length=int() as maximum) if "of length <= " in text:
            return "TEXT_TOO_LONG", {"maximum": maximum}
        case _:
            return "", {}


def of_query(error: ValidationException, handler: BaseRouteHandler) -> list[Fault]:
    """The faults that the framework found in query and path parameters, by the names that the caller writes."""
    extra = error.extra if isinstance(error.extra, list) else []
    model: Any = inspect.type_info(handler.signature_model)
    expected = {field.name: field.type for field in model.fields}
    found: list[Fault] = []
    for entry in extra:
        if isinstance(entry, dict):
            parameter, text = str(entry.get("key", "")), str(entry.get("message", ""))
            code, facts = _asked(expected[parameter], text) if parameter in expected else ("", {})
            kind: Kind = "out_of_range" if code else "wrong_type"
            found.append(Fault(_written(parameter, handler), kind, text, code, facts))
    return found


def _written(parameter: str, handler: BaseRouteHandler) -> str:
    """What a parameter is called in the query: `from` is a name there and none here."""
    known = handler.parsed_fn_signature.parameters.get(parameter)
    return getattr(known.kwarg_definition, "name", None) or parameter if known else parameter


def body_of(request: Request[Any, Any, Any]) -> bytes:
    """The body that was read before it turned out to be wrong."""
    body = ScopeState.from_scope(request.scope).body
    return body if isinstance(body, bytes) else b""
