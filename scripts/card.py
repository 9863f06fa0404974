"""The card that `scripts/up` shows when everything is ready: where things are and how to get in and out."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from rich.box import ROUNDED
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scripts.state import State

TITLE = "Bitácora is running"


def show(address: str, state: State, seconds: float, simulator: str | None = None) -> None:
    """Print the card: drawn on a terminal, plain lines elsewhere."""
    console = Console(highlight=False)
    places = [
        ("API and its documentation", f"{address}/"),
        ("Back office", f"{address}/office/console"),
        ("Command line", f"{beside_python('bitacora')} --help"),
        ("Logs", near(state.logs)),
        ("Mail that was sent", near(state.mail)),
        *([("WhatsApp, simulated", f"{simulator}/simulator")] if simulator else []),
        ("Stop", "Ctrl-C: the data stays, `scripts/up --fresh` starts over"),
    ]
    if console.is_terminal:
        console.print()
        console.print(drawn(places, logins(), seconds))
    else:
        print("\n".join(plain(places, logins(), seconds)), flush=True)


def logins() -> tuple[tuple[str, str, str], ...]:
    """Who can enter the demo world: name or role, e-mail or username, password."""
    if find_spec("scripts.demo") is None:
        return ()
    return import_module("scripts.demo").LOGINS


def plain(places: list[tuple[str, str]], people: tuple[tuple[str, str, str], ...], seconds: float) -> list[str]:
    """The card as lines of text."""
    width = max(len(label) for label, _ in places)
    lines = [f"{TITLE} (ready in {seconds:.1f} s)", *(f"  {label:<{width}}  {value}" for label, value in places)]
    if people:
        columns = [max(len(person[column]) for person in people) for column in range(3)]
        lines.append("  Demo logins (who, e-mail or username, password)")
        lines += ["    " + "  ".join(f"{part:<{columns[i]}}" for i, part in enumerate(row)).rstrip() for row in people]
    return lines


def drawn(places: list[tuple[str, str]], people: tuple[tuple[str, str, str], ...], seconds: float) -> Panel:
    """The card as a panel."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim")
    for label, value in places:
        rows.add_row(label, Text(value, style="bold cyan" if value.startswith("http") else ""))
    parts: list[Table | Text] = [rows]
    if people:
        entries = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for heading in ("Demo login", "Sign in as", "Password"):
            entries.add_column(heading)
        for who, mail, password in people:
            entries.add_row(who, Text(mail, style="cyan"), password)
        parts += [Text(), entries]
    return Panel(
        Group(*parts),
        box=ROUNDED,
        border_style="green",
        title=Text(TITLE, style="bold green"),
        subtitle=Text(f"ready in {seconds:.1f} s", style="dim"),
        padding=(1, 2),
        expand=False,
    )


def beside_python(name: str) -> str:
    """A command of this environment, as one would type it here."""
    return near(Path(sys.executable).with_name(name))


def near(path: Path) -> str:
    """A path as seen from where we are, when it is below."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
