"""Statements with the driver's placeholders, for those who speak to libpq without its cursors."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from psycopg.adapt import PyFormat

PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?([%sbt])")
FORMATS = {"s": PyFormat.AUTO, "b": PyFormat.BINARY, "t": PyFormat.TEXT}


class Compiled(NamedTuple):
    """A statement with the server's placeholders, the names of the parameters if it names them, and their formats."""

    query: bytes
    names: tuple[str, ...]
    formats: tuple[PyFormat, ...]


@cache
def compiled(text: str) -> Compiled:
    """The statement as the server takes it."""
    names: list[str] = []
    formats: list[PyFormat] = []

    def numbered(match: re.Match[str]) -> str:
        name, kind = match.groups()
        if kind == "%":
            return "%"
        if name in names:
            return f"${names.index(name) + 1}"
        if name is not None:
            names.append(name)
        formats.append(FORMATS[kind])
        return f"${len(formats)}"

    query = PLACEHOLDER.sub(numbered, text).encode()
    return Compiled(query, tuple(names), tuple(formats))
