"""What is wrong with a body, field by field. The decoder stops at the first fault; people want to know all of them."""

from __future__ import annotations

from itertools import islice
from typing import Any, Literal

import msgspec
from litestar import Request
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.utils.scope.state import ScopeState

Kind = Literal["required", "unknown", "wrong_type", "out_of_range"]

MOST = 50
"""How many faults are told; a body may hold a million."""
LONGEST_NAME = 100


UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)
"""What decoding a body may raise: it is no JSON, is nested too deeply, or is not in UTF-8."""


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with one field. `detail` is the decoder's own sentence, for developers."""

    field: str
    kind: Kind
    detail: str


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
        kind: Kind = "wrong_type" if ", got " in text else "out_of_range"
        return [Fault(name, kind, text)]
    return []


def of_query(error: ValidationException, handler: BaseRouteHandler) -> list[Fault]:
    """The faults that the framework found in query and path parameters, by the names that the caller writes."""
    extra = error.extra if isinstance(error.extra, list) else []
    return [
        Fault(_written(str(entry.get("key", "")), handler), "wrong_type", str(entry.get("message", "")))
        for entry in extra
        if isinstance(entry, dict)
    ]


def _written(parameter: str, handler: BaseRouteHandler) -> str:
    """What a parameter is called in the query: `from` is a name there and none here."""
    known = handler.parsed_fn_signature.parameters.get(parameter)
    return getattr(known.kwarg_definition, "name", None) or parameter if known else parameter


def body_of(request: Request[Any, Any, Any]) -> bytes:
    """The body that was read before it turned out to be wrong."""
    body = ScopeState.from_scope(request.scope).body
    return body if isinstance(body, bytes) else b""
