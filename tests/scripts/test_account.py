"""Root's servers run as somebody else, who must reach them without a door of root being opened."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from scripts import account
from scripts.account import Account, open_to_others, private_directory, server_account, server_home
from scripts.errors import Stop
from scripts.process import runs
from scripts.servers import Servers

LENT = Account(65534, 65534, "lent")
OWN = Account(os.getuid(), os.getgid())


@pytest.fixture
def private_home() -> Iterator[Path]:
    """A home directory that is closed to others."""
    home = Path(tempfile.mkdtemp(prefix="bitacora-home-", dir="/tmp"))
    yield home
    shutil.rmtree(home)


def test_the_data_stays_with_the_state_where_the_servers_can_reach_it(private_home: Path) -> None:
    assert server_home(private_home, OWN) == private_home
    private_home.chmod(0o711)
    (private_home / "servers").unlink()
    assert server_home(private_home, LENT) == private_home


def test_the_data_goes_elsewhere_from_a_private_home_and_is_found_again(
    private_home: Path, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account, "ELSEWHERE", directory)
    home = server_home(private_home, LENT)
    assert home.parent == directory
    private_home.chmod(0o711)
    assert server_home(private_home, LENT) == home


def test_a_directory_that_somebody_else_put_there_is_refused(directory: Path) -> None:
    (directory / "real").mkdir()
    (directory / "link").symlink_to(directory / "real")
    with pytest.raises(Stop, match="belongs to somebody else: remove it and start again"):
        private_directory(directory / "link", 0o700)
    assert private_directory(directory / "real", 0o700).stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends its servers an account")
def test_root_starts_servers_from_a_private_home(private_home: Path) -> None:
    servers = Servers(private_home, lambda name: private_home / f"{name}.log")
    try:
        assert open_to_others(servers.home)
        servers.postgres.start()
        with psycopg.connect(servers.postgres.ensure_database()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert (servers.home / "postgres").stat().st_uid == server_account().uid != 0
        assert private_home.stat().st_mode & 0o777 == 0o700
        pid = servers.postgres.child.pid
        assert Path(f"/proc/{pid}").stat().st_uid == server_account().uid
    finally:
        servers.stop()
        shutil.rmtree(servers.home)
    assert not runs(pid, "postgres")
    assert not servers.sockets.exists()


def test_an_account_without_a_name_borrows_one(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("unshare") or subprocess.run(["unshare", "--user", "true"], check=False).returncode != 0:
        pytest.skip("this machine allows no user namespaces")
    monkeypatch.setattr(account, "may_lend", lambda: False)
    monkeypatch.setattr(account, "has_name", lambda uid: False)
    servers = Servers(directory, lambda name: directory / f"{name}.log")
    assert servers.account.how == "mapped"
    try:
        servers.postgres.start()
        servers.valkey.start()
        with psycopg.connect(servers.postgres.ensure_database()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert (directory / "postgres").stat().st_uid == os.getuid()
        servers.postgres.kill()
        servers.postgres.start()
    finally:
        assert servers.stop() == []
