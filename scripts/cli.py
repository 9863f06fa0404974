"""The `bitacora` command line: every process of the system and every tool of its operators."""

import sys

import click

import settings
from scripts.audit import audit
from scripts.bench.command import bench
from scripts.log import log
from scripts.processes import COMMANDS
from scripts.prove.command import prove
from scripts.simulator.command import simulator
from scripts.views import rebuild, views


@click.group()
def bitacora() -> None:
    """An event-sourced CQRS backend for sales organisations."""


for command in COMMANDS:
    bitacora.add_command(command)
bitacora.add_command(views)
bitacora.add_command(rebuild)
bitacora.add_command(audit)
bitacora.add_command(log)
bitacora.add_command(bench)
bitacora.add_command(simulator)
bitacora.add_command(prove)


@bitacora.command()
def seed() -> None:
    """Fill in the demo world, in development."""
    from scripts import demo

    loaded = settings.load()
    if loaded.environment != "development":
        sys.exit("bitacora: the demo world is for development only; scripts/up fills it in.")
    click.echo("the demo world is made" if demo.run(loaded) else "the demo world is there")


def main() -> None:
    try:
        bitacora()
    except settings.MissingSetting as error:
        sys.exit(f"bitacora: {error}")


if __name__ == "__main__":
    main()
