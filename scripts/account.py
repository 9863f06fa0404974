"""Whose account the embedded servers run under, and where that account can reach.

PostgreSQL refuses to run as root and as an account without a name. So root lends its servers the account `nobody`; a
home directory closed to others then hides both the data and the binaries from them, which is why their home may have to
lie elsewhere. Where no account can be lent (a numbered account in a container, a root without privileges) the servers
see themselves as `nobody` in a user namespace, and remain what they are to the machine. No account is created and no
directory of the user is opened.
"""

from __future__ import annotations

import hashlib
import os
import pwd
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from scripts.errors import Stop

ELSEWHERE = Path("/var/tmp")
NOBODY = 65534
CHOWN_OVERRIDE_KILL_SETGID_SETUID = (0, 1, 5, 6, 7)


@dataclass(frozen=True)
class Account:
    """The account that owns the servers' data, and how they get it: as their own, lent by root, or mapped."""

    uid: int
    gid: int
    how: Literal["own", "lent", "mapped"] = "own"

    @property
    def lent(self) -> bool:
        return self.how == "lent"

    @property
    def leash(self) -> str:
        """The account as `leash.py` wants to be told."""
        return f"{self.uid}:{self.gid}" if self.lent else self.how

    def own(self, path: Path) -> None:
        """Give a file or directory to the account."""
        if self.lent:
            os.chown(path, self.uid, self.gid)


def server_account() -> Account:
    """`nobody` for a root that can change account, the account in use for one with a name."""
    own = Account(os.geteuid(), os.getegid())
    if own.uid != 0:
        return own if has_name(own.uid) else replace(own, how="mapped")
    if not may_lend():
        return replace(own, how="mapped")
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY, NOBODY, "lent")
    return Account(entry.pw_uid, entry.pw_gid, "lent")


def has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def may_lend() -> bool:
    """Whether root has kept what it takes to run, feed and stop a process of another account."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return True
    held = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    return all(held >> capability & 1 for capability in CHOWN_OVERRIDE_KILL_SETGID_SETUID)


def open_to_others(path: Path) -> bool:
    """Whether any account can pass through the path and every directory above it."""
    path = path.resolve()
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def short_name(path: Path) -> str:
    """A few characters that stand for this path and this user, for names that must be short."""
    return hashlib.sha256(f"{os.getuid()}:{path.resolve()}".encode()).hexdigest()[:10]


def server_home(state: Path, account: Account) -> Path:
    """The directory for the servers' data: the state directory, or one elsewhere when the account cannot reach it.

    The choice is written down, so that a later change of permissions does not hide the data.
    """
    note = state / "servers"
    if note.exists():
        home = Path(note.read_text().strip())
    elif not account.lent or open_to_others(state):
        home = state
    else:
        home = ELSEWHERE / f"bitacora-{os.getuid()}-{short_name(state)}"
    if home != state:
        private_directory(home, 0o711)
    note.write_text(f"{home}\n")
    return home


def private_directory(path: Path, mode: int, owner: Account | None = None) -> Path:
    """Make a directory in a place where anyone may write, and refuse one that somebody else put there before."""
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        found = path.lstat()
        expected = {os.getuid()} | ({owner.uid} if owner else set())
        if path.is_symlink() or not path.is_dir() or found.st_uid not in expected:
            raise Stop(f"{path} is in the way and belongs to somebody else: remove it and start again.") from None
    if owner:
        owner.own(path)
    path.chmod(mode)
    return path
