"""A projector in a process of its own, for tests that kill it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from eventstore.mapper import Recorded
from projections import projector
from projections.view import Statement
from tests.support.store import a_log
from tests.support.views import SLEEP, lasts, tallies, tally


def slowly(recorded: Recorded) -> Iterable[Statement]:
    """A millisecond for each event, in its midst."""
    yield from tally(recorded)
    yield SLEEP, (0.003,)


def keep(database_url: str) -> None:
    """Keep the views of these tests until killed; says so when it is ready."""
    logging.basicConfig(level="CRITICAL")
    views = [tallies(slowly), lasts()]
    projector.run(database_url, a_log(), views, ready=lambda: print("ready", flush=True), stop=lambda: False)
