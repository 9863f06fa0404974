"""Make the environment that the project needs and hand over to it. Standard library only.

A bare machine has Python, pip and git: no uv, often no `venv`. So uv is taken from the PATH or installed with pip into
`.tools`, and the locked packages go into `.venv`. When nothing has changed since the last time this costs a few
milliseconds.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from scripts import options
from scripts.environment import NOTE, VENV, Environment
from scripts.errors import Stop
from scripts.progress import say, step

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
CLIENT = ROOT / "tests" / "journeys" / "client"
UV = "uv>=0.13,<1"
OLDEST_UV = (0, 13)


def up(arguments: list[str]) -> int:
    """Install what the system needs and become its supervisor."""
    options.parse(arguments)  # help and mistakes get their answer before anything is installed
    own_servers = bool(os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
    return hand_over("scripts/up", () if own_servers else ("embedded",), ["-m", "scripts.supervisor", *arguments])


def test(arguments: list[str]) -> int:
    """Install what the tests need and become pytest. BITACORA_GROUPS names more to install, as `.ci/run` does."""
    more = os.environ.get("BITACORA_GROUPS", "").split()
    workers = [] if says_how_many_workers(arguments) else ["-n", "2"]
    return hand_over("scripts/test", ("embedded", "test", *more), ["-m", "pytest", *workers, *arguments])


def says_how_many_workers(arguments: Sequence[str]) -> bool:
    """Whether the caller chose the number of processes, or the debugger, which wants one."""
    return any(argument.startswith(("-n", "--numprocesses", "--pdb", "--trace")) for argument in arguments)


def hand_over(command: str, groups: Iterable[str], arguments: list[str]) -> int:
    """Replace this process, so that signals reach the one that does the work; return only when that fails."""
    try:
        python = install(groups)
        if "test" in groups:
            node_client()
        become(python, arguments)
    except Stop as stop:
        print(f"{command}: {stop}", file=sys.stderr)
    except OSError as error:
        print(f"{command}: {error}: check the space and the permissions of {ROOT}.", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1


def become(python: Path, arguments: list[str]) -> NoReturn:
    os.chdir(ROOT)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(python, [str(python), *arguments])


def install(groups: Iterable[str]) -> Path:
    """The Python of an environment that holds the locked packages of these groups."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # `up` and `test` may be started at the same moment
        environment = Environment.wanted(ROOT, interpreter(), groups)
        if not environment.is_complete():
            uv = find_uv() or fetch_uv()
            environment.forget()
            sync(uv, environment)
            environment.remember()
    return ROOT / VENV / "bin" / "python"


def interpreter() -> str:
    """The Python behind the one that runs, which may be that of a virtual environment without pip."""
    return os.path.realpath(sys.executable)


def find_uv() -> str | None:
    """A uv that can read the lock file: on the PATH or fetched before."""
    for candidate in (shutil.which("uv"), str(TOOLS / "bin" / "uv")):
        if candidate and (version := uv_version(candidate)) and version >= OLDEST_UV:
            return candidate
    return None


def uv_version(uv: str) -> tuple[int, int] | None:
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    found = re.search(r"(\d+)\.(\d+)", answer)
    return (int(found[1]), int(found[2])) if found else None


def fetch_uv() -> str:
    """Install uv beside the project. `--target` works where Debian guards its packages and venv is missing."""
    python = interpreter()
    if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0:
        raise Stop("This Python has no pip: install it (on Debian and Ubuntu `apt install python3-pip`) and run again.")
    shutil.rmtree(TOOLS / "bin", ignore_errors=True)
    command = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "2"]
    command += ["--root-user-action", "ignore", "--upgrade", "--target", str(TOOLS), UV]
    run("Fetching uv with pip", command, {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"})
    return str(TOOLS / "bin" / "uv")


def sync(uv: str, environment: Environment) -> None:
    """Make `.venv` hold what the lock file says. What else is there stays: a developer may have put it there."""
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    env |= {"UV_PYTHON": interpreter(), "UV_PYTHON_DOWNLOADS": "never", "UV_PROJECT_ENVIRONMENT": VENV}
    if "UV_CACHE_DIR" not in env and not os.access(os.path.expanduser("~"), os.W_OK):
        env["UV_CACHE_DIR"] = str(TOOLS / "cache")  # an account without a home of its own
    groups = [part for group in environment.groups for part in ("--group", group)]
    run("Installing the locked packages", [uv, "sync", "--locked", "--inexact", "--no-default-groups", *groups], env)


def node_client() -> None:
    """Install the JavaScript clients that the journeys drive the API with; without npm those journeys are skipped."""
    lock, installed = CLIENT / "package-lock.json", CLIENT / "node_modules"
    npm = shutil.which("npm")
    if npm is None or not lock.exists():
        return
    note = installed / NOTE
    if note.exists() and note.read_bytes() == lock.read_bytes():
        return
    command = [npm, "ci", "--prefix", str(CLIENT), "--no-audit", "--no-fund", "--loglevel", "error"]
    try:
        run("Installing the JavaScript clients of the journeys", command, os.environ)
    except Stop as stop:
        say(f"{stop} The journeys that need them are skipped.")
    else:
        note.write_bytes(lock.read_bytes())


def run(text: str, command: list[str], env: Mapping[str, str]) -> None:
    """Run an installer quietly; on failure say why in one line and keep all it said in a file."""
    log = TOOLS / "install.log"
    with step(text) as tick, log.open("w+") as output:
        installer = subprocess.Popen(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            while installer.poll() is None:
                tick()
                try:
                    installer.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            installer.terminate()
            installer.wait()
            raise
        if installer.returncode != 0:
            output.seek(0)
            raise Stop(f"{text} failed ({cause(output.read())}): check the network, then see {log}.")


def cause(output: str) -> str:
    """The line of an installer's output that names the error."""
    lines = [line.strip(" \t×├╰─▶│") for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "caused by", "failed"))]
    return (errors or lines or ["it said nothing"])[-1]
