"""A process that behaves as told, in the place of one of the system: `python -m tests.scripts.standin KIND NAME`.

What it does goes to the journal that STANDIN_JOURNAL names, a line each, so that a test can see what happened in which
order.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import NoReturn


def note(text: str) -> None:
    """Add a line to the journal; several processes write to it."""
    journal = os.open(os.environ["STANDIN_JOURNAL"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(journal, f"{text}\n".encode())
    os.close(journal)


def ready() -> None:
    Path(os.environ["BITACORA_READY_FILE"]).touch()


def wait_for_the_end(name: str) -> NoReturn:
    """Run until SIGTERM and end in good order."""
    signal.sigwait({signal.SIGTERM})
    note(f"{name} stopped")
    sys.exit(0)


class Health(BaseHTTPRequestHandler):
    """The one address that the supervisor asks."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main(kind: str, name: str) -> None:
    if kind in {"task", "failing-task"}:
        note(f"{name} ran")
        sys.exit("the tables are in a bad mood" if kind == "failing-task" else 0)
    # Before signals are blocked here, because a child inherits that.
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) if kind == "family" else None
    if kind == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    note(f"{name} started")
    if child:
        ready()
        signal.sigwait({signal.SIGTERM})
        child.terminate()
        child.wait()
        note(f"{name} stopped")
    elif kind == "dying":
        ready()
        print("out of ink", flush=True)
        sys.exit(3)
    elif kind == "stubborn":
        ready()
        while True:
            signal.pause()
    elif kind.startswith("brittle") and Path(os.environ["STANDIN_JOURNAL"]).read_text().count(f"{name} started") > 1:
        print("out of ink", flush=True)
        sys.exit(3)
    elif kind in {"serve", "brittle", "brittle-and-slow"}:
        server = HTTPServer(("127.0.0.1", int(os.environ["BITACORA_PORT"])), Health)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        wait_for_the_end(name)
    else:
        ready()
        wait_for_the_end(name)


if __name__ == "__main__":
    main(*sys.argv[1:3])
