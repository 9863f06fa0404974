"""Files of contacts: whatever wrote them, the same rows come out; what means harm is refused before it does any."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Mapping

import pytest

from domain.model import Invalid
from tests.support.sheets import repacked, xlsx
from workers.contact_rows import Entry, entries, read_apart

ROSA = ("Rosa Núñez", "+525541107788", "rosa@example.mx", ("Clientes", "VIP"))
HEAD = ["name", "phone", "email", "groups"]
PLAIN = "name,phone,email,groups\nRosa Núñez,+525541107788,rosa@example.mx,Clientes;VIP\n"
CELLS = ["Rosa Núñez", "+525541107788", "rosa@example.mx", "Clientes;VIP"]
SHEET = "xl/worksheets/sheet1.xml"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def read(data: bytes | str, options: Mapping[str, str] | None = None, max_rows: int = 1_000) -> list[Entry]:
    return list(entries(data.encode() if isinstance(data, str) else data, max_rows, options or {}))


def refused(data: bytes | str, max_rows: int = 1_000) -> str:
    with pytest.raises(Invalid) as refusal:
        read(data, max_rows=max_rows)
    return refusal.value.code


def with_phone(written: str) -> bytes:
    return PLAIN.replace("+525541107788", written).encode()


MEXICO = {"country_code": "52"}
WRITTEN: dict[str, tuple[bytes, Mapping[str, str]]] = {
    "UTF-8": (PLAIN.encode(), {}),
    "UTF-8 with a mark": (PLAIN.encode("utf-8-sig"), {}),
    "Windows": (PLAIN.encode("cp1252"), {}),
    "Windows, said": (PLAIN.encode("cp1252"), {"encoding": "cp1252"}),
    "UTF-16": (PLAIN.encode("utf-16"), {}),
    "UTF-16, big end first": (("\ufeff" + PLAIN).encode("utf-16-be"), {}),
    "UTF-16 without a mark, said": (PLAIN.encode("utf-16-le"), {"encoding": "utf-16"}),
    "lines of Windows": (PLAIN.replace("\n", "\r\n").encode(), {}),
    "lines of an old Mac": (PLAIN.replace("\n", "\r").encode(), {}),
    "no end of the last line": (PLAIN.strip().encode(), {}),
    "empty lines between": (PLAIN.replace("\n", "\n\n,,,\n").encode(), {}),
    "semicolons": (PLAIN.replace(";", "|").replace(",", ";").encode(), {}),
    "tabs": (PLAIN.replace(",", "\t").encode(), {}),
    "a separator that is named": (b"sep=#\r\n" + PLAIN.replace(",", "#").encode(), {}),
    "quotation marks": (PLAIN.replace("Rosa Núñez", '"Rosa Núñez"').encode(), {}),
    "blanks around": (PLAIN.replace(",", " , ").encode(), {}),
    "Arabic digits": (with_phone("٠٠٥٢٥٥٤١١٠٧٧٨٨"), {}),
    "Persian digits": (with_phone("+۵۲۵۵۴۱۱۰۷۷۸۸"), {}),
    "a number with marks": (with_phone("+52 (55) 4110-7788"), {}),
    "a number that reads from the right": (with_phone("\u202a+52 55 4110 7788\u202c"), {}),
    "no country": (with_phone("55 4110 7788"), MEXICO),
    "a zero before": (with_phone("055 4110 7788"), MEXICO),
    "no plus": (with_phone("525541107788"), MEXICO),
    "a plus all the same": (PLAIN.encode(), {"country_code": "34"}),
    "spreadsheet": (xlsx([HEAD, CELLS]), {}),
    "empty rows in a spreadsheet": (xlsx([[], HEAD, [], CELLS, [], []]), {}),
    "a number in a spreadsheet": (xlsx([HEAD, [CELLS[0], 525541107788, *CELLS[2:]]]), MEXICO),
    "Spanish": (PLAIN.replace("name,phone,email,groups", "Nombre,Teléfono,Correo electrónico,Grupos").encode(), {}),
    "Arabic": (PLAIN.replace("name,phone,email,groups", "الاسم,رقم الهاتف,البريد,المجموعات").encode(), {}),
    "loud heads": (PLAIN.replace("name,phone,email", "  NAME ,Phone_Number,E-Mail").encode(), {}),
    "another order": ("grupos,x,phone,nombre,email\n{3},?,{1},{0},{2}\n".format(*CELLS).encode(), {}),
}  # fmt: skip


@pytest.mark.parametrize("written", WRITTEN)
def test_the_same_rows_whatever_wrote_them(written: str) -> None:
    found = read(*WRITTEN[written])
    assert [(row.name, row.phone, row.email, row.groups) for row in found] == [ROSA]


def test_arabic_in_a_code_page_of_windows() -> None:
    (found,) = read("الاسم;الهاتف\nمحمد الحسن;+966501234567\n".encode("cp1256"))
    assert (found.name, found.phone) == ("محمد الحسن", "+966501234567")


def test_a_line_break_in_quotation_marks_is_no_new_row() -> None:
    found = read('name,phone,groups\n"Rosa\nNúñez",+525541107788,"Clientes\nVIP"\nLuz,+525541107789,\n')
    assert [(row.name, row.groups) for row in found] == [("Rosa Núñez", ("Clientes", "VIP")), ("Luz", ())]


def test_a_name_can_have_a_separator_and_a_quotation_mark_in_it() -> None:
    (found,) = read('name,phone\n"Núñez, Rosa ""La Güera""",+525541107788\n')
    assert found.name == 'Núñez, Rosa "La Güera"'


def test_what_looks_like_a_formula_is_a_name_like_others() -> None:
    found = read("name,phone\n=2+5,+525541107788\n@SUM(A1),+525541107789\n-Rosa,+525541107780\n")
    assert [row.name for row in found] == ["=2+5", "@SUM(A1)", "-Rosa"]


def test_a_formula_in_a_spreadsheet_says_what_it_said_last() -> None:
    def formula(book: object, sheet: object) -> None:
        sheet.write_formula("A2", '=CONCATENATE("Ro","sa")', None, "Rosa")  # type: ignore[attr-defined]

    (found,) = read(xlsx([HEAD[:2], ["", "+525541107788"]], formula))
    assert (found.name, found.phone) == ("Rosa", "+525541107788")


def test_cells_merged_downwards_say_the_same_for_each_row_and_a_merged_heading_does_not() -> None:
    def merge(book: object, sheet: object) -> None:
        sheet.merge_range("C2:C4", "Clientes")  # type: ignore[attr-defined]

    rows = [["name", "phone", "groups"], *([f"P{number}", f"+52554110770{number}", ""] for number in range(4))]
    assert [row.groups for row in read(xlsx(rows, merge))] == [("Clientes",)] * 3 + [()]


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (",+525541107788,,", ("name", "TEXT_EMPTY")),
        ("Rosa,,,", ("phone", "PHONE_INVALID")),
        ("Rosa,55 4110 7788,,", ("phone", "PHONE_INVALID")),
        ("Rosa,+52 llamar,,", ("phone", "PHONE_INVALID")),
        ("Rosa,5.54111E+11,,", ("phone", "PHONE_INVALID")),
        ("Rosa,+525541107788,rosa at example,", ("email", "EMAIL_INVALID")),
        (f"{'R' * 101},+525541107788,,", ("name", "TEXT_TOO_LONG")),
        (f"Rosa,+525541107788,,{';'.join(f'g{number}' for number in range(21))}", ("groups", "TOO_MANY")),
        (f"Rosa,+525541107788,,{'g' * 200}", ("groups", "TEXT_TOO_LONG")),
        ("Rosa", ("phone", "PHONE_INVALID")),
    ],
)
def test_a_row_that_is_wrong_says_where_and_why(row: str, wrong: tuple[str, str]) -> None:
    bad, good = read(f"name,phone,email,groups\n{row}\nLuz,+525541107789\n")
    assert (bad.row, bad.field, bad.code) == (2, *wrong)
    assert (good.row, good.name, good.code) == (3, "Luz", "")


def test_a_number_counts_once_in_a_file() -> None:
    found = read("name,phone\nRosa,+525541107788\nRosa otra vez,+52 55 4110 7788\nMala,x\nMala,x\n")
    assert [row.code for row in found] == ["", "DUPLICATE_IN_FILE", "PHONE_INVALID", "PHONE_INVALID"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "FILE_EMPTY"),
        (b" \r\n\t\n", "FILE_EMPTY"),
        (b"\xef\xbb\xbf", "COLUMNS_MISSING"),
        (b"Rosa,+525541107788\n", "COLUMNS_MISSING"),
        (b"name,email\nRosa,rosa@example.mx\n", "COLUMNS_MISSING"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "FILE_UNREADABLE"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4, "FILE_UNREADABLE"),
        (b"PK\x03\x04 and nothing that a zip has", "FILE_UNREADABLE"),
        (xlsx([HEAD, CELLS])[:3_000], "FILE_UNREADABLE"),
        (repacked(xlsx([HEAD, CELLS]), SHEET, b"<worksheet><sheetData><row"), "FILE_UNREADABLE"),
        (xlsx([]), "COLUMNS_MISSING"),
    ],
)
def test_what_is_no_list_of_contacts_is_refused(data: bytes, code: str) -> None:
    assert refused(data) == code


def test_a_zip_that_is_no_spreadsheet_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<w:document/>")
        archive.writestr("mimetype", WORD)
    assert refused(file.getvalue()) == "FILE_UNREADABLE"


def test_only_a_head_is_a_file_without_rows() -> None:
    assert read(",".join(HEAD)) == read(xlsx([HEAD])) == []


def test_a_file_may_have_so_many_rows_and_no_more() -> None:
    rows = [[f"P{number}", f"+5255411{number:05}"] for number in range(11)]
    for data in (xlsx([HEAD[:2], *rows]), "\n".join(map(",".join, [HEAD[:2], *rows])).encode()):
        assert len(read(data, max_rows=11)) == 11
        assert refused(data, max_rows=10) == "TOO_MANY_ROWS"


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    spread = xlsx([HEAD, CELLS])
    assert refused(repacked(spread, "xl/media/image1.png", b"\0" * (301 * 1024 * 1024))) == "FILE_EXPANDS_TOO_MUCH"


def test_a_cell_far_away_is_refused_before_room_is_made_for_it() -> None:
    def far(book: object, sheet: object) -> None:
        sheet.write("XFD1048576", "x")  # type: ignore[attr-defined]

    assert refused(xlsx([HEAD, CELLS], far)) == "FILE_EXPANDS_TOO_MUCH"


def test_a_file_is_read_in_a_process_of_its_own() -> None:
    found = asyncio.run(read_apart(PLAIN.encode(), 10, {}))
    assert [(row.name, row.phone, row.email, row.groups) for row in found] == [ROSA]
    with pytest.raises(Invalid, match="COLUMNS_MISSING"):
        asyncio.run(read_apart(b"a,b\n", 10, {}))


def test_when_that_process_dies_or_does_not_come_to_an_end_the_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Invalid, match="FILE_EXPANDS_TOO_MUCH"):
        asyncio.run(read_apart(PLAIN.encode(), 10, {"encoding": "no such"}))
    monkeypatch.setattr("workers.contact_rows.PATIENCE", 0.0)
    with pytest.raises(Invalid, match="FILE_EXPANDS_TOO_MUCH"):
        asyncio.run(read_apart(PLAIN.encode(), 10, {}))
