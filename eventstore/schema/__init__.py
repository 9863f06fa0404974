"""The few permanent tables, as numbered SQL files, and the runner that brings a database up to them.

A file is applied once, in its own transaction, under one lock, so that any number of processes may start at the same
moment. A file that was applied is never edited: its digest is kept and compared.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import LiteralString, cast

import psycopg

LOCK = 8_317_002_114  # one advisory lock for every migration of this product
FILES = Path(__file__).parent

CREATE_REGISTER = """
create table if not exists migrations (
    name text primary key, digest text not null, applied_at timestamptz not null default now())
"""


class ChangedMigration(Exception):
    """A migration file differs from the one that this database was built with."""


def migrate(database_url: str) -> list[str]:
    """Apply what is missing and return the names of the files applied. Raises `ChangedMigration`."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [LOCK])
        connection.execute("set client_min_messages = warning")
        connection.execute(CREATE_REGISTER)
        known = dict(connection.execute("select name, digest from migrations").fetchall())
        applied: list[str] = []
        for file in sorted(FILES.glob("*.sql")):
            text = file.read_text(encoding="utf-8")
            digest = hashlib.sha256(text.encode()).hexdigest()
            if file.name in known:
                if known[file.name] != digest:
                    raise ChangedMigration(
                        f"{file.name} was applied in another form; add a new file instead of editing it."
                    )
                continue
            with connection.transaction():
                connection.execute(cast(LiteralString, text))
                connection.execute("insert into migrations (name, digest) values (%s, %s)", [file.name, digest])
            applied.append(file.name)
        return applied
