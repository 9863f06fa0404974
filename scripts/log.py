"""`bitacora log`: look at the log as it is stored. Personal data stays sealed."""

from __future__ import annotations

import re

import click
import msgspec
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from eventstore import chain, history
from eventstore.chain import Row
from scripts.reading import DatabaseGroup, database, database_url

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
"""What a terminal could take for a command. Written as JSON would write it."""


@click.group("log", cls=DatabaseGroup)
@database
@click.pass_context
def log(context: click.Context, database: str | None) -> None:
    """Show a stream's history, or the newest events."""
    context.obj = database


@log.command()
@click.argument("stream")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def show(context: click.Context, stream: str, as_json: bool) -> None:
    """The history of one stream, oldest event first."""
    console = Console(soft_wrap=True)
    count = 0
    for row in history.history(database_url(context), stream):
        count += 1
        if as_json:
            click.echo(as_line(row))
        else:
            console.print(title(row, row[1] if count == 1 else ""))
            console.print(JSONHighlighter()(plain(msgspec.json.format(row[5], indent=2))), end="\n\n")
    if not count:
        raise click.ClickException(f"There is no stream {stream!r}. The newest ones: bitacora log tail")


@log.command()
@click.option("-n", "count", type=click.IntRange(min=0), default=10, show_default=True, help="How many events.")
@click.option("--follow", is_flag=True, help="Go on with every event that is appended.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def tail(context: click.Context, count: int, follow: bool, as_json: bool) -> None:
    """The newest events, the newest last."""
    console = Console(soft_wrap=True)
    read = history.follow if follow else history.tail
    try:
        for row in read(database_url(context), count):
            if as_json:
                click.echo(as_line(row))
            else:
                console.print(title(row, row[1]))
    except KeyboardInterrupt:  # the way to end --follow
        pass


def title(row: Row, stream: str) -> Text:
    """The event in one line; the stream only where it is asked for."""
    position, _, version, name, recorded, _, meta, _ = row
    at = chain.moment(recorded).replace("T", " ")
    parts = [
        (f"{position:>8}", "dim"),
        (at, "green"),
        (stream, "cyan"),
        (f"v{version}", ""),
        (name, "bold"),
        (f"by {who(meta)}", "dim"),
    ]
    return Text("  ").join(Text(plain(text), style) for text, style in parts if text)


def who(meta: str) -> str:
    """Who did it, as far as the metadata says."""
    try:
        about = msgspec.json.decode(meta)
    except msgspec.DecodeError:  # such as half a surrogate pair, which is JSON and yet no text
        return "-"
    by = about.get("by") if isinstance(about, dict) else None
    return str(by) if by is not None else "-"


def as_line(row: Row) -> bytes:
    """The event as one line of JSON, with `data` and `meta` as objects."""
    position, stream, version, name, recorded, data, meta, digest = row
    return msgspec.json.encode(
        {
            "position": position,
            "stream": stream,
            "version": version,
            "name": name,
            "recorded_at": chain.moment(recorded),
            "data": msgspec.Raw(msgspec.json.format(data.encode(), indent=-1)),
            "meta": msgspec.Raw(msgspec.json.format(meta.encode(), indent=-1)),
            "hash": digest.hex(),
        }
    )


def plain(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return CONTROL.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
