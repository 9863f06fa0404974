"""The two embedded servers together: where their data, sockets and logs lie, and how they start and stop.

`scripts/up` keeps one pair with its data; the test suite starts a pair of its own that it throws away.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts import binaries
from scripts.account import private_directory, server_account, server_home, short_name
from scripts.postgres import DURABLE, Postgres
from scripts.valkey import Valkey


class Servers:
    """PostgreSQL and Valkey for one state directory. Which of the two is started is the caller's choice."""

    def __init__(
        self,
        state: Path,
        log: Callable[[str], Path],
        *,
        settings: Mapping[str, str] = DURABLE,
        valkey_databases: int = 16,
    ) -> None:
        self.account = server_account()
        self.home = server_home(state, self.account)
        programs = binaries.find(self.home, self.account)
        # A socket's path must be short, which that of a state directory need not be.
        self.sockets = private_directory(Path("/tmp") / f"bitacora-{short_name(state)}", 0o700, self.account)
        self.postgres = Postgres(
            programs,
            data=self.home / "postgres",
            sockets=self.sockets,
            log=log("postgres"),
            account=self.account,
            settings=settings,
        )
        self.valkey = Valkey(
            programs,
            directory=self.sockets,
            sockets=self.sockets,
            log=log("valkey"),
            account=self.account,
            databases=valkey_databases,
        )

    def stop(self) -> list[str]:
        """Stop both, and say which of them had to be killed."""
        killed = [name for name, server in (("valkey", self.valkey), ("postgres", self.postgres)) if not server.stop()]
        self.clear()
        return killed

    def clear(self) -> None:
        """Remove the sockets once both have stopped."""
        shutil.rmtree(self.sockets, ignore_errors=True)
