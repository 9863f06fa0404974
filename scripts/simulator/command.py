"""The command itself: which address, which file, whom to tell."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from urllib.parse import urlsplit

import click
import uvloop

import logs
import settings
from scripts.simulator.book import Book
from scripts.simulator.dialect import Dialect
from scripts.simulator.faults import Chance
from scripts.simulator.reports import Reports
from scripts.simulator.server import serve

logger = logging.getLogger(__name__)

URL = "http://127.0.0.1:3000"


@click.command()
@click.option("--url", envvar="BITACORA_WHATSAPP_URL", default=URL, show_default=True, help="Where it listens.")
@click.option(
    "--file", type=click.Path(path_type=Path), help="What it keeps; beside the data of scripts/up by default."
)
@click.option("--webhook", metavar="URL", help="Whom it tells; the API of this machine by default.")
@click.option("--key", envvar="BITACORA_WHATSAPP_KEY", default="", help="Asked of every caller as X-Api-Key.")
@click.option("--secret", envvar="BITACORA_WHATSAPP_WEBHOOK_SECRET", default="", help="Signs what it tells.")
@click.option("--seed", type=int, help="Makes its choices the same again.")
def simulator(url: str, file: Path | None, webhook: str | None, key: str, secret: str, seed: int | None) -> None:
    """WhatsApp for development: speaks WAHA's dialect, keeps every message, sends none."""
    logs.configure(os.environ.get("BITACORA_LOG_LEVEL") or "info")
    webhook = webhook or f"http://{_api()}/webhooks/whatsapp"
    book = Book(file or settings.run_file().parent / "whatsapp" / "book.db")
    uvloop.run(_run(url, book, webhook, key, secret, seed))


async def _run(url: str, book: Book, webhook: str, key: str, secret: str, seed: int | None) -> None:
    address = urlsplit(url)
    chance = Chance(seed)
    reports = Reports(book, chance, webhook, secret)
    dialect = Dialect(book, reports, chance, key)
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    server = await serve(dialect.answer, address.hostname or "127.0.0.1", address.port or 3000)
    telling = asyncio.create_task(reports.run(lambda: dialect.faults))
    logger.info("the WhatsApp simulator is at %s/simulator", url)
    _announce_ready()
    await stop.wait()
    telling.cancel()
    server.close()
    await reports.close()
    book.close()


def _api() -> str:
    """Where the API of this machine listens."""
    host = os.environ.get("BITACORA_HOST") or "127.0.0.1"
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else host
    return f"{f'[{host}]' if ':' in host else host}:{os.environ.get('BITACORA_PORT') or 8000}"


def _announce_ready() -> None:
    """Say so to whoever started this process. It reads no settings: it needs neither database nor keys."""
    if ready := os.environ.get("BITACORA_READY_FILE"):
        Path(ready).touch()
