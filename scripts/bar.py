"""How far a long command has come: a bar on a terminal, a plain line now and then where the output is kept.

It writes to the standard error, so that what the command answers can be piped on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

SECONDS_BETWEEN_LINES = 5.0

Report = Callable[[int, int], None]
"""Called with how many are done, and of how many."""


class Speed(ProgressColumn):
    """How many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} {self.unit}/s" if task.speed else "")


@contextmanager
def bar(what: str, unit: str = "events") -> Iterator[Report]:
    """Show the progress of `what` ("verified", "exported") while the block runs."""
    if not sys.stderr.isatty():
        yield _lines(what, unit)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(unit), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _lines(what: str, unit: str) -> Report:
    began = written = time.monotonic()

    def report(done: int, total: int) -> None:
        nonlocal written
        now = time.monotonic()
        if now - written < SECONDS_BETWEEN_LINES:
            return
        written = now
        speed = done / (now - began)
        left = f", {(total - done) / speed:,.0f} s left" if speed else ""
        print(f"{what} {done:,} of {total:,} {unit}, {speed:,.0f} {unit}/s{left}", file=sys.stderr, flush=True)

    return report
