"""The processes of a running system, each a command."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from tempfile import TemporaryDirectory

import click

import logs
import projections
import settings
from eventstore import schema
from eventstore.connect import connect
from eventstore.log import Log, head
from eventstore.mapper import Mapper
from eventstore.sealing import Vault
from projections import projector as projectors
from projections import rebuild
from workers import clock as clocks
from workers import feed as feeds
from workers import sending as senders


@click.command()
def migrate() -> None:
    """Bring the database up to this version."""
    loaded = settings.load()
    for name in schema.migrate(loaded.database_url):
        click.echo(f"applied {name}")
    with connect(loaded.database_url, "migrate") as connection:
        if head(connection) == 0:  # an empty log: every view is built at once, nobody has to wait for it
            rebuild.build_unbuilt(loaded.database_url, _log(loaded), projections.VIEWS)


@click.command()
def projector() -> None:
    """Keep the views. A second one stands by until the first is gone."""
    loaded, stop = _begin()
    projectors.run(loaded.database_url, _log(loaded), projections.VIEWS, ready=loaded.announce_ready, stop=stop)


@click.command()
def feed() -> None:
    """Turn events into jobs."""
    loaded, stop = _begin()
    feeds.run(loaded, _log(loaded), ready=loaded.announce_ready, stop=stop)


@click.command()
def clock() -> None:
    """Look every second at what is due."""
    loaded, stop = _begin()
    clocks.run(loaded, ready=loaded.announce_ready, stop=stop)


@click.command()
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 64))
@click.option("--threads", default=8, show_default=True, type=click.IntRange(1, 64))
def worker(processes: int, threads: int) -> None:
    """Do the jobs."""
    settings.load()  # a missing setting is said here, in one line
    command = ["-m", "dramatiq", "workers.tasks", "--processes", str(processes), "--threads", str(threads)]
    os.execv(sys.executable, [sys.executable, *command])


@click.command()
def sender() -> None:
    """Send what is going out over WhatsApp. Any number of them work side by side."""
    loaded, stop = _begin()
    senders.run(loaded, ready=loaded.announce_ready, stop=stop)


@click.command()
@click.option("--only", default="", help="Serve one frontend, at the root.")
@click.option("--port", type=int, help="Another port than BITACORA_PORT.")
def serve(only: str, port: int | None) -> None:
    """Serve the API."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces

    if only:
        os.environ["BITACORA_ONLY"] = only
    loaded = settings.load()
    logs.configure(loaded.log_level)
    server = Granian(
        "api.app:create",
        factory=True,
        interface=Interfaces.ASGI,
        address=loaded.host,
        port=port or loaded.port,
        workers=loaded.api_processes,
        http=HTTPModes.http1,
        websockets=True,
        log_enabled=False,
        respawn_failed_workers=True,
        workers_kill_timeout=8,
    )
    with ExitStack() as opened:
        if loaded.api_processes > 1:  # where they count together, see `api/metrics.py`
            folder = TemporaryDirectory(prefix="bitacora-metrics-")
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = opened.enter_context(folder)
        server.serve()


def _begin() -> tuple[settings.Settings, Callable[[], bool]]:
    """Settings, logs, and a question that is answered yes once SIGTERM or SIGINT came."""
    loaded = settings.load()
    logs.configure(loaded.log_level)
    stopping = False

    def remember(*_: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, remember)
    signal.signal(signal.SIGINT, remember)
    return loaded, lambda: stopping


def _log(loaded: settings.Settings) -> Log:
    return Log(Mapper(), Vault(loaded.master_key))


COMMANDS = (migrate, projector, feed, clock, worker, sender, serve)
