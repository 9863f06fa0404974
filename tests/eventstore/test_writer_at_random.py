"""Commands that share flushes at random fare as if one came after the other."""

from __future__ import annotations

import asyncio

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventstore.commit import (
    Commit,
    Committed,
    Part,
    Record,
)
from eventstore.writer import Writer
from tests.support.store import META, streams, together

STREAMS = ("a", "b", "c")
KEYS = (None, None, "k1", "k2")


@st.composite
def batches(draw: st.DrawFn) -> list[list[Commit]]:
    """Commits that arrive together, batch after batch, near the versions that their streams might have."""
    drawn: list[list[Commit]] = []
    for _ in range(draw(st.integers(1, 4))):
        batch = []
        for _ in range(draw(st.integers(1, 6))):
            names = draw(st.lists(st.sampled_from(STREAMS), min_size=1, max_size=2, unique=True))
            parts = [
                Part(name, draw(st.integers(0, 4)), [Record("Noted", b"{}")] * draw(st.integers(0, 2)))
                for name in names
            ]
            batch.append(Commit(parts, META, draw(st.sampled_from(KEYS)), draw(st.sampled_from(("f", "g")))))
        drawn.append(batch)
    return drawn


class Naive:
    """What the log would be if one command came after the other."""

    def __init__(self) -> None:
        self.versions: dict[str, int] = {}
        self.keys: dict[str, str] = {}

    def append(self, one: Commit) -> str:
        """What becomes of it."""
        if one.key is not None and one.key in self.keys:
            return "replayed" if self.keys[one.key] == one.fingerprint else "KeyReused"
        if any(self.versions.get(part.stream, 0) != part.expected for part in one.parts):
            return "VersionConflict"
        for part in one.parts:
            self.versions[part.stream] = part.expected + len(part.records)
        if one.key is not None:
            self.keys[one.key] = one.fingerprint
        return "stored"


def told(outcome: Committed | BaseException) -> str:
    if isinstance(outcome, Committed):
        return "replayed" if outcome.replayed else "stored"
    return type(outcome).__name__


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches())
def test_commands_in_shared_flushes_fare_as_if_one_came_after_the_other(
    database_url: str, batches: list[list[Commit]]
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("truncate events, accepted_commands")
    naive = Naive()

    async def story() -> None:
        async with Writer(database_url) as store:
            for batch in batches:
                expected = [naive.append(one) for one in batch]
                assert [told(outcome) for outcome in await together(store, batch)] == expected

    asyncio.run(story())
    everything = streams(database_url)
    assert [position for position, _, _ in everything] == list(range(1, len(everything) + 1))
    stored: dict[str, int] = {}
    for _, stream, version in everything:
        assert version == stored.get(stream, 0) + 1
        stored[stream] = version
    assert stored == {stream: version for stream, version in naive.versions.items() if version}
