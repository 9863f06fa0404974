"""What the commands that read the log share: which database they read, and its errors as one line."""

from __future__ import annotations

from typing import Any

import click
import psycopg

import settings


class DatabaseGroup(click.Group):
    """A group of commands that turns an error of the database into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except psycopg.errors.UndefinedTable:
            raise click.ClickException("This database holds no log.") from None
        except psycopg.Error as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise click.ClickException(f"The database cannot be read: {reason}") from None


database = click.option(
    "--database",
    metavar="URL",
    help="Read this database instead of the one in the settings: a replica, a restored backup.",
)
"""For a group; it keeps the answer as the context's object, for `database_url`."""


def database_url(context: click.Context) -> str:
    """The database asked for, or that of the settings. Raises `settings.MissingSetting`."""
    return context.obj or settings.load().database_url
