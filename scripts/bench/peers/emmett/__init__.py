"""Emmett's PostgreSQL event store (npm), where node is at hand: its packages are installed when it is asked for."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
LOCK = HERE / "package-lock.json"
INSTALLED = HERE / "node_modules" / ".lock-digest"
INSTALL_SECONDS = 300


class Unavailable(Exception):
    """It cannot take part; the message says why and what to do."""


def command() -> list[str]:
    """The command that starts it, but for its arguments. Raises `Unavailable`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Unavailable("node and npm are not on the PATH: install Node.js 20 or newer to have it measured")
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not INSTALLED.exists() or INSTALLED.read_text() != digest:
        _install(npm)
        INSTALLED.write_text(digest)
    return [node, str(HERE / "member.mjs")]


def versions() -> dict[str, str]:
    """What was measured, by name."""
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"emmett-postgresql": wanted["@event-driven-io/emmett-postgresql"], "node": node.removeprefix("v")}


def _install(npm: str) -> None:
    wanted = [npm, "ci", "--prefix", str(HERE), "--no-audit", "--no-fund", "--loglevel", "error"]
    try:
        done = subprocess.run(wanted, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"`npm ci` in {HERE} did not work: {error}") from None
    if done.returncode:
        raise Unavailable(f"`npm ci` in {HERE} failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
