"""What `scripts/up` keeps between runs: the lock that makes it the only one, the keys, the data, the logs."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from scripts import postgres
from scripts.account import server_account
from scripts.errors import Stop

ROOT = Path(__file__).resolve().parent.parent


class State:
    """The state directory of one clone: `.bitacora`, or the one that BITACORA_STATE names."""

    def __init__(self) -> None:
        self.path = Path(os.environ.get("BITACORA_STATE") or ROOT / ".bitacora").absolute()
        self.run_file = self.path / "run.json"
        self.logs = self.path / "logs"
        self.ready = self.path / "ready"
        self.mail = self.path / "mail"
        self.whatsapp = self.path / "whatsapp"
        self.previous_was_killed = False

    def take(self) -> None:
        """Make the directory and become its only user, until this process ends in whatever way."""
        if not self.path.exists():
            self.path.mkdir(parents=True)
            # Root's servers run as somebody else, who has to reach their data below it; the keys are closed files.
            self.path.chmod(0o711 if server_account().lent else 0o700)
        self.lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(self.lock, 20).decode().strip() or "unknown"
            os.close(self.lock)
            raise Stop(
                f"It runs already on this data, as process {pid}: stop that with Ctrl-C, or with `kill {pid}`."
            ) from None
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, f"{os.getpid()}\n".encode(), 0)
        self.previous_was_killed = self.run_file.exists()
        self.withdraw()
        self.logs.mkdir(exist_ok=True)
        shutil.rmtree(self.ready, ignore_errors=True)
        self.ready.mkdir()

    def wipe(self) -> None:
        """Throw the data and the logs away. The keys stay: they may seal data in a database that is not ours."""
        note = self.path / "servers"
        home = Path(note.read_text().strip()) if note.exists() else self.path
        data = home / "postgres"
        postgres.end_leftover(data)
        for directory in (data, self.logs, self.mail, self.whatsapp):
            if directory.exists():
                shutil.rmtree(directory)
        for begun in postgres.begun_in(data):
            shutil.rmtree(begun, ignore_errors=True)
        note.unlink(missing_ok=True)
        self.logs.mkdir()

    def log(self, name: str) -> Path:
        """A new log for a process of this run; that of the run before is kept beside it."""
        path = self.logs / f"{name}.log"
        if path.exists():
            path.replace(path.with_name(f"{path.name}.1"))
        return path

    def keys(self) -> dict[str, str]:
        """The secrets of this clone, made on first start."""
        path = self.path / "keys.json"
        if not path.exists():
            keys = {"BITACORA_SECRET": secrets.token_urlsafe(48), "BITACORA_MASTER_KEY": secrets.token_hex(32)}
            write_private(path, keys)
        return json.loads(path.read_text())

    def publish(self, settings: Mapping[str, str]) -> None:
        """Tell the command line tools where this run is to be found."""
        write_private(self.run_file, settings)

    def withdraw(self) -> None:
        """This run is over."""
        self.run_file.unlink(missing_ok=True)


def write_private(path: Path, content: Mapping[str, str]) -> None:
    """Write a file that only its owner can read, in one piece."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(dict(content), file, indent=1)
    unfinished.replace(path)
