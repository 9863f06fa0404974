"""Files that wait to be imported, beside the log: sealed while here, gone with their key when done."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from eventstore.connect import AsyncConnection
from eventstore.sealing import NONCE, Vault

KEEP = """
insert into import_files (stream, options, sealed) values (%s, %s, %s) on conflict (stream) do nothing
"""
ABANDONED = """
delete from import_files f
where kept_at < now() - interval '1 day' and not exists (select 1 from events e where e.stream = f.stream)
returning stream
"""
FIND = "select options, sealed from import_files where stream = %s"
DROP = "delete from import_files where stream = %s"
KEEP_PART = "insert into import_parts (stream, part, sealed) values (%s, %s, %s) on conflict do nothing"
FIND_PART = "select sealed from import_parts where stream = %s and part = %s"
DROP_PARTS = "delete from import_parts where stream = %s"


async def keep(connection: AsyncConnection, vault: Vault, stream: str, options: dict[str, Any], file: bytes) -> None:
    """Keep a file; one that is kept already stays. Files whose import was never stored, because that failed, go."""
    for (abandoned,) in await (await connection.execute(ABANDONED)).fetchall():
        await vault.drop(connection, abandoned)
    key = await vault.make(connection, stream)
    sealed = _seal(key, zlib.compress(file, 1), stream)
    await connection.execute(KEEP, [stream, msgspec.json.encode(options).decode(), sealed])


async def find(connection: AsyncConnection, vault: Vault, stream: str) -> tuple[dict[str, Any], bytes] | None:
    """The file and what was said about it; None when it is gone."""
    row = await (await connection.execute(FIND, [stream])).fetchone()
    key = (await vault.keys(connection, [stream])).get(stream)
    opened = _open(key, bytes(row[1]), stream) if row and key else None
    return (row[0], zlib.decompress(opened)) if row and opened is not None else None


async def take_apart(connection: AsyncConnection, vault: Vault, stream: str, parts: Sequence[Any]) -> None:
    """Keep the parts of a file, counted from 1, in its place."""
    key = await vault.make(connection, stream)
    async with connection.transaction():
        for number, part in enumerate(parts, 1):
            sealed = _seal(key, zlib.compress(msgspec.json.encode(part), 1), f"{stream}/{number}")
            await connection.execute(KEEP_PART, [stream, number, sealed])
        await connection.execute(DROP, [stream])


async def part(connection: AsyncConnection, vault: Vault, stream: str, number: int) -> Any:
    """One part; None when there is no such part."""
    row = await (await connection.execute(FIND_PART, [stream, number])).fetchone()
    key = (await vault.keys(connection, [stream])).get(stream)
    opened = _open(key, bytes(row[0]), f"{stream}/{number}") if row and key else None
    return msgspec.json.decode(zlib.decompress(opened)) if opened is not None else None


async def forget(connection: AsyncConnection, vault: Vault, stream: str) -> None:
    """Let go of all of it, and of the key."""
    await connection.execute(DROP, [stream])
    await connection.execute(DROP_PARTS, [stream])
    await vault.drop(connection, stream)


def _seal(key: AESGCM, data: bytes, place: str) -> bytes:
    nonce = os.urandom(NONCE)
    return nonce + key.encrypt(nonce, data, place.encode())


def _open(key: AESGCM, sealed: bytes, place: str) -> bytes | None:
    try:
        return key.decrypt(sealed[:NONCE], sealed[NONCE:], place.encode())
    except InvalidTag:
        return None
