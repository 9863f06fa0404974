"""Files of contacts as people hand them in."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import xlsxwriter

from tests.support.http import Answer, Client

IMPORT = "/scheduler/api/contacts/import"
BOUNDARY = "----------------------------a1b2c3"


def xlsx(rows: Sequence[Sequence[Any]], more: Callable[[Any, Any], None] | None = None) -> bytes:
    """A spreadsheet with these rows; `more` does to its book and first sheet what a test wants."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    if more:
        more(book, sheet)
    book.close()
    return file.getvalue()


def repacked(spreadsheet: bytes, name: str, content: bytes) -> bytes:
    """The same spreadsheet with one of its files replaced, or one more."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(spreadsheet)) as old,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            if entry.filename != name:
                new.writestr(entry, old.read(entry.filename))
        new.writestr(name, content)
    return file.getvalue()


def form(data: bytes, name: str = "contactos.csv", **fields: str) -> dict[str, Any]:
    """A form as a browser sends it, for `Client.asking`."""
    said = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    ]
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    kind = "Content-Type: application/octet-stream\r\n\r\n"
    body = b"".join([*said, f"{head}{kind}".encode(), data, f"\r\n--{BOUNDARY}--\r\n".encode()])
    return {"body": body, "headers": {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}}


def hand_in(client: Client, data: bytes | str, name: str = "contactos.csv", **fields: str) -> Answer:
    """Hand in a file by form."""
    return client.post(IMPORT, **form(data.encode() if isinstance(data, str) else data, name, **fields))
