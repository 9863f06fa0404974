"""Figures as people read them (a table per row with ratios) and as programs do (JSON with every round)."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from scripts.bench import measure
from scripts.bench.measure import Plan, Reading, Round, Verdict

CPU = ("client µs", "server µs", "database µs")


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the benchmark with everything measured for it."""

    name: str
    title: str
    unit: str
    reference: str
    rounds: list[Round]
    readings: list[Reading] = []
    verdicts: list[Verdict]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run."""

    made_at: datetime
    plan: Plan
    settings: Mapping[str, str]
    parts: list[Part]
    notes: list[str] = []

    @property
    def missed(self) -> list[Verdict]:
        """The bars that were missed."""
        return [verdict for part in self.parts for verdict in part.verdicts if verdict.met is False]


def new(plan: Plan, settings: Mapping[str, str], parts: list[Part], notes: Sequence[str] = ()) -> Report:
    """The report of a run that ended now."""
    return Report(made_at=datetime.now(UTC), plan=plan, settings=settings, parts=parts, notes=list(notes))


def write(report: Report, path: Path) -> None:
    """Keep it as JSON."""
    text = msgspec.json.format(msgspec.json.encode(report), indent=1)
    path.write_bytes(text + b"\n")


def show(report: Report, console: Console) -> None:
    """A table for each row, then the bars, then what was in force."""
    for part in report.parts:
        if part.rounds:
            console.print(table(part))
        if part.readings:
            console.print(readings(part))
    if any(part.verdicts for part in report.parts):
        console.print(bars(report))
    for note in report.notes:
        console.print(note)
    console.print(", ".join(f"{name} {value}" for name, value in report.settings.items()), style="dim")


def table(part: Part) -> Table:
    """Medians over the rounds; rates also with their lowest and highest."""
    shown = Table(title=f"{part.name}: {part.title}", title_justify="left")
    shown.add_column("case")
    shown.add_column("who")
    headings = (
        f"{part.unit}/s",
        "min",
        "max",
        "ratio",
        "p50 ms",
        "p95",
        "p99",
        "client µs",
        "server µs",
        "database µs",
    )
    for heading in headings:
        shown.add_column(heading, justify="right")
    for case in dict.fromkeys(one.case for one in part.rounds):
        everybody = list(dict.fromkeys(one.contender for one in part.rounds if one.case == case))
        reference = everybody[0] if part.reference == measure.FIRST else part.reference
        for contender in everybody:
            mine = [one for one in part.rounds if one.case == case and one.contender == contender]
            rates = [one.rate for one in mine]
            ratio = measure.ratio(part.rounds, contender, reference, case) if reference else None
            shown.add_row(
                case,
                contender,
                number(statistics.median(rates)),
                number(min(rates)),
                number(max(rates)),
                f"{ratio:.2f}x" if ratio else "",
                *(
                    number(measure.median(part.rounds, contender, case, figure))
                    for figure in ("p50", "p95", "p99", "client_cpu", "server_cpu", "database_cpu")
                ),
            )
        shown.add_section()
    return shown


def readings(part: Part) -> Table:
    """What was read off: medians with lowest and highest."""
    shown = Table(title=f"{part.name}: {part.title}", title_justify="left")
    shown.add_column("case")
    shown.add_column("who")
    for heading in ("median", "min", "max", "unit"):
        shown.add_column(heading, justify="right")
    for case in dict.fromkeys(one.case for one in part.readings):
        for contender in dict.fromkeys(one.contender for one in part.readings if one.case == case):
            mine = [one for one in part.readings if one.case == case and one.contender == contender]
            values = [one.value for one in mine]
            figures = (number(statistics.median(values)), number(min(values)), number(max(values)))
            shown.add_row(case, contender, *figures, mine[0].unit)
        shown.add_section()
    return shown


def bars(report: Report) -> Table:
    """What was aimed at, and whether it was reached."""
    shown = Table("bar", "aim", "reached", "", title="bars", title_justify="left")
    for part in report.parts:
        for verdict in part.verdicts:
            sign = "≥" if verdict.at_least else "≤"
            reached = "" if verdict.value is None else f"{verdict.value:,.2f} {verdict.unit}"
            if verdict.bar is None:  # merely of interest
                shown.add_row(verdict.what, "", reached, "reported" if reached else "not measured")
                continue
            word = {True: "[green]met[/]", False: "[red]missed[/]", None: "not measured"}[verdict.met]
            shown.add_row(verdict.what, f"{sign} {verdict.bar:g} {verdict.unit}", reached, word)
    return shown


def number(value: float | None) -> str:
    """Three digits that matter, none where there is nothing."""
    if value is None or value == 0:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
