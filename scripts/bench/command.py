"""The command itself: which rows, how long, where the figures go."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol, cast

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from scripts.bench import report
from scripts.bench.measure import Plan, Reading, Round, Tick, Verdict
from scripts.bench.report import Part
from scripts.bench.stage import Stage, stage
from scripts.errors import Stop

ROWS = ("append", "project", "execute", "http_command", "http_read", "push", "growth", "footprint")
NEEDED = ("asyncpg", "fastapi", "sqlalchemy", "uvicorn", "websockets")


class Row(Protocol):
    """A module of this package that measures one row of the table."""

    TITLE: str
    UNIT: str
    REFERENCE: str
    """The contender that the others are compared with, `measure.FIRST` for the first of each case, empty for none."""

    def total(self, plan: Plan) -> int:
        """How many measurements it makes."""
        ...

    def rounds(self, stage: Stage, plan: Plan, tick: Tick) -> Iterator[Round | Reading]:
        """Make them. `tick` is called after each."""
        ...

    def verdicts(self, found: Sequence[Round]) -> list[Verdict]:
        """Its bars."""
        ...


@click.command()
@click.argument("rows", nargs=-1, type=click.Choice(ROWS))
@click.option("--only", multiple=True, type=click.Choice(ROWS), help="The same as naming a row; may be repeated.")
@click.option("--quick", is_flag=True, help="Fewer rounds of less: to see that it works, not to compare.")
@click.option("--rounds", type=click.IntRange(1, 100), help="How many rounds; 5 unless --quick.")
@click.option(
    "--seconds",
    default=0.3,
    show_default=True,
    type=click.FloatRange(0.05, 60),
    help="How long each measurement takes.",
)
@click.option(
    "--json", "path", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Keep all figures."
)
@click.option("--check", is_flag=True, help="Exit with 1 when a bar is missed.")
def bench(
    rows: tuple[str, ...],
    only: tuple[str, ...],
    quick: bool,
    rounds: int | None,
    seconds: float,
    path: Path | None,
    check: bool,
) -> None:
    """Measure this product beside what a user would pick instead, in interleaved rounds, on servers of its own.

    ROWS are the rows of the table to measure, all of them when none is named.
    """
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        sys.exit(f"bitacora: the benchmark needs {', '.join(missing)}: install the group with `uv sync --group bench`.")
    plan = Plan(rounds=rounds or (2 if quick else 5), seconds=seconds, quick=quick)
    chosen = [name for name in ROWS if not (rows or only) or name in {*rows, *only}]
    console = Console(width=None if sys.stdout.isatty() else 160)
    try:
        made = run(plan, chosen)
    except Stop as stop:
        sys.exit(f"bitacora: {stop}")
    report.show(made, console)
    if path:
        report.write(made, path)
    if check and made.missed:
        sys.exit(1)


def run(plan: Plan, names: Sequence[str]) -> report.Report:
    """Measure the rows, one after the other."""
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    parts: list[Part] = []
    with stage() as set_up, Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        tasks = {name: progress.add_task(name, total=row(name).total(plan), start=False) for name in names}
        for name in names:
            progress.start_task(tasks[name])
            parts.append(measured(name, set_up, plan, lambda name=name: progress.advance(tasks[name])))
            progress.update(tasks[name], completed=row(name).total(plan))  # also where a peer could not take part
            set_up.settle()
        return report.new(plan, set_up.settings(), parts, set_up.notes)


def measured(name: str, set_up: Stage, plan: Plan, tick: Callable[[], None]) -> Part:
    """One row."""
    this = row(name)
    found = list(this.rounds(set_up, plan, tick))
    rounds = [one for one in found if isinstance(one, Round)]
    return Part(
        name=name,
        title=this.TITLE,
        unit=this.UNIT,
        reference=this.REFERENCE,
        rounds=rounds,
        readings=[one for one in found if isinstance(one, Reading)],
        verdicts=this.verdicts(rounds),
    )


def row(name: str) -> Row:
    """The module of a row; only what is measured is imported."""
    return cast("Row", import_module(f"scripts.bench.{name}"))
