"""Reading for many requests at a time: what they ask in one turn of the event loop goes out together.

A query of a few microseconds costs its caller ten times that in waking the server and being woken. So questions wait
for the answers to those before them and then leave as one, as commands do in the writer; with one request in flight it
is a plain query. For short queries that find their rows by an index; what takes long, or has to see one state of
several tables, takes a connection of the pool.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, LiteralString, TypeVar

from psycopg.rows import class_row

from eventstore.connect import AsyncConnection
from eventstore.lane import Answer, Lane, Parameters

T = TypeVar("T")

LANES = 3
HELD_UP = 0.002
"""Seconds after which a lane is passed over: one of its questions takes long after all."""


class Reader:
    """Use as `async with Reader(database_url)`; ask through `rows`, `row`, `tuples` and `value`."""

    def __init__(self, database_url: str) -> None:
        self._lanes = [Lane(database_url) for _ in range(LANES)]

    async def __aenter__(self) -> Reader:
        return self

    async def __aexit__(self, *_: object) -> None:
        for lane in self._lanes:
            await lane.close()

    async def ask(self, query: str, parameters: Parameters) -> Answer:
        """The names of the columns and the rows. Raises `psycopg.Error`."""
        return await self._free().ask(query, parameters)

    def _free(self) -> Lane:
        """A lane that is not held up. Whoever waits at one that is goes along."""
        now = time.monotonic()
        for nth, lane in enumerate(self._lanes):
            if now - lane.since < HELD_UP:
                for held in self._lanes[:nth]:
                    if held.waiting:
                        lane.adopt(held)
                return lane
        return min(self._lanes, key=lambda lane: len(lane.waiting))


Source = AsyncConnection | Reader
"""Where rows come from: together with others' questions, or on a connection of one's own."""


async def together(source: Source, *questions: Coroutine[Any, Any, Any]) -> Sequence[Any]:
    """The answers to questions that do not depend on each other, asked at once where that is possible."""
    if isinstance(source, Reader):
        return await asyncio.gather(*questions)
    try:
        return [await question for question in questions]
    finally:
        for question in questions:  # those that were not reached
            question.close()


async def tuples(source: Source, query: LiteralString, parameters: Parameters = ()) -> Sequence[tuple[Any, ...]]:
    """Every row as a tuple."""
    if isinstance(source, Reader):
        return (await source.ask(query, parameters))[1]
    return await (await source.execute(query, parameters, binary=True)).fetchall()


async def rows(source: Source, kind: Callable[..., T], query: LiteralString, parameters: Parameters = ()) -> list[T]:
    """Every row as a `kind`, which is called with the columns by name."""
    if isinstance(source, Reader):
        names, found = await source.ask(query, parameters)
        return [kind(**dict(zip(names, one, strict=True))) for one in found]
    async with source.cursor(row_factory=class_row(kind)) as cursor:  # type: ignore[arg-type]
        await cursor.execute(query, parameters)
        return await cursor.fetchall()


async def row(source: Source, kind: Callable[..., T], query: LiteralString, parameters: Parameters = ()) -> T | None:
    """The first row as a `kind`, or None."""
    found = await rows(source, kind, query, parameters)
    return found[0] if found else None


async def value(source: Source, query: LiteralString, parameters: Parameters = ()) -> Any:
    """The first column of the first row, or None."""
    found = await tuples(source, query, parameters)
    return found[0][0] if found else None
