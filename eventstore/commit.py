"""What is appended in one piece, and the one SQL call that appends many of them."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

import msgspec
from psycopg import pq
from psycopg.adapt import Buffer, Dumper

MAX_EVENT_BYTES = 1024 * 1024
MAX_COMMIT_BYTES = 32 * 1024 * 1024
MAX_STREAM_LENGTH = 400
MAX_NAME_LENGTH = 200
MAX_KEY_LENGTH = 600
MAX_VERSION = 2**31 - 1

NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The escape of a NUL character in JSON, and not a backslash that is followed by the letters u0000."""


class NotStored(Exception):
    """Nothing of the command was stored."""


class VersionConflict(NotStored):
    """A stream was not at the expected version: somebody else appended first. Load, decide, try again."""


class KeyReused(NotStored):
    """The idempotency key was used before, with another request."""


class Unstorable(NotStored):
    """The events cannot be stored as they are (too large, a NUL character, a malformed stream name)."""


class LogUnavailable(NotStored):
    """The database could not be reached, or too many commands wait already. Try again later."""


class OutcomeUnknown(Exception):
    """The connection broke while the command was being stored."""

    def __init__(self) -> None:
        super().__init__("outcome unknown, retry with the same key")


class Record(msgspec.Struct, frozen=True):
    """An event as it will be stored: its name and its JSON."""

    name: str
    data: bytes


class Part(msgspec.Struct, frozen=True):
    """What one commit does to one stream: it must be at `expected` (0: not there yet), and gets these events."""

    stream: str
    expected: int
    records: Sequence[Record]


class Commit(msgspec.Struct, frozen=True):
    """A command's events, appended whole or not at all."""

    parts: Sequence[Part]
    meta: bytes
    key: str | None = None
    fingerprint: str = ""

    def check(self) -> int:
        """The bytes of its events. Raises `Unstorable` for what would fail the flush that it shares with others."""
        size = 0
        for part in self.parts:
            stream = part.stream
            if not 0 < len(stream) <= MAX_STREAM_LENGTH or not stream.isprintable():
                raise Unstorable(f"not a stream name: {stream[:80]!r}")
            if not 0 <= part.expected <= MAX_VERSION - len(part.records):
                raise Unstorable(f"{stream} cannot be at {part.expected}")
            for record in part.records:
                name, data = record.name, record.data
                if not 0 < len(name) <= MAX_NAME_LENGTH or not name.isprintable():
                    raise Unstorable(f"not the name of an event: {name[:80]!r}")
                if len(data) > MAX_EVENT_BYTES:
                    raise Unstorable(f"{name} has {len(data)} bytes, more than {MAX_EVENT_BYTES}")
                if b"\\u0000" in data and NUL.search(data):
                    raise Unstorable(f"{name} holds a NUL character")
                size += len(data)
        if size > MAX_COMMIT_BYTES:
            raise Unstorable(f"the events have {size} bytes, more than {MAX_COMMIT_BYTES}")
        if len(self.parts) > 1 and len({part.stream for part in self.parts}) < len(self.parts):
            raise Unstorable("a stream is named twice")
        if self.key is not None and (not 0 < len(self.key) <= MAX_KEY_LENGTH or not self.key.isprintable()):
            raise Unstorable(f"not a key: {self.key[:80]!r}")
        if b"\\u0000" in self.meta and NUL.search(self.meta):
            raise Unstorable("the metadata holds a NUL character")
        return size


class Committed(msgspec.Struct, frozen=True):
    """Where a commit's events are: `first` to `last`, both included; `last < first` when it had none.
    `replayed` says that an earlier command with the same key put them there."""

    first: int
    last: int
    replayed: bool = False


class TextArray(list[bytes]):
    """UTF-8 texts, sent as text[] in PostgreSQL's binary form without decoding them first."""


class IntArray(list[int]):
    """Small integers, sent as integer[] in PostgreSQL's binary form."""


class BigIntArray(list[int]):
    """Integers, sent as bigint[] in PostgreSQL's binary form."""


class TextArrayDumper(Dumper):
    format = pq.Format.BINARY
    oid = 1009

    def dump(self, obj: TextArray) -> Buffer:
        head = _array_head(25, len(obj))
        return head + b"".join([part for item in obj for part in (len(item).to_bytes(4, "big"), item)])


class IntArrayDumper(Dumper):
    format = pq.Format.BINARY
    oid = 1007

    def dump(self, obj: IntArray) -> Buffer:
        return _array_head(23, len(obj)) + b"".join([b"\0\0\0\4" + item.to_bytes(4, "big") for item in obj])


class BigIntArrayDumper(Dumper):
    format = pq.Format.BINARY
    oid = 1016

    def dump(self, obj: BigIntArray) -> Buffer:
        return _array_head(20, len(obj)) + b"".join(
            [b"\0\0\0\10" + item.to_bytes(8, "big", signed=True) for item in obj]
        )


def _array_head(element: int, length: int) -> bytes:
    return HEAD.pack(1, 0, element, length, 1) if length else NO_ELEMENTS.pack(0, 0, element)


HEAD, NO_ELEMENTS = struct.Struct(">5i"), struct.Struct(">3i")

APPEND_EVENTS = "select append_events(%b, %b, %b, %b, %b)"
APPEND_EVENTS_CALL = b"select append_events($1, $2, $3, $4, $5)"
APPEND_EVENTS_TYPES = (TextArrayDumper.oid, IntArrayDumper.oid, *[TextArrayDumper.oid] * 3)
APPEND_COMMANDS = """
select head, conflicts, replays from append_commands(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)
"""
GAP = "BT001"


Columns = tuple[IntArray | TextArray, ...]


def columns(commits: Sequence[Commit]) -> Columns:
    """The parameters of `APPEND_COMMANDS`, commits numbered from 1; those of `APPEND_EVENTS` are `columns[EVENTS]`."""
    check_command, check_stream, check_version = IntArray(), TextArray(), IntArray()
    event_command, stream, version = IntArray(), TextArray(), IntArray()
    name, data, meta = TextArray(), TextArray(), TextArray()
    key_command, key_value, key_fingerprint = IntArray(), TextArray(), TextArray()
    for number, commit in enumerate(commits, 1):
        for part in commit.parts:
            encoded = part.stream.encode()
            check_command.append(number)
            check_stream.append(encoded)
            check_version.append(part.expected)
            for offset, record in enumerate(part.records, 1):
                event_command.append(number)
                stream.append(encoded)
                version.append(part.expected + offset)
                name.append(record.name.encode())
                data.append(record.data)
                meta.append(commit.meta)
        if commit.key is not None:
            key_command.append(number)
            key_value.append(commit.key.encode())
            key_fingerprint.append(commit.fingerprint.encode())
    return (
        check_command, check_stream, check_version,
        event_command, stream, version, name, data, meta,
        key_command, key_value, key_fingerprint,
    )  # fmt: skip


EVENTS = slice(4, 9)


def events(commits: Sequence[Commit]) -> list[Buffer]:
    """The parameters of `APPEND_EVENTS_CALL`."""
    stream, version, name = TextArray(), IntArray(), TextArray()
    data, meta = TextArray(), TextArray()
    for commit in commits:
        for part in commit.parts:
            encoded = part.stream.encode()
            for number, record in enumerate(part.records, part.expected + 1):
                stream.append(encoded)
                version.append(number)
                name.append(record.name.encode())
                data.append(record.data)
                meta.append(commit.meta)
    return [TEXTS(stream), INTS(version), TEXTS(name), TEXTS(data), TEXTS(meta)]


TEXTS, INTS = TextArrayDumper(TextArray).dump, IntArrayDumper(IntArray).dump


def all_plain(commits: Sequence[Commit]) -> bool:
    """Whether `APPEND_EVENTS` can take them: every checked stream is also written, and no commit carries a key."""
    return all(commit.key is None and commit.parts and all(part.records for part in commit.parts) for commit in commits)


Row = tuple[int, list[int], bytes | None]
_replays = msgspec.json.Decoder(list[tuple[int, str, int, int]])


def outcomes(commits: Sequence[Commit], row: Row) -> list[Committed | NotStored]:
    """What became of each commit, by the row that `APPEND_COMMANDS` answered (`(head, [], None)`: all went in)."""
    position, conflicts, replays = row
    known = {replay[0]: replay[1:] for replay in _replays.decode(replays)} if replays else {}
    results: list[Committed | NotStored] = []
    for number, commit in enumerate(commits, 1):
        if number in known:
            fingerprint, first, last = known[number]
            same = fingerprint == commit.fingerprint
            results.append(Committed(first, last, True) if same else KeyReused("the key was used for another request"))
        elif number in conflicts:
            results.append(
                VersionConflict(", ".join(f"{part.stream} is not at {part.expected}" for part in commit.parts))
            )
        else:
            count = sum(len(part.records) for part in commit.parts)
            results.append(Committed(position + 1, position + count))
            position += count
    return results
