"""Looking after the views: how far they are, building them anew, resuming what was parked."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

import projections
import settings
from eventstore.connect import connect
from eventstore.log import Log
from eventstore.mapper import Mapper
from eventstore.sealing import Vault
from projections import rebuild as rebuilding
from projections import status
from projections import view as viewing
from projections.view import View


@click.group(invoke_without_command=True)
@click.pass_context
def views(ctx: click.Context) -> None:
    """How far the views are behind the log, in events and seconds."""
    if ctx.invoked_subcommand:
        return
    with connect(settings.load().database_url, "views") as connection:
        found = status.of(connection, projections.VIEWS)
    table = Table(
        "view", "version", "state", "parked", title=f"{found.lag_events} events, {found.lag_seconds:.1f} s behind"
    )
    for view in found.views:
        table.add_row(view.name, str(view.version), view.state, str(view.parked))
    console = Console()
    console.print(table)
    for parked in found.parked:
        console.print(f"parked: {parked.stream} in {parked.view} at {parked.position}: {parked.error}", markup=False)


@views.command()
@click.argument("view")
@click.argument("stream")
def resume(view: str, stream: str) -> None:
    """Give a parked STREAM back to its VIEW, from where it was left out."""
    loaded = settings.load()
    with connect(loaded.database_url, "resume") as connection:
        try:
            count = rebuilding.resume(connection, Log(Mapper(), Vault(loaded.master_key)), _named(view), stream)
        except rebuilding.NotParked as error:
            sys.exit(f"bitacora: {error}; `bitacora views` lists what is.")
    click.echo(f"{count} events of {stream} applied to {view}")


@click.command()
@click.argument("names", nargs=-1)
def rebuild(names: tuple[str, ...]) -> None:
    """Build views anew, beside the live ones, and switch; all of them when no NAMES are given."""
    chosen = [_named(name) for name in names] or list(projections.VIEWS)
    loaded = settings.load()
    log = Log(Mapper(), Vault(loaded.master_key))
    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with connect(loaded.database_url, "rebuild") as connection, Progress(*columns) as progress:
        for view in chosen:
            task = progress.add_task(viewing.name(view), total=None)
            rebuilding.build(
                connection, log, view, lambda done, total, task=task: progress.update(task, completed=done, total=total)
            )
            progress.update(task, description=f"{viewing.name(view)} ✓")


def _named(name: str) -> View:
    for view in projections.VIEWS:
        if viewing.name(view) == name:
            return view
    names = ", ".join(sorted(viewing.name(view) for view in projections.VIEWS))
    sys.exit(f"bitacora: there is no view {name!r}; there are: {names}.")
