"""Whether the log is still what was written: the whole chain recomputed, and what others remember of it compared.

The chain alone finds what was changed, removed, added or moved inside the log. A cut tail, or a log that somebody wrote
anew with hashes that fit, shows only against something kept elsewhere: published heads, a head that the auditor
brings, the positions that followers and accepted commands have reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import psycopg

from eventstore import chain, rows
from eventstore.chain import GENESIS, Head
from eventstore.rows import Progress

LAST = "select position, hash from events order by position desc limit 1"
HASH_AT = "select hash from events where position = %s order by hash limit 1"
PUBLISHED = "select position, hash from published_heads order by position"
PUBLISH = "insert into published_heads (position, hash) values (%s, %s) on conflict (position) do nothing"

# A stream begins with version 1 (0 where another application on the same log counts so) and goes on by one.
# From a later start only the streams that moved since are read; for the whole log the planner drops that condition.
BROKEN_VERSION = """
select position, stream, version, before
  from (select position, stream, version, lag(version) over (partition by stream order by position) as before
          from events
         where %(first)s <= 1 or stream in (select stream from events where position >= %(first)s)) e
 where position >= %(first)s and version <> coalesce(before + 1, least(version, 1))
 order by position limit 1
"""
REACHED = """
select 'the follower ' || follower || ' has read', position from checkpoints where position > %(last)s
union all
select 'a command was accepted with events', max(last_position) from accepted_commands where last_position > %(last)s
having count(*) > 0
order by 2 desc, 1 limit 1
"""


class Fault(Exception):
    """The log is not what was written. `position` is where it shows first, `reason` is a sentence for people; it names
    no stream, for not everybody may know of it."""

    def __init__(self, position: int, reason: str, stream: str = "") -> None:
        super().__init__(f"position {position}: {reason}" + (f" ({stream})" if stream else ""))
        self.position = position
        self.reason = reason


class NothingToPublish(Exception):
    """The log is empty."""


class Verified(msgspec.Struct, frozen=True):
    """The outcome when all is well: the head, how many events were recomputed, how many heads were compared."""

    head: Head
    events: int
    compared: int


def verify(
    database_url: str, *, first: int = 1, heads: Iterable[Head] = (), progress: Progress = rows.unseen
) -> Verified:
    """Check the log from the position `first` on, against published heads and those given. Raises `Fault`.

    The events before `first` are taken as good. One snapshot: what is appended meanwhile is left to the next time.
    """
    with rows.snapshot(database_url) as connection:
        last = last_head(connection)
        events = _check_chain(connection, first, last, progress)
        _check_versions(connection, first)
        compared = _check_heads(connection, last, _published(connection), "that was published")
        compared += _check_heads(connection, last, heads, "that you gave")
        _check_reached(connection, last)
        return Verified(last, events, compared)


def publish(database_url: str) -> Head:
    """Store the head of the log, to be found unchanged ever after, and return it: keep it where nobody who can write
    to this database can write. Raises `NothingToPublish`, or `Fault` when an earlier published head has changed."""
    with rows.connect(database_url) as connection:
        last = last_head(connection)
        _check_heads(connection, last, _published(connection), "that was published")
        if last.position < 1:
            raise NothingToPublish("The log is empty: there is no head to publish yet.")
        connection.execute(PUBLISH, [last.position, last.hash])
        return last


def last_head(connection: psycopg.Connection) -> Head:
    """The head as stored; position 0 and the genesis for an empty log."""
    row = connection.execute(LAST).fetchone()
    return Head(row[0], bytes(row[1])) if row else Head(0, GENESIS)


def hash_before(connection: psycopg.Connection, first: int, last: Head) -> bytes:
    """The stored hash that the event at `first` is chained to. Raises `Fault` when there is none."""
    if first <= 1:
        return GENESIS
    row = connection.execute(HASH_AT, [first - 1]).fetchone()
    if row is None:
        if last.position < first - 1:
            raise Fault(last.position + 1, f"the log ends at {last.position}, before the start at {first}")
        raise Fault(first - 1, f"event {first - 1} is missing")
    return bytes(row[0])


def _check_chain(connection: psycopg.Connection, first: int, last: Head, progress: Progress) -> int:
    previous = hash_before(connection, first, last)
    expected = first
    total = max(last.position - first + 1, 0)
    lowest = rows.LOWEST if first <= 1 else first
    for batch in rows.batches(connection, rows.BETWEEN, [lowest, rows.HIGHEST]):
        for row in batch:
            if row[0] != expected:
                raise Fault(*_misplaced(row[0], expected))
            try:
                previous = chain.link(previous, row)
            except (ValueError, AttributeError, TypeError) as error:  # the table's constraints would have to be gone
                raise Fault(expected, f"event {expected} cannot be hashed: {error}") from None
            if previous != row[7]:
                raise Fault(
                    expected,
                    f"event {expected} does not match its hash: it, or the hash before it, is not what was written",
                )
            expected += 1
        progress(expected - first, total)
    return expected - first


def _misplaced(found: int, expected: int) -> tuple[int, str]:
    if found < 1:
        return found, f"there is an event at {found}, but positions begin at 1"
    if found < expected:
        return found, f"there is more than one event {found}"
    if found == expected + 1:
        return expected, f"event {expected} is missing"
    return expected, f"events {expected} to {found - 1} are missing"


def _check_versions(connection: psycopg.Connection, first: int) -> None:
    row = connection.execute(BROKEN_VERSION, {"first": first}).fetchone()
    if row is not None:
        position, stream, version, before = row
        after = "begins" if before is None else f"goes on after version {before}"
        raise Fault(position, f"its stream {after} with version {version}", stream)


def _published(connection: psycopg.Connection) -> list[Head]:
    return [Head(position, bytes(digest)) for position, digest in connection.execute(PUBLISHED)]


def _check_heads(connection: psycopg.Connection, last: Head, heads: Iterable[Head], whose: str) -> int:
    ordered: Sequence[Head] = sorted(heads, key=lambda head: head.position)
    good = 0
    for head in ordered:
        if head.position > last.position:
            raise Fault(
                last.position + 1,
                f"the log ends at {last.position}, before the head {head.position} {whose}: its tail is missing",
            )
        row: Any = connection.execute(HASH_AT, [head.position]).fetchone() if head.position else (GENESIS,)
        if row is None or bytes(row[0]) != head.hash:
            since = f"after {good}" if good else "from the beginning on"
            raise Fault(
                head.position,
                f"the hash at {head.position} is not the one {whose}: the log was written anew somewhere {since}",
            )
        good = head.position
    return len(ordered)


def _check_reached(connection: psycopg.Connection, last: Head) -> None:
    row = connection.execute(REACHED, {"last": last.position}).fetchone()
    if row is not None:
        who, position = row
        missing = f"the log ends at {last.position}, but {who} up to {position}: its tail is missing"
        raise Fault(last.position + 1, missing)
