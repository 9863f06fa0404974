"""Snapshots: the folded states of long streams, so that loading one takes the same time at version 10 and 10,000.

They are disposable. One counts only while the log still holds the event that it was taken after, hash and all, and only
for the code that took it: a change to the aggregate's file makes it worthless, and the stream is folded from its
beginning once more. States that hold personal data must not be kept here: an erasure would not reach them.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import psycopg

from domain.model import Decider
from eventstore import reading
from eventstore.connect import AsyncConnection
from eventstore.reading import Source

logger = logging.getLogger(__name__)

FIND = """
select s.state, s.version, s.position
from state_snapshots s
join events e on e.stream = s.stream and e.version = s.version and e.position = s.position and e.hash = s.hash
where s.stream = %s and s.shape = %s
"""
KEEP = """
insert into state_snapshots (stream, shape, version, position, hash, state)
select stream, %s, version, position, hash, %s from events where stream = %s and version = %s
on conflict (stream) do update
set shape = excluded.shape, version = excluded.version, position = excluded.position, hash = excluded.hash,
    state = excluded.state, taken_at = now()
"""


def is_due(decider: Decider[Any], before: int, after: int) -> bool:
    """Whether a stream that grew from one version to another has come by a version to remember."""
    every = decider.snapshot_every
    return every > 0 and after // every > before // every


async def find(source: Source, decider: Decider[Any], stream: str) -> tuple[Any, int, int] | None:
    """The state that was kept last, at which version, whose event is at which position; None when there is none that
    counts."""
    found = await reading.tuples(source, FIND, [stream, shape(decider.evolve, type(decider.initial))])
    if not found:
        return None
    row = found[0]
    try:
        return msgspec.json.decode(row[0], type=type(decider.initial)), row[1], row[2]
    except msgspec.MsgspecError as error:
        logger.warning("the snapshot of %s cannot be read: %s", stream, error)
        return None


async def keep(connection: AsyncConnection, decider: Decider[Any], stream: str, state: Any, version: int) -> None:
    """Remember the state that the stream has at a version, if possible: without it, loading is merely slower."""
    of = shape(decider.evolve, type(decider.initial))
    try:
        await connection.execute(KEEP, [of, msgspec.json.encode(state), stream, version])
    except psycopg.Error as error:
        logger.warning("no snapshot of %s at %s: %s", stream, version, str(error).strip())


@cache
def shape(evolve: Callable[..., Any], state: type) -> str:
    """What the meaning of a snapshot depends on, in one word: the file that folds the events, and the state's types."""
    module = inspect.getmodule(evolve)
    source = inspect.getsource(module) if module else ""
    schema = msgspec.json.encode(msgspec.json.schema(state), order="deterministic")
    return hashlib.sha256(source.encode() + schema).hexdigest()[:32]
