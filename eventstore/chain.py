"""The hash chain over the log: the hash of a row covers the row and the hash of the row before it.

Pure. These are the bytes that `append_events` hashes; whoever recomputes the chain with this product takes them from
here. `scripts/verify_export.py` holds a copy of its own on purpose, and the tests keep the three alike.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import msgspec

GENESIS = hashlib.sha256(b"bitacora").digest()
"""What the first row is chained to."""

Row = tuple[int, str, int, str, int, str, str, bytes]
"""position, stream, version, name, recorded_at in microseconds since 1970 UTC, data, meta, hash. A plain tuple, as the
driver makes it: millions of them pass through a verification."""

EPOCH = datetime(1970, 1, 1)


class Head(msgspec.Struct, frozen=True):
    """A position and the hash there. It stands for every event up to that position."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> Head:
        """From POSITION:HASH. Raises `ValueError` with a sentence for the person who wrote it."""
        position, _, digest = text.strip().partition(":")
        try:
            head = cls(int(position), bytes.fromhex(digest))
        except ValueError:
            head = None
        if head is None or head.position < 0 or len(head.hash) != len(GENESIS):
            raise ValueError(f"{text!r} is not a head: write POSITION:HASH, as `bitacora audit publish` prints it")
        return head


def canonical(row: Row) -> bytes:
    """The bytes of a row that its hash covers. Raises `ValueError` where they would be ambiguous or have no UTF-8 form.

    Line by line: position, stream, version, name, microseconds, length of data in bytes; then data, a line break, meta.
    """
    position, stream, version, name, recorded, data, meta, _ = row
    stored = data.encode()
    before = f"{position}\n{stream}\n{version}\n{name}\n{recorded}\n{len(stored)}\n"
    if before.count("\n") != 6:
        raise ValueError("the stream or the name holds a line break")
    return before.encode() + stored + b"\n" + meta.encode()


def link(previous: bytes, row: Row) -> bytes:
    """The hash that the row must have after a row with the hash `previous`. Raises as `canonical`."""
    return hashlib.sha256(previous + canonical(row)).digest()


def moment(recorded: int) -> str:
    """Microseconds as 2026-11-21T03:09:00.123456Z; as a bare number where no calendar reaches (only tampering does)."""
    try:
        return (EPOCH + timedelta(microseconds=recorded)).isoformat(timespec="microseconds") + "Z"
    except OverflowError:
        return str(recorded)
