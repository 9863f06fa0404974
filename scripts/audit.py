"""`bitacora audit`: prove that the log is what was written, and hand it to somebody who wants to prove it alone."""

from __future__ import annotations

from typing import Any, BinaryIO

import click

from eventstore import audit as log
from eventstore.chain import Head
from eventstore.export import NoSuchStream, export
from scripts.bar import bar
from scripts.reading import DatabaseGroup, database, database_url


class HeadType(click.ParamType):
    """POSITION:HASH."""

    name = "POSITION:HASH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        try:
            return value if isinstance(value, Head) else Head.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


POSITION = click.IntRange(min=1)


@click.group(cls=DatabaseGroup)
@database
@click.pass_context
def audit(context: click.Context, database: str | None) -> None:
    """Verify the log, publish its head, export it."""
    context.obj = database


@audit.command()
@click.option("--head", "heads", type=HeadType(), multiple=True, help="A head kept elsewhere that must be found again.")
@click.option("--from", "first", type=POSITION, default=1, help="Take the events before this position as good.")
@click.pass_context
def verify(context: click.Context, heads: tuple[Head, ...], first: int) -> None:
    """Recompute the hash chain over the whole log.

    Prints the head and ends with 0 when all is well; prints the first fault and ends with 1 when it is not.
    """
    try:
        with bar("verified") as progress:
            found = log.verify(database_url(context), first=first, heads=heads, progress=progress)
    except log.Fault as fault:
        raise click.ClickException(f"The log is not what was written: {fault}.") from None
    click.echo(f"All is well. Events verified: {found.events:,}; heads compared: {found.compared}.", err=True)
    if not found.compared:
        click.echo("With no head to compare, a cut tail would not show. Publish one: bitacora audit publish", err=True)
    click.echo(str(found.head))


@audit.command()
@click.pass_context
def publish(context: click.Context) -> None:
    """Store the head of the log and print it as POSITION:HASH, for an auditor to keep elsewhere."""
    try:
        click.echo(str(log.publish(database_url(context))))
    except log.Fault as fault:
        raise click.ClickException(f"The log is not what was written: {fault}.") from None
    except log.NothingToPublish as error:
        raise click.ClickException(str(error)) from None


@audit.command("export")
@click.option("--from", "first", type=POSITION, default=1, help="The first position.")
@click.option("--to", "last", type=POSITION, help="The last position.")
@click.option("--stream", help="Only this stream. Such an export cannot be verified, and says so in its first line.")
@click.option("--output", type=click.File("wb"), default="-", help="The file to write; by default the standard output.")
@click.pass_context
def export_command(context: click.Context, first: int, last: int | None, stream: str | None, output: BinaryIO) -> None:
    """Write the log as lines of JSON, which verify_export.py checks without this product."""
    if last is not None and last < first:
        raise click.BadParameter(f"{last} is before the first position, {first}.", param_hint="--to")
    try:
        with bar("exported") as progress:
            for lines in export(database_url(context), first=first, last=last, stream=stream, progress=progress):
                output.write(lines)
    except log.Fault as fault:
        raise click.ClickException(f"{fault}.") from None
    except NoSuchStream as error:
        raise click.ClickException(str(error)) from None
