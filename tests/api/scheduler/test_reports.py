"""Reports to take away: three forms of the same rows, harmless in a spreadsheet, and written while they are read."""

from __future__ import annotations

import csv
import io
import tracemalloc
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import python_calamine

from api.scheduler import reports
from domain import scheduled_message
from domain.message_events import MessageDrafted
from eventstore.commit import Commit, Part
from eventstore.mapper import Meta
from tests.api.scheduler.live import Sending
from tests.support.business import made
from tests.support.http import Answer, Client, World

API = "/scheduler/api"
EXPORT = f"{API}/reports/export"
COLUMNS = list(reports.COLUMNS)
HARMFUL = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1:A9)", '=HYPERLINK("http://x.example","Hola")']


def read(answer: Answer, form: str) -> list[dict[str, Any]]:
    """The rows of a report, each cell as a text, without what makes it harmless."""
    assert answer.status == 200, answer
    if form == "json":
        return [
            {name: row[name] for name in COLUMNS} | {"groups": "; ".join(group["name"] for group in row["groups"])}
            for row in answer.json
        ]
    if form == "csv":
        table = list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))
    else:
        book = python_calamine.load_workbook(io.BytesIO(answer.body))
        table = [[_text(cell) for cell in line] for line in book.get_sheet_by_index(0).to_python()]
    assert table[0] == COLUMNS
    return [dict(zip(COLUMNS, line, strict=True)) for line in table[1:]]


def _text(cell: Any) -> str:
    return f"{cell:.0f}" if isinstance(cell, float) else str(cell)


def plain(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{name: "" if value is None else str(value) for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_a_report_says_what_the_messages_say(world: World, ana: Client, form: str) -> None:
    going = Sending(world, ana, 3)
    going.start()
    going.send(going.people[:2])
    going.copies(going.people[:1], "delivered")
    going.copies(going.people[2:], "claimed", "failed")
    going.end()
    made(ana, f"{API}/messages", {"content": 'Línea 1\nLínea 2, con "comillas"; y ñ — مرحبا 👋'})
    shown = {row["id"]: row for row in ana.get(f"{API}/messages").json["items"]}
    found = plain(read(ana.get(EXPORT, params={"format": form}), form))
    assert len(found) == 2
    for row in found:
        message = shown[row["id"]]
        expected = {name: message[name] for name in COLUMNS if name != "groups"}
        expected["groups"] = "; ".join(group["name"] for group in message["groups"])
        assert row == plain([expected])[0]
    sent = next(row for row in found if row["id"] == going.id)
    counts = (sent["recipient_count"], sent["sent_count"], sent["delivered_count"], sent["failed_count"])
    assert counts == ("3", "2", "1", "1")


def test_a_report_is_a_file_and_csv_unless_said_otherwise(world: World, ana: Client) -> None:
    world.time_is(datetime(2026, 3, 10, 12, 0, tzinfo=UTC))
    for form, kind in reports.TYPES.items():
        answer = ana.get(EXPORT, params={"format": form})
        assert answer.headers["content-type"].split(";")[0] == kind
        assert answer.headers["content-disposition"] == f'attachment; filename="mensajes-2026-03-10.{form}"'
        assert answer.headers["cache-control"] == "no-store"
        assert read(answer, form) == []
    assert ana.get(EXPORT).body == ("\ufeff" + ",".join(COLUMNS) + "\r\n").encode()
    assert ana.get(EXPORT, params={"format": "pdf"}).status == 422


@pytest.mark.parametrize("harm", HARMFUL)
def test_no_cell_is_a_formula(world: World, ana: Client, harm: str) -> None:
    group = made(ana, f"{API}/groups", {"name": harm})
    made(ana, f"{API}/messages", {"content": harm, "groups": [group]})
    (separated,) = read(ana.get(EXPORT), "csv")
    answer = ana.get(EXPORT, params={"format": "xlsx"})
    (spread,) = read(answer, "xlsx")
    for row in (separated, spread):
        assert (row["content"], row["groups"]) == (f"'{harm}", f"'{harm}")
    assert b"<f>" not in _sheet(answer.body)
    assert b"hyperlink" not in _sheet(answer.body).lower().replace(harm.lower().encode(), b"")
    assert read(ana.get(EXPORT, params={"format": "json"}), "json")[0]["content"] == harm, "JSON is no spreadsheet"


def _sheet(book: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return archive.read("xl/worksheets/sheet1.xml")


def test_a_report_can_be_of_a_period(world: World, ana: Client) -> None:
    world.time_is(datetime(2026, 3, 10, 5, 59, tzinfo=UTC))  # a minute before midnight in Mexico City
    one = made(ana, f"{API}/messages", {"content": "Nueve de marzo"})
    world.time_is(datetime(2026, 3, 10, 6, 0, tzinfo=UTC))
    two = made(ana, f"{API}/messages", {"content": "Diez de marzo"})

    def found(**query: str) -> list[str]:
        return [row["id"] for row in read(ana.get(EXPORT, params=query), "csv")]

    assert found() == [one, two]
    assert found(**{"from": "2026-03-10"}) == [two]
    assert found(to="2026-03-09") == [one]
    assert found(**{"from": "2026-03-09", "to": "2026-03-10"}) == [one, two]
    assert found(**{"from": "2026-03-10T06:00:00Z"}) == [two]
    assert found(**{"from": "2026-03-11"}) == []
    assert ana.get(EXPORT, params={"from": "2026-03-11", "to": "2026-03-09"}).status == 422
    assert ana.get(EXPORT, params={"from": "ayer"}).status == 422


def test_a_report_is_of_ones_own_messages_and_an_admins_of_everybodys(world: World, ana: Client) -> None:
    mine = made(ana, f"{API}/messages", {"content": "Hola"})
    other, admin = world.signed_in(world.user("agent")), world.signed_in(world.user("admin"))
    stranger = world.signed_in(world.user("admin", organization=world.organization()))
    assert [row["id"] for row in read(ana.get(EXPORT), "csv")] == [mine]
    assert [row["id"] for row in read(admin.get(EXPORT), "csv")] == [mine]
    assert read(other.get(EXPORT), "csv") == read(stranger.get(EXPORT), "csv") == []
    assert world.visitor().get(EXPORT).status == 401


def test_ten_reports_in_a_minute_are_enough(ana: Client) -> None:
    answers = [ana.get(EXPORT) for _ in range(11)]
    assert [answer.status for answer in answers] == [200] * 10 + [429]


# --- large ones

ROWS = 6_000
TEXT = "Hola, " + "x" * 394


def _many(world: World, owner: str) -> None:
    """So many messages, written at different moments."""
    store, mapper = world.runtime.store, world.runtime.log.mapper
    meta = mapper.meta(Meta(organization=world.own, by=owner))
    began = datetime(2026, 1, 1, tzinfo=UTC)

    async def write() -> None:
        for first in range(0, ROWS, 1_000):
            parts = []
            for number in range(first, first + 1_000):
                drafted = MessageDrafted(
                    message=f"msg_{number:05}",
                    owner=owner,
                    content=TEXT,
                    groups=(),
                    scheduled_for=None,
                    timezone=None,
                    at=began + timedelta(seconds=number // 3),
                )
                stream = scheduled_message.stream(world.own, drafted.message)
                parts.append(Part(stream, 0, [mapper.record(drafted, None)]))
            await store.writer.append(Commit(parts, meta))

    world.loop.run(write())
    world.settle()


def test_a_large_report_is_complete_and_takes_little_memory(world: World, ana: Client) -> None:
    assert ana.signed is not None
    _many(world, ana.signed.user.id)
    everything = [f"msg_{number:05}" for number in range(ROWS)]
    for form in ("csv", "xlsx", "json"):
        assert [row["id"] for row in read(ana.get(EXPORT, params={"format": form}), form)] == everything, form
    for form, writer in reports.WRITERS.items():
        pages = reports.found(world.runtime, world.own, None, datetime(2026, 1, 1, tzinfo=UTC), world.now)
        size, peak = world.loop.run(_written(writer(pages)))
        assert peak < 3 * 1024 * 1024, f"{form} took {peak / 1024 / 1024:.1f} MB for {size / 1024 / 1024:.1f} MB"


async def _written(chunks: AsyncIterator[bytes]) -> tuple[int, int]:
    """How many bytes were written, and how much memory that took at most."""
    tracemalloc.start()
    try:
        size = 0
        async for chunk in chunks:
            size += len(chunk)
        return size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
