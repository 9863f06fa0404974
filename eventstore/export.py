"""The log as lines of JSON, for an auditor to keep and to verify without this product.

The first line says what the file holds, every other line is one event; docs/guides/audit.md describes both. `data` and
`meta` travel as strings of the stored text, because the chain covers their bytes and not their meaning.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from eventstore import audit, chain, rows
from eventstore.rows import Progress

COUNT = "select count(*) from events where stream = %s and position between %s and %s"


class NoSuchStream(Exception):
    """The log holds no event of this stream."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `previous` is the hash that the event at `first` is chained to, as hex digits; without it (an
    export of one stream) nothing can be verified, and `note` says so."""

    export: str = "bitacora"
    format: int = 1
    first: int
    last: int
    previous: str | None
    stream: str | None
    verifiable: bool
    note: str | msgspec.UnsetType = msgspec.UNSET


class Line(msgspec.Struct, frozen=True):
    """One event. `recorded_at` is UTC with microseconds, `hash` is hex digits."""

    position: int
    stream: str
    version: int
    name: str
    recorded_at: str
    data: str
    meta: str
    hash: str


NOT_VERIFIABLE = "one stream of the log: the chain runs through the events in between, which are not here"


def export(
    database_url: str,
    *,
    first: int = 1,
    last: int | None = None,
    stream: str | None = None,
    progress: Progress = rows.unseen,
) -> Iterator[bytes]:
    """The events at `first` to `last` (both included; by default all), some thousand lines at a time.

    Raises `NoSuchStream`, and `audit.Fault` when the log ends before `first`.
    """
    encoder = msgspec.json.Encoder()
    with rows.snapshot(database_url) as connection:
        head = audit.last_head(connection)
        last = head.position if last is None else min(last, head.position)
        if stream is None:
            previous = audit.hash_before(connection, first, head).hex()
            header = Header(first=first, last=max(last, first - 1), previous=previous, stream=None, verifiable=True)
            total = header.last - first + 1
            lowest = rows.LOWEST if first <= 1 else first  # what tampering put below 1 has to show
            source = rows.batches(connection, rows.BETWEEN, [lowest, last])
        else:
            counted = connection.execute(COUNT, [stream, rows.LOWEST, rows.HIGHEST]).fetchone()
            if counted is None or not counted[0]:
                raise NoSuchStream(f"There is no stream {stream!r}. The newest ones: bitacora log tail")
            header = Header(first=first, last=last, previous=None, stream=stream, verifiable=False, note=NOT_VERIFIABLE)
            counted = connection.execute(COUNT, [stream, first, last]).fetchone()
            total = counted[0] if counted else 0
            source = rows.batches(connection, rows.STREAM_BETWEEN, [stream, first, last])
        yield encoder.encode(header) + b"\n"
        done = 0
        for batch in source:
            yield encoder.encode_lines([line(row) for row in batch])
            done += len(batch)
            progress(done, total)


def line(row: chain.Row) -> Line:
    """A row as it is written into an export."""
    position, stream, version, name, recorded, data, meta, digest = row
    return Line(position, stream, version, name, chain.moment(recorded), data, meta, bytes(digest).hex())
