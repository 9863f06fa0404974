"""The servers that a benchmark runs against: PostgreSQL and Valkey of its own, as durable as they are by default."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from eventstore.schema import migrate
from scripts.postgres import DURABLE
from scripts.servers import Servers

MANY = {**DURABLE, "max_connections": "500"}
"""Every contender keeps its connections while the others run."""

SHOWN = (
    "server_version", "synchronous_commit", "fsync", "full_page_writes", "wal_sync_method", "wal_level",
    "shared_buffers", "max_wal_size", "max_connections",
)  # fmt: skip
PACKAGES = (
    "eventsourcing", "psycopg", "psycopg-pool", "asyncpg", "sqlalchemy", "fastapi", "uvicorn", "litestar", "granian",
    "uvloop", "msgspec", "python-socketio",
)  # fmt: skip


class Stage:
    """Running servers and their directory."""

    def __init__(self, servers: Servers, directory: Path) -> None:
        self.servers = servers
        self.directory = directory
        self.notes: list[str] = []
        """What a reader of the figures has to know besides."""
        self.versions: dict[str, str] = {}
        """Of what is measured and is no Python package."""
        self._count = 0
        self._filled: dict[str, str] = {}

    @property
    def database_processes(self) -> list[int]:
        """PostgreSQL with all its processes, and Valkey."""
        return [self.servers.postgres.child.pid, self.servers.valkey.child.pid]

    def database(self, name: str, *, migrated: bool = False) -> str:
        """The address of a new database; `migrated` with this product's tables."""
        self._count += 1
        unique = f"{name}_{self._count}"
        with psycopg.connect(self.servers.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(SQL("create database {}").format(Identifier(unique)))
        url = self.servers.postgres.url(unique)
        if migrated:
            migrate(url)
        return url

    def filled(self, name: str, fill: Callable[[str], None]) -> str:
        """The address of a new database of this product with what `fill` puts into one, which is done once for all who
        ask for it by the same name."""
        template = self._filled.get(name)
        if template is None:
            template = self._filled[name] = self.database("filled", migrated=True)
            fill(template)
        self._count += 1
        unique, source = f"copy_{self._count}", template.partition("?")[0].rpartition("/")[2]
        statement = SQL("create database {} template {} strategy file_copy")
        with psycopg.connect(self.servers.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.format(Identifier(unique), Identifier(source)))
        return self.servers.postgres.url(unique)

    def settle(self) -> None:
        """Write out what earlier work left behind, so that it does not fall on whoever is measured next."""
        with psycopg.connect(self.servers.postgres.url("postgres"), autocommit=True) as connection:
            connection.execute("checkpoint")

    def settings(self) -> dict[str, str]:
        """What was in force: the durability of the database, versions, the machine."""
        with psycopg.connect(self.servers.postgres.url("postgres"), autocommit=True) as connection:
            found = {
                name: str(row[0])
                for name in SHOWN
                if (row := connection.execute("select current_setting(%s)", [name]).fetchone())
            }
        for package in PACKAGES:
            with suppress(metadata.PackageNotFoundError):
                found[package] = metadata.version(package)
        found |= self.versions
        found["python"] = platform.python_version()
        found["cores"] = str(len(os.sched_getaffinity(0)))
        found["machine"] = f"{platform.machine()}, {platform.system()} {platform.release()}"
        found["file_system"] = _file_system(self.directory)
        return found


@contextmanager
def stage() -> Iterator[Stage]:
    """Start the servers with empty data, and throw it away at the end."""
    # Not /tmp, which may be memory: a commit has to reach a disk.
    directory = Path(tempfile.mkdtemp(prefix="bitacora-bench-", dir="/var/tmp"))
    directory.chmod(0o711)
    servers = Servers(directory, lambda name: directory / f"{name}.log", settings=MANY)
    try:
        servers.postgres.start()
        servers.valkey.start()
        yield Stage(servers, directory)
    finally:
        servers.stop()
        shutil.rmtree(directory, ignore_errors=True)


def _file_system(path: Path) -> str:
    """The kind of file system that the data is on."""
    best = ("", "unknown")
    with suppress(OSError):
        for line in Path("/proc/mounts").read_text().splitlines():
            _, mount, kind, *_ = line.split()
            if str(path).startswith(mount) and len(mount) >= len(best[0]):
                best = (mount, kind)
    return best[1]
