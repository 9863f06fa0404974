"""What a stream had come to after one of its versions, for those who look back. Personal data stays sealed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from domain.catalogue import AGGREGATES, events_of
from domain.model import Decider, Event
from eventstore import log as logs
from eventstore import reading
from eventstore.mapper import Mapper
from eventstore.reading import Source

DECIDERS: Mapping[type[Event], Decider[Any]] = {
    event: module.DECIDER for module in AGGREGATES for event in events_of(module)
}


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A stream after a version: whose events it holds, and the state that its aggregate decides from."""

    version: int
    position: int
    recorded_at: datetime
    organizations: frozenset[str]
    state: dict[str, Any]


async def at(
    mapper: Mapper, source: Source, stream: str, version: int | None = None, until: datetime | None = None
) -> Point | None:
    """The stream after a version, or as it was at a time; as it is now with neither. None when there was nothing."""
    found: tuple[int, int, datetime] | None = None
    organizations: set[str] = set()
    decider: Decider[Any] | None = None
    state: Any = None
    after = 0
    while True:
        rows = await reading.tuples(source, logs.STREAM, [stream, after, logs.PAGE])
        for row in rows:
            recorded = mapper.recorded(row)
            late = until is not None and recorded.recorded_at > until
            if late or (version is not None and recorded.version > version):
                rows = []
                break
            if recorded.event is None:  # of an application of the library: nobody here knows what it means
                return None
            if decider is None:
                decider = DECIDERS[type(recorded.event)]
                state = decider.initial
            state = decider.evolve(state, recorded.event)
            organizations.add(recorded.meta.organization)
            found = recorded.version, recorded.position, recorded.recorded_at
        if len(rows) < logs.PAGE:
            break
        after = rows[-1][2]
    if found is None:
        return None
    return Point(
        version=found[0],
        position=found[1],
        recorded_at=found[2],
        organizations=frozenset(organizations),
        state=msgspec.to_builtins(state, order="deterministic"),
    )
