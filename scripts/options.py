"""What `scripts/up` can be asked for. Standard library only: it answers `--help` before anything is installed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass

DESCRIPTION = """\
Start PostgreSQL, Valkey and every process of the system, and keep them running until Ctrl-C.
The data stays between runs."""

EPILOG = """\
environment:
  DATABASE_URL, REDIS_URL   use these servers instead of starting some
  BITACORA_STATE            keep data, logs and keys here instead of in .bitacora
"""


@dataclass(frozen=True)
class Options:
    """The choices of one run."""

    port: int
    fresh: bool
    exit_when_ready: bool


def parse(arguments: Sequence[str]) -> Options:
    """Read the command line; help and mistakes end the process here."""
    parser = argparse.ArgumentParser(
        "scripts/up", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=port, default=os.environ.get("BITACORA_PORT") or "8000", help="default: 8000")
    parser.add_argument("--fresh", action="store_true", help="throw the data of earlier runs away first")
    parser.add_argument("--exit-when-ready", action="store_true", help="start, check that all is ready, stop")
    return Options(**vars(parser.parse_args(arguments)))


def port(text: str) -> int:
    """A TCP port."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port: choose one from 1 to 65535")
    return int(text)
