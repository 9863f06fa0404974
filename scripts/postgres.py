"""PostgreSQL as a child of this process, from the programs in the wheel.

It listens on a Unix socket in a directory closed to other accounts and nowhere else, so there is no port to clash and
no password to keep.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from scripts.account import Account
from scripts.binaries import Binaries
from scripts.errors import Stop
from scripts.process import Child, children_of, reason, runs, wait_until

USER = "bitacora"
LONGEST_SOCKET_PATH = 100
DURABLE = {
    "shared_buffers": "128MB",
    "max_connections": "200",
    "shared_preload_libraries": "pg_stat_statements",
}
THROWAWAY = {**DURABLE, "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For data that may be lost when the machine goes down, as that of a test may."""


BEGUN = ".begun-"
"""Stands in the name of a directory in which a cluster is being made."""


def begun_in(data: Path) -> list[Path]:
    """Where the making of this cluster was begun, and not finished."""
    return [*data.parent.glob(f"{data.name}{BEGUN}*"), *([data] if data.exists() else [])]


def pid_file(data: Path) -> list[str]:
    """What a server says about itself."""
    try:
        return (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def end_leftover(data: Path) -> None:
    """Stop the server of an earlier run that was killed, where the kernel does not, or has not done so yet."""
    lines = pid_file(data)
    if not lines or not runs(int(lines[0]), str(data)):
        return
    with suppress(ProcessLookupError):
        os.kill(int(lines[0]), signal.SIGINT)
    deadline = time.monotonic() + 20
    while runs(int(lines[0]), str(data)):
        if time.monotonic() > deadline:
            raise Stop(f"A PostgreSQL of an earlier run does not end: kill process {lines[0]} and start again.")
        time.sleep(0.02)


class Postgres:
    """A PostgreSQL cluster: made on first start, then started and stopped at will."""

    def __init__(
        self,
        binaries: Binaries,
        *,
        data: Path,
        sockets: Path,
        log: Path,
        account: Account,
        settings: Mapping[str, str] = DURABLE,
    ) -> None:
        self.binaries = binaries
        self.data = data
        self.sockets = sockets
        self.account = account
        self.settings = dict(settings)
        self.log = log
        self.child = self.command("postgres", [str(binaries.postgres), "-D", str(data), *self.arguments()])

    def url(self, database: str = USER) -> str:
        """The address of one of its databases."""
        return f"postgresql://{USER}@/{database}?host={self.sockets}"

    def command(self, name: str, command: list[str]) -> Child:
        """A child in the servers' account, with a fixed locale and time zone instead of inherited ones."""
        env = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
        home = self.data.parent
        # SIGINT asks PostgreSQL for a fast shutdown: connections are cut, nothing is lost.
        return Child(
            name, command, log=self.log, env=env, directory=home, account=self.account, stop_signal=signal.SIGINT
        )

    def arguments(self) -> list[str]:
        """The settings of this cluster, as options of the server."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            **self.settings,
        }
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def initialise(self) -> None:
        """Make the cluster, unless it exists: beside its place, and moved there when it is done. What a killed run
        began is nobody's cluster, and its initdb may be at it for another moment."""
        if (self.data / "PG_VERSION").exists():
            owner = self.data.stat().st_uid
            if owner != self.account.uid:
                raise Stop(f"The data in {self.data} belongs to user {owner}: start as that user, or with --fresh.")
            return
        for begun in begun_in(self.data):
            shutil.rmtree(begun, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=f"{self.data.name}{BEGUN}", dir=self.data.parent))
        self.account.own(made)
        # The C locale for messages and order, but a UTF-8 one for letters: without it trigram search loses accents.
        letters = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
        command = [str(self.binaries.initdb), "-D", str(made), "-U", USER, "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C", f"--lc-ctype={letters}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if self.settings.get("fsync") == "off":
            command.append("--no-sync")
        initdb = self.command("initdb", command)
        initdb.start()
        try:
            wait_until(lambda: initdb.exit_code is not None, 60, initdb)
        finally:
            initdb.kill()
        if initdb.exit_code != 0:
            raise Stop(f"initdb failed ({reason(initdb)}): see {self.log}.")
        made.rename(self.data)

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        if len(str(self.sockets)) > LONGEST_SOCKET_PATH - len("/.s.PGSQL.5432"):
            raise Stop(f"The path {self.sockets} is too long for a socket: choose a shorter state directory.")
        self.initialise()
        end_leftover(self.data)
        self.child.start()
        wait_until(self.is_ready, 60, self.child)

    def ensure_database(self) -> str:
        """The address of the database of the system, made when it is not there."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [USER]).fetchone() is None:
                connection.execute(SQL("CREATE DATABASE {}").format(Identifier(USER)))
        return self.url()

    def is_ready(self) -> bool:
        """PostgreSQL says so itself, on the eighth line of its pid file."""
        lines = pid_file(self.data)
        return len(lines) >= 8 and lines[0] == str(self.child.pid) and lines[7].strip() == "ready"

    def stop(self) -> bool:
        """Shut it down. False when it had to be killed."""
        return self.child.stop()

    def kill(self) -> None:
        """End it as a power cut would: the server and every process of its own, at once."""
        family = [self.child.pid, *children_of(self.child.pid)]
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.child.kill()
        deadline = time.monotonic() + 10
        while any(runs(pid, "postgres") for pid in family) and time.monotonic() < deadline:
            time.sleep(0.005)

    def restart(self) -> None:
        """Stop it and start it again on the same data."""
        self.stop()
        self.start()
