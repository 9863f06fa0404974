"""Reports to take away: the messages of a period as CSV, XLSX or JSON, written while they are read (W25).

Rows are fetched page by page and no connection is held in between, so a slow reader keeps nobody else waiting. A
spreadsheet is written to the disk in constant memory and then sent. A cell that a spreadsheet would take for a formula
is marked as text.
"""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO, Annotated, Any, Literal

import msgspec
import xlsxwriter
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract, messages, periods
from api.scheduler.messages import Message
from projections import scheduled_messages

Format = Literal["csv", "xlsx", "json"]
TYPES: dict[Format, str] = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
COLUMNS = (
    "id", "content", "status", "groups", "scheduled_for", "created_at", "sent_at", "recipient_count", "sent_count",
    "delivered_count", "failed_count", "created_by",
)  # fmt: skip
PAGE = 500
CHUNK = 64 * 1024
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
BOM = "\ufeff"
"""Without it Excel takes UTF-8 for something else."""


def safe(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: a text that begins like one gets an apostrophe in front."""
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA) else value


def cells(message: Message) -> list[Any]:
    """A message as a row."""
    fields = {**msgspec.structs.asdict(message), "groups": "; ".join(group.name for group in message.groups)}
    return ["" if fields[column] is None else fields[column] for column in COLUMNS]


async def found(
    runtime: Runtime, organization: str, owner: str | None, since: datetime, until: datetime
) -> AsyncIterator[list[Message]]:
    """The messages written or sent in a period, page by page."""
    after = None
    while True:
        async with runtime.connection() as connection:
            rows = await scheduled_messages.within(connection, organization, owner, since, until, after, PAGE)
            shown = await messages.shown_all(connection, organization, rows)
        if shown:
            yield shown
        if len(rows) < PAGE:
            return
        after = (rows[-1].created_at, rows[-1].id)


async def as_csv(pages: AsyncIterator[list[Message]]) -> AsyncIterator[bytes]:
    """With a head, in UTF-8."""
    yield _lines([list(COLUMNS)], BOM)
    async for page in pages:
        yield _lines([[safe(cell) for cell in cells(message)] for message in page])


def _lines(rows: list[list[Any]], begin: str = "") -> bytes:
    written = io.StringIO(begin)
    written.seek(0, io.SEEK_END)
    csv.writer(written).writerows(rows)
    return written.getvalue().encode()


async def as_json(pages: AsyncIterator[list[Message]]) -> AsyncIterator[bytes]:
    """One array."""
    yield b"["
    first = True
    async for page in pages:
        for message in page:
            yield msgspec.json.encode(message) if first else b",\n" + msgspec.json.encode(message)
            first = False
    yield b"]"


async def as_xlsx(pages: AsyncIterator[list[Message]]) -> AsyncIterator[bytes]:
    """Every text as a text: neither formula nor link."""
    with tempfile.TemporaryFile() as file:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        book = xlsxwriter.Workbook(file, options)
        sheet = book.add_worksheet("Mensajes")
        sheet.write_row(0, 0, COLUMNS)
        line = 1
        async for page in pages:
            await asyncio.to_thread(_write, sheet, line, page)
            line += len(page)
        await asyncio.to_thread(book.close)
        file.seek(0)
        async for chunk in _chunks(file):
            yield chunk


def _write(sheet: Any, line: int, page: list[Message]) -> None:
    for number, message in enumerate(page, line):
        for column, value in enumerate(cells(message)):
            sheet.write(number, column, safe(value))


async def _chunks(file: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, CHUNK):
        yield chunk


WRITERS = {"csv": as_csv, "json": as_json, "xlsx": as_xlsx}


@dataclass
class Download(Operation):
    """A file in one of several formats, for the documentation."""

    def __post_init__(self) -> None:
        answer = (self.responses or {})["200"]
        assert isinstance(answer, OpenAPIResponse)
        answer.content = {kind: OpenAPIMediaType() for kind in TYPES.values()}


@get(
    "/export",
    summary="Export messages",
    operation_class=Download,
    opt={"limits": [contract.EXPORTS], "fails": [422]},
)
async def export(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    format: FromQuery[Format] = "csv",
    since: FromQuery[Annotated[str | None, QueryParameter(name="from", max_length=40)]] = None,
    until: FromQuery[Annotated[str | None, QueryParameter(name="to", max_length=40)]] = None,
) -> Stream:
    """The caller's messages that were written or sent in a period, all of them unless it is given; an admin's report
    has everybody's."""
    period = periods.period(runtime, since, until)
    begin = period.since or datetime(1970, 1, 1, tzinfo=UTC)
    end = period.until or runtime.clock() + timedelta(seconds=1)
    pages = found(runtime, caller.organization, contract.owner(caller), begin, end)
    name = f"mensajes-{runtime.clock():%Y-%m-%d}.{format}"
    return Stream(
        WRITERS[format](pages),
        media_type=TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


router = Router("/api/reports", route_handlers=[export], tags=["reports"])
