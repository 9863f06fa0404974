"""The rows of a file of contacts: which columns say what, and what each row says, or what is wrong with it.

A file is read in a process of its own (`python -m workers.contact_rows`) with bounds on memory and time, for whatever a
file is made to do to its reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import resource
import sys
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from domain import contact, group, values
from domain.model import Invalid
from workers import sheet

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "name": (
        "name", "nombre", "nombre completo", "full name", "contact", "contacto", "cliente",
        "الاسم", "اسم", "الاسم الكامل",
    ),
    "phone": (
        "phone", "telefono", "tel", "celular", "movil", "mobile", "whatsapp", "numero", "number", "phone number",
        "numero de telefono", "telefono celular", "الهاتف", "رقم الهاتف", "الجوال", "رقم الجوال", "هاتف",
    ),
    "email": ("email", "e mail", "mail", "correo", "correo electronico", "البريد", "البريد الالكتروني"),
    "groups": ("groups", "group", "grupos", "grupo", "lista", "etiquetas", "المجموعات", "المجموعة"),
}  # fmt: skip
BETWEEN_GROUPS = re.compile(r"[;|,\n]")
MAX_GROUPS = 20
MEMORY = 2 * 1024**3
SECONDS = 120
PATIENCE = 300.0
NATIONAL = 10
"""How many digits the numbers of a country have at most without its code, where that is given beside the file."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A row of the file: a contact, or a field that is wrong and the code of why."""

    row: int
    name: str = ""
    phone: str = ""
    email: str | None = None
    groups: tuple[str, ...] = ()
    field: str = ""
    code: str = ""


def entries(data: bytes, max_rows: int, options: Mapping[str, Any]) -> Iterator[Entry]:
    """What the rows say, each number once. Raises `Invalid` as `sheet.rows` does, and COLUMNS_MISSING."""
    found = sheet.rows(data, max_rows, options.get("encoding"))
    head = next(found, None)
    columns = _columns(head[1]) if head else {}
    if "name" not in columns or "phone" not in columns:
        raise Invalid("COLUMNS_MISSING", field="file")
    seen: set[str] = set()
    for number, cells in found:
        entry = _entry(number, columns, cells, str(options.get("country_code") or ""))
        if entry.phone in seen:
            entry = Entry(number, field="phone", code="DUPLICATE_IN_FILE")
        elif not entry.code:
            seen.add(entry.phone)
        yield entry


async def read_apart(data: bytes, max_rows: int, options: Mapping[str, Any]) -> list[Entry]:
    """`entries`, in a process of its own. Raises `Invalid`: also FILE_EXPANDS_TOO_MUCH when that process ends early."""
    asked = msgspec.json.encode({"max_rows": max_rows, "options": options}).decode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "workers.contact_rows", asked,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            answer, _ = await process.communicate(data)
    except TimeoutError:
        answer = b""
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0 or not answer:
        raise Invalid("FILE_EXPANDS_TOO_MUCH", field="file")
    if answer.startswith(b"{"):
        raise Invalid(msgspec.json.decode(answer)["refused"], field="file")
    return msgspec.json.decode(answer, type=list[Entry])


def main(asked: str) -> None:
    """What the process of its own does: the file comes in, its entries go out, or the code of a refusal."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    said = msgspec.json.decode(asked)
    try:
        answer: Any = list(entries(sys.stdin.buffer.read(), said["max_rows"], said["options"]))
    except Invalid as refusal:
        answer = {"refused": refusal.code}
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _columns(head: Sequence[str]) -> dict[str, int]:
    """Where each column stands; the first of several with the same meaning counts."""
    columns: dict[str, int] = {}
    for index, cell in enumerate(head):
        for column, names in COLUMNS.items():
            if _plain(cell) in names:
                columns.setdefault(column, index)
    return columns


def _plain(cell: str) -> str:
    """Without accents, case and punctuation."""
    parts = unicodedata.normalize("NFKD", cell).casefold()
    kept = "".join(character for character in parts if not unicodedata.combining(character))
    return " ".join(re.sub(r"[\W_]+", " ", kept).split())


def _entry(number: int, columns: Mapping[str, int], cells: Sequence[str], country_code: str) -> Entry:
    def cell(column: str) -> str:
        index = columns.get(column, len(cells))
        return cells[index].strip() if index < len(cells) and not values.is_blank(cells[index]) else ""

    try:
        return Entry(
            row=number,
            name=values.text(" ".join(cell("name").split()), "name", contact.MAX_NAME),
            phone=contact.phone(_international(cell("phone"), country_code)),
            email=contact.email(cell("email")),
            groups=_groups(cell("groups")),
        )
    except Invalid as fault:
        return Entry(number, field=str(fault.facts.get("field", "")), code=fault.code)


def _international(written: str, country_code: str) -> str:
    """The number with its country's code, where the file was handed in with one and the number has none. A number that
    begins with the code and is longer than any without it has it already, though a spreadsheet took its plus sign."""
    digits = "".join(str(int(character)) for character in written if character.isdecimal())
    if not country_code or written.lstrip().startswith(("+", "00", "٠٠")) or not digits:
        return written
    has_it = digits.startswith(country_code) and len(digits) > NATIONAL
    return f"+{digits}" if has_it else f"+{country_code}{digits.removeprefix('0')}"


def _groups(written: str) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for part in BETWEEN_GROUPS.split(written):
        if not values.is_blank(part):
            name = values.text(part, "groups", group.MAX_NAME)
            names.setdefault(group.folded(name), name)
    if len(names) > MAX_GROUPS:
        raise Invalid("TOO_MANY", field="groups", maximum=MAX_GROUPS)
    return tuple(names.values())


if __name__ == "__main__":
    main(sys.argv[1])
