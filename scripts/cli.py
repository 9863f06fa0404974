"""The `bitacora` command line: every process of the system and every tool of its operators."""

import sys

import click

import settings
from scripts.audit import audit
from scripts.log import log


@click.group()
def bitacora() -> None:
    """An event-sourced CQRS backend for sales organisations."""


bitacora.add_command(audit)
bitacora.add_command(log)


def main() -> None:
    try:
        bitacora()
    except settings.MissingSetting as error:
        sys.exit(f"bitacora: {error}")


if __name__ == "__main__":
    main()
