"""A log to tamper with, and the ways in which somebody with SQL at hand might do it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, LiteralString, NamedTuple

import psycopg

from eventstore import chain, rows
from eventstore.chain import Row

APPEND = "select append_events(%s::text[], %s::int[], %s::text[], %s::text[], %s::text[])"
SET_HASH = "update events set hash = %s where position = %s"

Written = tuple[str, int, str, str, str]
"""stream, version, name, data, meta"""


def append(database_url: str, events: Iterable[Written]) -> None:
    """Append as the product does: through the one function that may, one call for each event."""
    with psycopg.connect(database_url) as connection:
        for event in events:
            connection.execute(APPEND, [[column] for column in event])


def append_together(database_url: str, events: Iterable[Written]) -> None:
    """Append in one call; events of one stream follow each other."""
    with psycopg.connect(database_url) as connection:
        connection.execute(APPEND, [list(column) for column in zip(*events, strict=True)])


def story(events: int = 20, streams: int = 3) -> list[Written]:
    """Events that differ from each other, dealt out to a few streams."""
    return [
        (
            f"customer-acme-{number % streams}",
            number // streams + 1,
            "CustomerRenamed" if number % 2 else "CustomerCalled",
            json.dumps({"name": f"María {number}", "note": 'she said "sí"'}, ensure_ascii=False),
            json.dumps({"organization": "acme", "by": f"user-{number}"}),
        )
        for number in range(events)
    ]


def alter(database_url: str, *statements: LiteralString, values: Sequence[Any] | None = None) -> None:
    """Run what an intruder would."""
    with psycopg.connect(database_url) as connection:
        for statement in statements:
            connection.execute(statement, values)


def stored(database_url: str) -> list[Row]:
    """Every row of the log."""
    with rows.snapshot(database_url) as connection:
        return [row for batch in rows.batches(connection, rows.BETWEEN, [rows.LOWEST, rows.HIGHEST]) for row in batch]


def forge(database_url: str, first: int, last: int) -> None:
    """Give the events from `first` to `last` the hashes that fit what they hold now."""
    log = stored(database_url)
    previous = log[first - 2][7] if first > 1 else chain.GENESIS
    with psycopg.connect(database_url) as connection:
        for row in log[first - 1 : last]:
            previous = chain.link(previous, row)
            connection.execute(SET_HASH, [previous, row[0]])


def as_file(log: Sequence[Written]) -> list[bytes]:
    """The export of such a log, made without a database."""
    previous = chain.GENESIS
    header = {"export": "bitacora", "format": 1, "first": 1, "last": len(log), "previous": previous.hex()}
    lines = [json.dumps({**header, "stream": None, "verifiable": True}).encode()]
    for position, (stream, version, name, data, meta) in enumerate(log, 1):
        previous = chain.link(previous, (position, stream, version, name, position * 10**15, data, meta, b""))
        line = {
            "position": position,
            "stream": stream,
            "version": version,
            "name": name,
            "recorded_at": chain.moment(position * 10**15),
            "data": data,
            "meta": meta,
            "hash": previous.hex(),
        }
        lines.append(json.dumps(line, ensure_ascii=False).encode())
    return lines


class Tampering(NamedTuple):
    """What is done to a log of twenty events, and the position at which it must be found."""

    what: str
    position: int
    statements: tuple[LiteralString, ...]


TAMPERINGS = [
    Tampering(
        "data edited", 7, ("update events set data = replace(data::text, 'María', 'Marta')::json where position = 7",)
    ),
    Tampering("a blank added to data", 7, ("update events set data = (data::text || ' ')::json where position = 7",)),
    Tampering("meta edited", 8, ("""update events set meta = '{"by":"somebody"}' where position = 8""",)),
    Tampering(
        "a character moved from data to meta",
        8,
        ("update events set data = '1', meta = '23' where position = 8",),
    ),
    Tampering("name edited", 9, ("update events set name = 'CustomerForgotten' where position = 9",)),
    Tampering("stream edited", 10, ("update events set stream = 'customer-acme-9' where position = 10",)),
    Tampering("version edited", 20, ("update events set version = 70 where position = 20",)),
    Tampering(
        "time edited", 11, ("update events set recorded_at = recorded_at + interval '1 us' where position = 11",)
    ),
    Tampering("time made endless", 11, ("update events set recorded_at = 'infinity' where position = 11",)),
    Tampering("time made ancient", 11, ("update events set recorded_at = '0044-03-15 BC' where position = 11",)),
    Tampering("hash edited", 12, ("update events set hash = sha256('mine') where position = 12",)),
    Tampering("hash emptied", 12, ("update events set hash = '' where position = 12",)),
    Tampering("one deleted in the middle", 13, ("delete from events where position = 13",)),
    Tampering("several deleted in the middle", 5, ("delete from events where position between 5 and 9",)),
    Tampering("the first deleted", 1, ("delete from events where position = 1",)),
    Tampering(
        "one deleted and the rest moved up",
        13,
        ("delete from events where position = 13", "update events set position = position - 1000 where position > 13",
         "update events set position = position + 999 where position < 1"),
    ),
    Tampering(
        "one inserted in the middle",
        6,
        ("update events set position = position + 1000 where position > 5",
         "update events set position = position - 999 where position > 1000",
         "insert into events select 6, 'customer-acme-x', 1, name, data, meta, recorded_at, sha256('made up')"
         "  from events where position = 5"),
    ),
    Tampering(
        "one inserted at the end",
        21,
        ("insert into events select 21, 'customer-acme-x', 1, name, data, meta, recorded_at, sha256('made up')"
         "  from events where position = 20",),
    ),
    Tampering(
        "one inserted before the beginning",
        0,
        ("insert into events select 0, 'customer-acme-x', 1, name, data, meta, recorded_at, sha256('made up')"
         "  from events where position = 20",),
    ),
    Tampering(
        "one inserted far behind the end",
        21,
        ("insert into events select 90, 'customer-acme-x', 1, name, data, meta, recorded_at, sha256('made up')"
         "  from events where position = 20",),
    ),
    Tampering(
        "two exchanged",
        14,
        ("update events set position = -1 where position = 14", "update events set position = 14 where position = 17",
         "update events set position = 17 where position = -1"),
    ),
    Tampering(
        "the contents of two exchanged",
        14,
        ("update events e set data = other.data from events other"
         " where (e.position, other.position) in ((14, 17), (17, 14))",),
    ),
]  # fmt: skip
