"""Tables as people hand them in: CSV in whatever encoding and with whatever separator, or XLSX. Cells come as texts.

A file may be made to do harm. What a spreadsheet unpacks to is counted before it is read, and so is how far its cells
reach, because a reader makes room for everything in between.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

import python_calamine

from domain.model import Invalid

Row = tuple[int, list[str]]
"""The number of a row in the file, counted from 1, and its cells."""

ZIP = b"PK\x03\x04"
OLD_EXCEL = b"\xd0\xcf\x11\xe0"
MAX_UNPACKED = 300 * 1024 * 1024
MAX_COLUMNS = 200
MAX_AREA = 8_000_000
MAX_MERGED = 1_000_000
MAX_CELL = 5_000
CHUNK = 1024 * 1024
PLACE = re.compile(rb"\br\s{0,5}=\s{0,5}[\"']([A-Za-z]{1,3})([0-9]{1,7})[\"']")
SEPARATORS = ",;\t|"
HIGH_RUN = re.compile(rb"[\x80-\xff]+")
BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


def rows(data: bytes, max_rows: int, encoding: str | None = None) -> Iterator[Row]:
    """The rows that have something in them. Raises `Invalid`: FILE_EMPTY, FILE_UNREADABLE, FILE_EXPANDS_TOO_MUCH,
    TOO_MANY_ROWS."""
    if not data.strip(b" \t\r\n\0"):
        raise Invalid("FILE_EMPTY", field="file")
    if data.startswith(OLD_EXCEL):
        raise Invalid("FILE_UNREADABLE", field="file")
    found = _spreadsheet(data) if data.startswith(ZIP) else _separated(data, encoding)
    count = 0
    for number, cells in found:
        if any(cells):
            count += 1
            if count > max_rows + 1:  # and the head
                raise Invalid("TOO_MANY_ROWS", field="file", maximum=max_rows)
            yield number, cells


def decoded(data: bytes, encoding: str | None = None) -> str:
    """The text of a file: as its mark says, else UTF-8, else the Windows code page that it looks like."""
    for mark, name in BOMS:
        if data.startswith(mark):
            return data.decode(name, "replace")
    if encoding:
        return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1256" if _looks_arabic(data) else "cp1252", "replace")


def _looks_arabic(data: bytes) -> bool:
    """Arabic words are runs of high bytes; accents of Spanish stand alone between plain letters, or in twos (Núñez)."""
    runs = HIGH_RUN.findall(data[:CHUNK])
    return sum(map(len, runs)) > 2.5 * len(runs)


def _separated(data: bytes, encoding: str | None) -> Iterator[Row]:
    text = decoded(data, encoding)
    if "\0" in text[:CHUNK]:  # no text at all
        raise Invalid("FILE_UNREADABLE", field="file")
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r"sep=(.)\s*", first.strip("\r"), re.IGNORECASE)  # Excel's own way to say it
    skipped = 0
    if named:
        text, skipped, first = rest, 1, rest.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=named[1] if named else _separator(first))
    try:
        for number, cells in enumerate(reader, 1 + skipped):
            yield number, [cell.strip()[:MAX_CELL] for cell in cells[:MAX_COLUMNS]]
    except csv.Error:
        raise Invalid("FILE_UNREADABLE", field="file") from None


def _separator(head: str) -> str:
    """What separates most of the first line, outside quotation marks."""
    counted = Counter(character for character in re.sub(r'"[^"]*"', "", head) if character in SEPARATORS)
    return counted.most_common(1)[0][0] if counted else ","


def _spreadsheet(data: bytes) -> Iterator[Row]:
    _check_size(data)
    try:
        book = python_calamine.load_workbook(io.BytesIO(data))
        sheet = book.get_sheet_by_index(0)
        values = sheet.to_python(skip_empty_area=False)
        merged = sheet.merged_cell_ranges or []
    except BaseException as error:  # a reader that panics raises none of `Exception`
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        raise Invalid("FILE_UNREADABLE", field="file") from None
    table = [[_text(value) for value in line[:MAX_COLUMNS]] for line in values]
    area = 0
    for (top, left), (bottom, right) in merged:
        # Cells merged downwards say the same for each of their rows; sideways they are a heading.
        area += bottom - top
        if left == right and left < MAX_COLUMNS and area < MAX_MERGED:
            for line in table[top + 1 : bottom + 1]:
                if left < len(line):
                    line[left] = table[top][left]
    yield from enumerate(table, 1)


def _check_size(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = archive.infolist()
            if sum(file.file_size for file in files) > MAX_UNPACKED:
                raise Invalid("FILE_EXPANDS_TOO_MUCH", field="file")
            if not any(file.filename.startswith("xl/") for file in files):
                raise Invalid("FILE_UNREADABLE", field="file")
            for file in files:
                _check_file(archive, file)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError):
        raise Invalid("FILE_UNREADABLE", field="file") from None


def _check_file(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> None:
    """Unpack it once, for its size is only what it claims; and look how far its cells reach."""
    sheet, rest, width, height = file.filename.startswith("xl/worksheets/"), b"", 0, 0
    with archive.open(file) as unpacked:
        while chunk := unpacked.read(CHUNK):
            if not sheet:
                continue
            for column, row in PLACE.findall(rest + chunk):
                width, height = max(width, _index(column)), max(height, int(row))
            if width * height > MAX_AREA:
                raise Invalid("FILE_EXPANDS_TOO_MUCH", field="file")
            rest = chunk[-64:]


def _index(column: bytes) -> int:
    """Which column these letters name, counted from 1."""
    index = 0
    for letter in column.upper():
        index = index * 26 + letter - 64
    return index


def _text(value: Any) -> str:
    """A cell as it would be written. A number that is a phone number has no fraction."""
    if isinstance(value, str):
        return value.strip()[:MAX_CELL]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)
