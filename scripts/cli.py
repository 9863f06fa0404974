"""The `bitacora` command line: every process of the system and every tool of its operators."""

import sys

import click

import settings


@click.group()
def bitacora() -> None:
    """An event-sourced CQRS backend for sales organisations."""


def main() -> None:
    try:
        bitacora()
    except settings.MissingSetting as error:
        sys.exit(f"bitacora: {error}")


if __name__ == "__main__":
    main()
