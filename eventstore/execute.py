"""The one command handler of the system: load, decide, append; decide again when somebody else was faster."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar
from weakref import WeakValueDictionary

import msgspec
import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from domain.model import Command, Decider, Event, Refused
from eventstore import reading, snapshots
from eventstore.commit import Commit, KeyReused, LogUnavailable, Part, VersionConflict
from eventstore.connect import AsyncConnection
from eventstore.log import Log
from eventstore.mapper import Meta
from eventstore.reading import Reader, Source
from eventstore.sealing import Keys
from eventstore.writer import Writer

T = TypeVar("T")

ATTEMPTS = 8
FOLDED_STATES = 20_000

ACCEPTED = "select fingerprint, first_position, last_position from accepted_commands where key = %s"


class Step(msgspec.Struct, frozen=True):
    """One aggregate's share of what is asked."""

    decider: Decider[Any]
    stream: str
    command: Command


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf a command runs, and the idempotency key it came with. A `fingerprint` tells requests apart that
    carry the same key."""

    meta: Meta
    key: str | None = None
    fingerprint: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a command led to. `position` is what the views must have reached to show it: of its last event or, when
    nothing had to happen, of the newest event it was decided on."""

    events: tuple[Event, ...]
    position: int
    replayed: bool = False


class Folded(msgspec.Struct, frozen=True):
    """A stream folded to a state: at which version, whose event is at which position."""

    state: Any
    version: int
    position: int


class Store:
    """Executes commands. Keeps a bounded number of folded states; each append checks the version it was decided on, and
    a decision that appends nothing is checked against the log, so an old state never decides."""

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection], writer: Writer, log: Log, reader: Reader | None = None
    ) -> None:
        """With a `reader`, streams are read together with what others ask."""
        self.pool = pool
        self._reader = reader
        self.writer = writer
        self.log = log
        self._folded: OrderedDict[str, Folded] = OrderedDict()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._made: Keys = {}
        """Keys that were just made and wait for the first event of their stream."""

    async def execute(self, decider: Decider[Any], stream: str, command: Command, request: Request) -> Outcome:
        """Run one command on one stream. Raises `Refused` from the decision, and what `Writer.append` raises."""
        return await self.execute_all([Step(decider, stream, command)], request)

    async def execute_all(self, steps: Sequence[Step], request: Request) -> Outcome:
        """Run commands on several streams and append their events whole or not at all."""
        if request.key is not None:
            accepted = await self._accepted(request)
            if accepted is not None:
                return accepted
        async with AsyncExitStack() as turns:
            # Commands on one stream take turns inside this process: each then decides on what the last one left.
            for stream in sorted({step.stream for step in steps}):
                await turns.enter_async_context(self._turns.setdefault(stream, asyncio.Lock()))
            for attempt in range(ATTEMPTS):
                try:
                    return await self._attempt(steps, request, fresh=attempt > 0)
                except VersionConflict:
                    if attempt == ATTEMPTS - 1:
                        raise
                    if attempt > 0:  # not merely old: the log was set back to a backup, and the states are ahead of it
                        for step in steps:
                            self._folded.pop(step.stream, None)
                except Refused:
                    # The same request may have been accepted between the look at its key and the decision.
                    accepted = await self._accepted(request) if request.key is not None else None
                    if accepted is None:
                        raise
                    return accepted
        raise AssertionError("unreachable")

    async def expect_new(self, decider: Decider[Any], streams: Sequence[str], personal: bool = False) -> None:
        """Take it that these streams have no events yet, which spares reading each before its first command; an append
        finds out where that is wrong, and reads. With `personal`, make their keys, all at once."""
        for stream in streams:
            if stream not in self._folded:
                self._remember(stream, Folded(decider.initial, 0, 0))
        if personal:
            if len(self._made) > FOLDED_STATES:  # of events that were refused
                self._made.clear()
            self._made |= await self._ask(lambda connection: self.log.vault.make_all(connection, streams))

    async def state(self, decider: Decider[Any], stream: str) -> Any:
        """The stream's state now."""
        return (await self._refreshed(decider, stream, self._folded.get(stream))).state

    async def _attempt(self, steps: Sequence[Step], request: Request, *, fresh: bool) -> Outcome:
        folded: dict[str, Folded] = {}
        certain = True
        for step in steps:
            if step.stream in folded:
                continue
            known = self._folded.get(step.stream)
            if known is None or fresh:
                known = await self._refreshed(step.decider, step.stream, known)
            else:
                certain = False
            folded[step.stream] = known
        if not certain:
            try:
                decided = self._decide(steps, folded)
            except Refused:
                decided = {}
            if not all(decided.get(step.stream) for step in steps):
                # Nothing to append means no version check: make sure that the states are today's, and decide again.
                for step in steps:
                    folded[step.stream] = await self._refreshed(step.decider, step.stream, folded[step.stream])
                decided = self._decide(steps, folded)
        else:
            decided = self._decide(steps, folded)
        return await self._append(steps, folded, decided, request)

    def _decide(self, steps: Sequence[Step], folded: dict[str, Folded]) -> dict[str, list[Event]]:
        decided: dict[str, list[Event]] = {}
        states = {stream: known.state for stream, known in folded.items()}
        for step in steps:
            events = step.decider.decide(states[step.stream], step.command)
            states[step.stream] = step.decider.fold(states[step.stream], events)
            decided.setdefault(step.stream, []).extend(events)
        return decided

    async def _append(
        self,
        steps: Sequence[Step],
        folded: dict[str, Folded],
        decided: dict[str, list[Event]],
        request: Request,
    ) -> Outcome:
        events = tuple(event for part in decided.values() for event in part)
        seen = max(folded[stream].position for stream in decided)
        if not events and request.key is None:
            return Outcome(events=(), position=seen)
        mapper = self.log.mapper
        parts: list[Part] = []
        for stream, added in decided.items():
            # A stream that gets no event is still checked: the others were decided beside it.
            key = await self._key(stream, added)
            parts.append(Part(stream, folded[stream].version, [mapper.record(event, key) for event in added]))
        commit = Commit(parts, mapper.meta(request.meta), request.key, request.fingerprint)
        committed = await self.writer.append(commit)
        if committed.replayed:
            return await self._replayed(committed.first, committed.last)
        position = committed.first - 1
        deciders = {step.stream: step.decider for step in steps}
        for stream, added in decided.items():
            if added:
                known, position = folded[stream], position + len(added)
                state = deciders[stream].fold(known.state, added)
                self._remember(stream, Folded(state, known.version + len(added), position))
                if snapshots.is_due(deciders[stream], known.version, known.version + len(added)):
                    await self._keep_snapshot(deciders[stream], stream)
        return Outcome(events=events, position=committed.last if events else seen)

    async def _key(self, stream: str, events: Sequence[Event]) -> Any:
        if not any(self.log.mapper.is_personal(event) for event in events):
            return None
        if (made := self._made.pop(stream, None)) is not None:
            return made
        return await self._ask(lambda connection: self.log.vault.make(connection, stream))

    async def _refreshed(self, decider: Decider[Any], stream: str, known: Folded | None) -> Folded:
        before, folded = await self._read(lambda source: self._folded_on(source, decider, stream, known))
        self._remember(stream, folded)
        if snapshots.is_due(decider, before, folded.version):
            await self._keep_snapshot(decider, stream)
        return folded

    async def _folded_on(
        self, source: Source, decider: Decider[Any], stream: str, known: Folded | None
    ) -> tuple[int, Folded]:
        """The stream folded, and from which version on it had to be read."""
        if known is None and decider.snapshot_every:
            kept = await snapshots.find(source, decider, stream)
            known = Folded(*kept) if kept else None
        state, version, position = (known.state, known.version, known.position) if known else (decider.initial, 0, 0)
        before = version
        async for recorded in self.log.stream(source, stream, version):
            if recorded.event is not None:
                state = decider.evolve(state, recorded.event)
            version, position = recorded.version, recorded.position
        return before, Folded(state, version, position)

    async def _keep_snapshot(self, decider: Decider[Any], stream: str) -> None:
        known = self._folded.get(stream)
        if known is None:  # so many other streams meanwhile that this one was let go of
            return
        with suppress(LogUnavailable):  # the command is stored all the same
            await self._ask(lambda connection: snapshots.keep(connection, decider, stream, known.state, known.version))

    def _remember(self, stream: str, folded: Folded) -> None:
        self._folded[stream] = folded
        self._folded.move_to_end(stream)
        if len(self._folded) > FOLDED_STATES:
            self._folded.popitem(last=False)

    async def _accepted(self, request: Request) -> Outcome | None:
        found = await self._read(lambda source: reading.tuples(source, ACCEPTED, [request.key]))
        if not found:
            return None
        fingerprint, first, last = found[0]
        if fingerprint != request.fingerprint:
            raise KeyReused("the key was used for another request")
        return await self._replayed(first, last)

    async def _replayed(self, first: int, last: int) -> Outcome:
        recorded = await self._read(lambda source: self.log.between(source, first - 1, last))
        events = tuple(entry.event for entry in recorded if entry.event is not None)
        return Outcome(events=events, position=max(last, first - 1), replayed=True)

    async def was_accepted(self, key: str, fingerprint: str | None = None) -> bool:
        """Whether a command with this idempotency key was accepted before. Raises `KeyReused` when it came with another
        request than that of the `fingerprint`."""
        found = await self._read(lambda source: reading.tuples(source, ACCEPTED, [key]))
        if found and fingerprint not in (None, found[0][0]):
            raise KeyReused("the key was used for another request")
        return bool(found)

    async def _read(self, question: Callable[[Source], Awaitable[T]]) -> T:
        """Ask the database for something short."""
        if self._reader is None:
            return await self._ask(question)
        try:
            return await question(self._reader)
        except psycopg.OperationalError as error:
            raise LogUnavailable(f"the log cannot be reached: {error}") from None

    async def _ask(self, question: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Ask the database something that may be asked twice, as every read may: after a restart of the server the pool
        still holds connections that nobody serves."""
        for again in (True, False):
            try:
                async with self.pool.connection() as connection:
                    return await question(connection)
            except psycopg.OperationalError as error:  # the pool's time-out included
                if not again or isinstance(error, PoolTimeout):
                    raise LogUnavailable(f"the log cannot be reached: {error}") from None
                await self.pool.check()
        raise AssertionError("unreachable")
