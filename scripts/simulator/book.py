"""The simulator's own state, in one SQLite file: every message that it ever took, and what it still has to report.

It is a book of its own on purpose: what the system believes can be compared with it. A message is in the file before
anybody hears that it was taken; a simulator that is killed goes on where it was.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import msgspec

TABLES = """
create table if not exists messages (
    number  integer primary key,
    id      text not null unique,
    session text not null,
    chat    text not null,
    body    text not null,
    at      real not null,
    ack     integer not null default 0
);
create index if not exists messages_by_chat on messages (session, chat, number);
create table if not exists reports (
    number  integer primary key,
    due     real not null,
    message text,                 -- whose ack it is; null: a change of the session's state
    ack     integer,
    body    blob,                 -- as it is posted, once it was made
    tries   integer not null default 0
);
create index if not exists reports_due on reports (due);
create table if not exists notes (name text primary key, value text not null);
"""


class Message(msgspec.Struct, frozen=True):
    """A message that was taken. `ack` is WhatsApp's: 0 pending, 1 server, 2 device, 3 read."""

    id: str
    session: str
    chat: str
    body: str
    at: float
    ack: int


class Report(msgspec.Struct, frozen=True):
    """A webhook call that is due."""

    number: int
    due: float
    message: str | None
    ack: int | None
    body: bytes | None
    tries: int


class Book:
    """The file, opened by its one writer."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self._db.executescript("pragma journal_mode = wal; pragma synchronous = normal;" + TABLES)

    def close(self) -> None:
        self._db.close()

    def take(self, message: Message) -> None:
        """Keep a message."""
        self._db.execute(
            "insert into messages (id, session, chat, body, at, ack) values (?, ?, ?, ?, ?, ?)",
            (message.id, message.session, message.chat, message.body, message.at, message.ack),
        )

    def chat(self, session: str, chat: str, limit: int, offset: int) -> list[Message]:
        """The messages of one chat, newest first."""
        rows = self._db.execute(
            "select id, session, chat, body, at, ack from messages where session = ? and chat = ?"
            " order by number desc limit ? offset ?",
            (session, chat, limit, offset),
        )
        return [Message(*row) for row in rows]

    def find(self, identity: str) -> Message | None:
        """One message."""
        rows = self._db.execute("select id, session, chat, body, at, ack from messages where id = ?", (identity,))
        return next((Message(*row) for row in rows), None)

    def newest(self, limit: int) -> list[Message]:
        """The messages taken last, newest first."""
        rows = self._db.execute(
            "select id, session, chat, body, at, ack from messages order by number desc limit ?", (limit,)
        )
        return [Message(*row) for row in rows]

    def count(self) -> int:
        return self._db.execute("select count(*) from messages").fetchone()[0]

    def advance(self, identity: str, ack: int) -> None:
        """A message got further; never back."""
        self._db.execute("update messages set ack = ? where id = ? and ack < ?", (ack, identity, ack))

    def owe(self, due: float, message: str | None, ack: int | None, body: bytes | None = None) -> None:
        """Something will have to be reported."""
        self._db.execute("insert into reports (due, message, ack, body) values (?, ?, ?, ?)", (due, message, ack, body))

    def due(self, limit: int) -> list[Report]:
        """What has to be reported now, the longest due first."""
        rows = self._db.execute(
            "select number, due, message, ack, body, tries from reports where due <= ? order by due limit ?",
            (time.time(), limit),
        )
        return [Report(*row) for row in rows]

    def postpone(self, report: Report, due: float, body: bytes) -> None:
        """Report it later, in the same words."""
        self._db.execute(
            "update reports set due = ?, body = ?, tries = tries + 1 where number = ?", (due, body, report.number)
        )

    def done(self, report: Report) -> None:
        self._db.execute("delete from reports where number = ?", (report.number,))

    def owed(self) -> int:
        return self._db.execute("select count(*) from reports").fetchone()[0]

    def note(self, name: str, default: str) -> str:
        """A remark that was kept."""
        row = self._db.execute("select value from notes where name = ?", (name,)).fetchone()
        return row[0] if row else default

    def keep_note(self, name: str, value: str) -> None:
        self._db.execute("insert or replace into notes (name, value) values (?, ?)", (name, value))


def read(file: Path) -> list[Message]:
    """Every message in a simulator's file, for whoever compares."""
    with closing(_opened(file)) as db:
        rows = db.execute("select id, session, chat, body, at, ack from messages order by number")
        return [Message(*row) for row in rows]


def count(file: Path) -> int:
    """How many messages are in a simulator's file."""
    with closing(_opened(file)) as db:
        return db.execute("select count(*) from messages").fetchone()[0]


def acks(file: Path) -> dict[int, int]:
    """How many messages got how far."""
    with closing(_opened(file)) as db:
        return dict(db.execute("select ack, count(*) from messages group by ack"))


def owed(file: Path) -> int:
    """How many reports are still to come."""
    with closing(_opened(file)) as db:
        return db.execute("select count(*) from reports").fetchone()[0]


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
