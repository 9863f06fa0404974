"""Run a command so that it does not outlive the process that started it.

    python leash.py PARENT SIGNAL UID GID command [argument ...]

The command takes the place of this process. On Linux the kernel sends it SIGNAL when PARENT dies, even by SIGKILL, so
nothing is left behind. UID and GID are `-` or the account to run under; the change of account comes first because it
clears the request to the kernel. A file of its own, run without the site packages, because doing this in
`preexec_fn` is unsafe in a parent with threads.
"""

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, death_signal: int, uid: str, gid: str, command: list[str]) -> None:
    """Change account, ask for the signal, become the command."""
    kernel = None
    if sys.platform == "linux":
        import ctypes  # before the change of account, which may lose sight of the standard library

        kernel = ctypes.CDLL(None)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if kernel:
        kernel.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the request reached the kernel
            os.kill(os.getpid(), signal.SIGKILL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]} cannot be run: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
