"""The two embedded servers together: where their data, sockets and logs lie, and how they start and stop.

`scripts/up` keeps one pair with its data; the test suite starts a pair of its own that it throws away.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts import binaries
from scripts.account import private_directory, server_account, server_home, short_name
from scripts.postgres import DURABLE, Postgres
from scripts.valkey import Valkey


class Servers:
    """PostgreSQL and Valkey for one state directory. Which of the two is started is the caller's choice."""

    def __init__(
        self, state: Path, *, logs: Path, settings: Mapping[str, str] = DURABLE, valkey_databases: int = 16
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
            log=logs / "postgres.log",
            account=self.account,
            settings=settings,
        )
        self.valkey = Valkey(
            programs,
            directory=self.sockets,
            sockets=self.sockets,
            log=logs / "valkey.log",
            account=self.account,
            databases=valkey_databases,
        )

    def stop(self) -> list[str]:
        """Stop both, and say which of them had to be killed."""
        return [name for name, server in (("valkey", self.valkey), ("postgres", self.postgres)) if not server.stop()]
