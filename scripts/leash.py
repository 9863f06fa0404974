"""Run a command so that it does not outlive the process that started it.

    python leash.py PARENT SIGNAL ACCOUNT command [argument ...]

The command takes the place of this process. On Linux the kernel sends it SIGNAL when PARENT dies, even by SIGKILL, so
nothing is left behind. ACCOUNT is `own`, `UID:GID` to change to, or `mapped` (see `account.py`); the change comes first
because it clears the request to the kernel. A file of its own, run without the site packages, because doing this in
`preexec_fn` is unsafe in a parent with threads.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534


def main(parent: int, death_signal: int, account: str, command: list[str]) -> None:
    """Change account, ask for the signal, become the command."""
    kernel: Any = None
    if sys.platform == "linux":
        import ctypes  # before the change of account, which may lose sight of the standard library

        kernel = ctypes.CDLL(None, use_errno=True)
    if account == "mapped":
        look_like_nobody(kernel)
    elif account != "own":
        uid, gid = account.split(":")
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if kernel:
        kernel.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request reached the kernel
            os.kill(os.getpid(), signal.SIGKILL)
    os.execvp(command[0], command)


def look_like_nobody(kernel: Any) -> None:
    """Stay the same account to the machine, and be `nobody` to this process and its children."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        if kernel is None or kernel.unshare(CLONE_NEWUSER) != 0:
            raise PermissionError
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")
    except OSError:
        sys.exit(f"account {uid} cannot run PostgreSQL here: use an ordinary one, or set DATABASE_URL and REDIS_URL")


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
    except OSError as error:
        sys.exit(f"{sys.argv[4]} cannot be started: {error}")
