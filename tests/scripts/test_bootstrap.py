"""The bootstrap says what is missing in one line, and knows when there is nothing to do."""

from __future__ import annotations

import ast
import os
import runpy
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from scripts import bootstrap
from scripts.environment import NOTE, Environment
from scripts.errors import Stop
from tests.scripts.conftest import ROOT


@pytest.mark.parametrize("command", ["up", "test"])
def test_an_old_python_is_told_what_to_do(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (ROOT / "scripts" / command).read_text()
    ast.parse(source, feature_version=(3, 4))
    monkeypatch.setattr(sys, "version_info", (3, 9, 18, "final", 0))
    with pytest.raises(SystemExit, match=rf"scripts/{command} needs Python 3.11 or newer and this is 3.9: install"):
        runpy.run_path(str(ROOT / "scripts" / command), run_name="__main__")


def test_help_needs_nothing_installed(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-S", ROOT / "scripts" / "up", "--help"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert "--exit-when-ready" in answer.stdout


@pytest.mark.parametrize("arguments", [["--port", "0"], ["--port", "many"], ["--nonsense"]])
def test_a_mistake_is_named_before_anything_is_installed(arguments: list[str]) -> None:
    command = [sys.executable, "-S", ROOT / "scripts" / "up", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "scripts/up: error: " in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for tools that holds none yet, and no uv on the PATH."""
    place = tmp_path / "tools"
    place.mkdir()
    monkeypatch.setattr(bootstrap, "TOOLS", place)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return place


def program(path: Path, script: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_python_without_pip_is_told_what_to_do(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    monkeypatch.setattr(bootstrap, "interpreter", lambda: str(tmp_path / "bare" / "bin" / "python"))
    with pytest.raises(Stop, match=r"has no pip: install it .*python3-pip.* and run again\.$"):
        bootstrap.fetch_uv()


def test_a_machine_without_network_is_told_what_to_do(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program(
        tmp_path / "python", 'case "$*" in *--version*) exit 0;; esac; echo "ERROR: No way to reach uv" >&2; exit 1'
    )
    monkeypatch.setattr(bootstrap, "interpreter", lambda: str(tmp_path / "python"))
    with pytest.raises(Stop) as stop:
        bootstrap.fetch_uv()
    assert str(stop.value) == (
        f"Fetching uv with pip failed (ERROR: No way to reach uv): check the network, then see {tools}/install.log."
    )


def test_packages_that_cannot_be_installed_are_reported_in_one_line(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = "  × Failed to fetch: a-package\\n  ├─▶ Request failed after 3 retries\\n  ╰─▶ dns error"
    program(tmp_path / "uv", f'printf "{said}" >&2; exit 2')
    with pytest.raises(Stop, match=r"^Installing the locked packages failed \(Failed to fetch: a-package\): check"):
        bootstrap.sync(str(tmp_path / "uv"), Environment(tmp_path / ".venv", "key", ("embedded",)))


def test_an_unwritable_clone_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "TOOLS", Path("/proc/nowhere"))
    assert bootstrap.hand_over("scripts/up", (), []) == 1
    assert capsys.readouterr().err.startswith("scripts/up: ")


def test_only_a_uv_that_reads_the_lock_file_is_taken(tools: Path, tmp_path: Path) -> None:
    assert bootstrap.find_uv() is None
    program(tmp_path / "bin" / "uv", "echo uv 0.4.30")
    assert bootstrap.find_uv() is None
    program(tools / "bin" / "uv", "echo uv 0.13.8")
    assert bootstrap.find_uv() == str(tools / "bin" / "uv")
    program(tmp_path / "bin" / "uv", "echo uv 0.14.0")
    assert bootstrap.find_uv() == str(tmp_path / "bin" / "uv")


def test_an_account_without_a_home_gets_a_cache(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "uv", 'echo "$UV_CACHE_DIR $UV_PYTHON_DOWNLOADS" "$@"')
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    bootstrap.sync(str(tmp_path / "uv"), Environment(tmp_path / ".venv", "key", ("embedded", "test")))
    assert (tools / "install.log").read_text() == (
        f"{tools}/cache never sync --locked --inexact --no-default-groups --group embedded --group test\n"
    )


@pytest.mark.parametrize(
    ("arguments", "chosen"), [([], False), (["-k", "name"], False), (["-n0"], True), (["-n", "4"], True)]
)
def test_the_number_of_test_processes_can_be_chosen(arguments: list[str], chosen: bool) -> None:
    assert bootstrap.says_how_many_workers(arguments) is chosen


class TestEnvironment:
    """When an installation has to be repeated."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        """A clone with an environment that was just made."""
        (tmp_path / "uv.lock").write_text("version = 1")
        packages = tmp_path / ".venv" / "lib" / "python3.11" / "site-packages"
        (packages / "granian-2.8.7.dist-info").mkdir(parents=True)
        (tmp_path / ".venv" / "bin").mkdir()
        (tmp_path / ".venv" / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
        Environment.wanted(tmp_path, "python", ["embedded"]).remember()
        return tmp_path

    def is_complete(self, root: Path, *groups: str, interpreter: str = "python") -> bool:
        return Environment.wanted(root, interpreter, groups or ["embedded"]).is_complete()

    def test_not_when_nothing_changed(self, root: Path) -> None:
        assert self.is_complete(root)

    def test_when_another_group_is_wanted_which_keeps_the_one_that_is_there(self, root: Path) -> None:
        assert not self.is_complete(root, "test")
        assert Environment.wanted(root, "python", ["test"]).groups == ("embedded", "test")

    def test_when_the_lock_file_changed(self, root: Path) -> None:
        (root / "uv.lock").write_text("version = 2")
        assert not self.is_complete(root)

    def test_when_another_python_is_used(self, root: Path) -> None:
        assert not self.is_complete(root, interpreter="another")

    def test_when_the_clone_moved(self, root: Path) -> None:
        moved = root.rename(root.with_name("moved"))
        assert not self.is_complete(moved)

    def test_when_a_package_was_removed_by_hand(self, root: Path) -> None:
        (root / ".venv/lib/python3.11/site-packages/granian-2.8.7.dist-info").rmdir()
        assert not self.is_complete(root)

    def test_when_its_python_is_gone(self, root: Path) -> None:
        (root / ".venv/bin/python").unlink()
        assert not self.is_complete(root)

    def test_when_the_last_installation_was_interrupted(self, root: Path) -> None:
        Environment.wanted(root, "python", ["embedded"]).forget()
        assert not self.is_complete(root)

    def test_when_the_note_cannot_be_read(self, root: Path) -> None:
        (root / ".venv" / NOTE).write_text("{")
        assert not self.is_complete(root)


class TestNodeClient:
    """The JavaScript clients of the journeys."""

    @pytest.fixture
    def client(self, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A client with a lock file, and an npm that counts its calls."""
        place = tmp_path / "client"
        place.mkdir()
        (place / "package-lock.json").write_text("{}")
        monkeypatch.setattr(bootstrap, "CLIENT", place)
        script = f'[ -e {place}/broken ] && {{ echo "error: offline"; exit 1; }}'
        program(
            tmp_path / "bin" / "npm",
            f"{script}\n/bin/mkdir -p {place}/node_modules; echo call >> {place}/calls; exit 0",
        )
        return place

    def calls(self, client: Path) -> int:
        return len((client / "calls").read_text().splitlines()) if (client / "calls").exists() else 0

    def test_are_installed_once_per_lock_file(self, client: Path, capfd: pytest.CaptureFixture[str]) -> None:
        bootstrap.node_client()
        bootstrap.node_client()
        assert self.calls(client) == 1
        (client / "package-lock.json").write_text('{"lockfileVersion": 3}')
        bootstrap.node_client()
        assert self.calls(client) == 2

    def test_are_left_out_without_npm(self, client: Path, tmp_path: Path) -> None:
        (tmp_path / "bin" / "npm").unlink()
        bootstrap.node_client()
        assert self.calls(client) == 0

    def test_do_not_keep_the_other_tests_from_running(self, client: Path, capfd: pytest.CaptureFixture[str]) -> None:
        (client / "broken").touch()
        bootstrap.node_client()
        assert "The journeys that need them are skipped." in capfd.readouterr().err
