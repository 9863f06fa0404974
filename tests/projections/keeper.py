"""A projector in a process of its own, for tests that kill it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from eventstore.mapper import Recorded
from projections import projector
from projections.view import Statement
from tests.support.store import a_log
from tests.support.views import lasts, tallies, tally

GATE = 1
HELD = "select pg_advisory_xact_lock_shared(%s)"


def held_up(recorded: Recorded) -> Iterable[Statement]:
    """Every tenth event of a stream waits for whoever holds the gate."""
    yield from tally(recorded)
    if recorded.version % 10 == 0:
        yield HELD, (GATE,)


def keep(database_url: str) -> None:
    """Keep the views of these tests until killed; says so when it is ready."""
    logging.basicConfig(level="CRITICAL")
    views = [tallies(held_up), lasts()]
    projector.run(database_url, a_log(), views, ready=lambda: print("ready", flush=True), stop=lambda: False)
