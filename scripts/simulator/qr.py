"""A picture that looks like a QR code, made of nothing but what it is to say. No phone can read it, and none has to."""

from __future__ import annotations

import hashlib
import struct
import zlib

SIDE = 29
BORDER = 4
SCALE = 6
EYES = ((0, 0), (0, SIDE - 7), (SIDE - 7, 0))


def picture(text: str) -> bytes:
    """The picture as PNG."""
    side = (SIDE + 2 * BORDER) * SCALE
    rows = bytearray()
    for y in range(side):
        rows.append(0)  # no filter
        for x in range(side):
            rows.append(0 if _dark(text, y // SCALE - BORDER, x // SCALE - BORDER) else 255)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _dark(text: str, row: int, column: int) -> bool:
    if not (0 <= row < SIDE and 0 <= column < SIDE):
        return False
    for top, left in EYES:
        y, x = row - top, column - left
        if -1 <= y <= 7 and -1 <= x <= 7:
            if not (0 <= y <= 6 and 0 <= x <= 6):
                return False
            return y in (0, 6) or x in (0, 6) or (2 <= y <= 4 and 2 <= x <= 4)
    return hashlib.blake2b(f"{text} {row} {column}".encode(), digest_size=1).digest()[0] % 2 == 0


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
