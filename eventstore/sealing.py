"""Personal data is stored sealed: AES-256-GCM with a key per subject, itself wrapped by the master key.

A subject is the stream of the person, such as `customer-acme-c1`. Erasing a subject destroys its key: what was sealed
stays in the log, the hash chain still verifies, and nobody can read it again. An empty key stays in its place, so that
what was on its way when the person was erased finds none to be sealed with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterable

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.model import Conflict
from eventstore import reading
from eventstore.reading import Source

NONCE = 12

ANY = "select subject, wrapped from subject_keys where wrapped <> '' limit 1"
FIND = "select subject, wrapped from subject_keys where subject = any(%s) and wrapped <> ''"
KEEP = "insert into subject_keys (subject, wrapped) values (%s, %s) on conflict do nothing"
KEEP_ALL = """
insert into subject_keys (subject, wrapped) select * from unnest(%s::text[], %s::bytea[]) on conflict do nothing
returning subject
"""
IS_ERASED = "select true from subject_keys where subject = %s and wrapped = ''"
DESTROY = """
insert into subject_keys (subject, wrapped) values (%s, '') on conflict (subject) do update set wrapped = ''
"""
DROP = "delete from subject_keys where subject = %s"

Keys = dict[str, AESGCM]
"""The keys at hand, by subject. A subject without a key is unknown or erased."""


class WrongMasterKey(Exception):
    """The keys in the database are wrapped by another master key."""

    def __init__(self) -> None:
        super().__init__("BITACORA_MASTER_KEY is not the key that the personal data of this log was sealed with")


class Vault:
    """Makes, finds and destroys the keys of subjects; holds none of them itself, so an erasure works at once. Whatever
    needs a key raises `WrongMasterKey` where the master key is another than it was."""

    def __init__(self, master_key: str) -> None:
        master = bytes.fromhex(master_key)
        self._master = AESGCM(master)
        self._proved = False
        self._blind = hashlib.sha256(b"blind index" + master).digest()

    def blind(self, value: str) -> str:
        """A digest that stands for a personal value where it must be unique or findable, such as an e-mail."""
        return hmac.new(self._blind, value.encode(), hashlib.sha256).hexdigest()[:40]

    async def keys(self, source: Source, subjects: Iterable[str]) -> Keys:
        """The keys of these subjects, as far as they have one."""
        return self._unwrap_all(await reading.tuples(source, FIND, [list(subjects)]))

    async def make(self, connection: psycopg.AsyncConnection, subject: str) -> AESGCM:
        """The subject's key, new when there was none. Raises `Conflict` for one that was erased."""
        if not self._proved:  # a first key under a wrong master key would hide that it is wrong
            self._unwrap_all(await (await connection.execute(ANY)).fetchall())
            self._proved = True
        while True:
            if found := await self.keys(connection, [subject]):
                return found[subject]
            if await (await connection.execute(IS_ERASED, [subject])).fetchone():
                raise Conflict("SUBJECT_ERASED", subject=subject)
            await connection.execute(KEEP, [subject, self._wrap(subject, AESGCM.generate_key(256))])

    async def make_all(self, connection: psycopg.AsyncConnection, subjects: Iterable[str]) -> Keys:
        """The keys of many subjects, new where there was none; without those that were erased."""
        wanted = list(subjects)
        if wanted:  # the first one proves that the master key is right
            await self.make(connection, wanted[0])
        made = {subject: AESGCM.generate_key(256) for subject in wanted}
        wrapped = [self._wrap(subject, key) for subject, key in made.items()]
        cursor = await connection.execute(KEEP_ALL, [list(made), wrapped])
        new = {subject for (subject,) in await cursor.fetchall()}
        known = await self.keys(connection, [subject for subject in made if subject not in new])
        return {**{subject: AESGCM(made[subject]) for subject in new}, **known}

    def keys_now(self, connection: psycopg.Connection, subjects: Iterable[str]) -> Keys:
        """As `keys`, for the processes that follow the log one batch at a time."""
        return self._unwrap_all(connection.execute(FIND, [list(subjects)]).fetchall())

    async def erase(self, connection: psycopg.AsyncConnection, subject: str) -> None:
        """Destroy the subject's key, for good: none is made again. Doing it again changes nothing."""
        await connection.execute(DESTROY, [subject])

    async def drop(self, connection: psycopg.AsyncConnection, subject: str) -> None:
        """Destroy a key that is not a person's: of a file, which may come again."""
        await connection.execute(DROP, [subject])

    def _wrap(self, subject: str, key: bytes) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._master.encrypt(nonce, key, subject.encode())

    def _unwrap_all(self, rows: Iterable[tuple[str, bytes]]) -> Keys:
        try:
            return {
                subject: AESGCM(self._master.decrypt(wrapped[:NONCE], wrapped[NONCE:], subject.encode()))
                for subject, wrapped in rows
            }
        except InvalidTag:
            raise WrongMasterKey from None


def seal(key: AESGCM, text: str, place: str) -> str:
    """Seal a text for one place (`Event.field`); moved to another place it cannot be opened."""
    nonce = os.urandom(NONCE)
    return base64.b64encode(nonce + key.encrypt(nonce, text.encode(), place.encode())).decode()


def unseal(key: AESGCM | None, sealed: str, place: str) -> str | None:
    """The text, or None when its key is gone."""
    if key is None:
        return None
    raw = base64.b64decode(sealed)
    try:
        return key.decrypt(raw[:NONCE], raw[NONCE:], place.encode()).decode()
    except InvalidTag:
        # A key made anew after an erasure does not open what the destroyed one sealed.
        return None
