"""`scripts/up`, run for real with stand-ins for the processes of the system."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from scripts import checks
from scripts.process import children_of
from tests.scripts.conftest import LONGEST, Up, until
from tests.support.waiting import free_port

pytestmark = pytest.mark.timeout(3 * LONGEST)


def test_data_and_keys_stay_until_fresh_is_asked_for(up: Up) -> None:
    run = up.start_and_wait()
    published = json.loads((up.state / "run.json").read_text())
    assert set(published) == {
        "DATABASE_URL",
        "REDIS_URL",
        "BITACORA_SECRET",
        "BITACORA_MASTER_KEY",
        "BITACORA_PORT",
        "BITACORA_ENVIRONMENT",
        "ALLOWED_ORIGINS",
        "BITACORA_PAZZ_ORGANIZATION",
        "BITACORA_TIENDA_ORGANIZATION",
        "BITACORA_MAIL_URL",
        "BITACORA_WHATSAPP_URL",
        "BITACORA_WHATSAPP_KEY",
        "BITACORA_WHATSAPP_WEBHOOK_SECRET",
        "BITACORA_SEND_PER_MINUTE",
    }
    assert published["BITACORA_ENVIRONMENT"] == "development"
    assert len(bytes.fromhex(published["BITACORA_MASTER_KEY"])) == 32
    for name in ("run.json", "keys.json"):
        assert (up.state / name).stat().st_mode & 0o777 == 0o600
    with psycopg.connect(published["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE TABLE fact AS SELECT 7 AS number")
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    assert up.end(run, signal.SIGINT) == 0, up.output()
    assert not (up.state / "run.json").exists()
    assert up.ours() == []

    run = up.start_and_wait()
    again = json.loads((up.state / "run.json").read_text())
    assert again == published
    sockets = Path(again["DATABASE_URL"].partition("host=")[2])
    assert sockets.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(again["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT number FROM fact").fetchone() == (7,)
    assert up.end(run, signal.SIGTERM) == 0, up.output()

    run = up.start_and_wait("--fresh")
    with psycopg.connect(again["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT to_regclass('fact')").fetchone() == (None,)
    assert up.end(run, signal.SIGTERM) == 0, up.output()
    assert not sockets.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_in_reverse_order(light_up: Up, number: signal.Signals) -> None:
    run = light_up.start_and_wait()
    assert light_up.end(run, number) == 0, light_up.output()
    journal = light_up.journal()
    assert journal[0] == "migrate ran"
    assert journal[-4:] == ["seed ran", "serve stopped", "worker stopped", "projector stopped"]
    assert light_up.ours() == []


def test_exit_when_ready_checks_and_stops(light_up: Up) -> None:
    code, output = light_up.finish("--exit-when-ready")
    assert code == 0, output
    assert f"http://127.0.0.1:{light_up.port}/" in output
    assert str(light_up.state / "logs") in output
    assert light_up.journal()[-1] == "projector stopped"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_a_killed_supervisor_leaves_nothing_behind_and_the_next_run_starts(up: Up) -> None:
    run = up.start_and_wait(standins="task:migrate family:projector dramatiq:worker granian:serve")
    # Two processes of Granian and two of Dramatiq beside their parents, and the servers.
    until(lambda: len(up.ours()) >= 10, lambda: f"only {up.ours()}")
    assert up.end(run, signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not up.ours(), lambda: f"still running: {up.ours()}")
    code, output = up.finish("--exit-when-ready")
    assert code == 0, output


def test_a_run_that_starts_while_the_killed_one_still_ends_waits_for_it(up: Up) -> None:
    run = up.start_and_wait()
    up.end(run, signal.SIGKILL)
    code, output = up.finish("--exit-when-ready")
    assert code == 0, output


@pytest.mark.parametrize("again", [(), ("--fresh",)])
def test_a_run_that_was_killed_while_it_made_its_data_is_no_harm_to_the_next(up: Up, again: tuple[str, ...]) -> None:
    run = up.start()
    until(lambda: any(found for home in homes(up) for found in home.glob("postgres*/PG_VERSION")), up.output)
    up.end(run, signal.SIGKILL)
    code, output = up.finish("--exit-when-ready", *again)
    assert code == 0, output
    assert all((home / "postgres" / "PG_VERSION").exists() for home in homes(up))


def test_fresh_waits_for_the_server_of_a_killed_run(up: Up) -> None:
    run = up.start_and_wait()
    up.end(run, signal.SIGKILL)
    code, output = up.finish("--exit-when-ready", "--fresh")
    assert code == 0, output


def homes(up: Up) -> list[Path]:
    """Where the servers' data is, as soon as that is known."""
    return [Path(note.read_text().strip() or up.state) for note in up.state.glob("servers")]


def test_a_second_run_on_the_same_data_is_refused(light_up: Up) -> None:
    run = light_up.start_and_wait()
    second = Up(light_up.state.parent)
    second.output_file = second.output_file.with_name("second")
    for argument in ("--exit-when-ready", "--fresh"):
        code, output = second.finish(argument)
        assert code == 1
        assert one_line(output) == (
            f"scripts/up: It runs already on this data, as process {run.pid}: stop that with Ctrl-C, "
            f"or with `kill {run.pid}`."
        )
    assert run.poll() is None
    assert light_up.end(run, signal.SIGTERM) == 0


def test_a_taken_port_is_named(light_up: Up) -> None:
    with socket.create_server(("127.0.0.1", light_up.port)):
        code, output = light_up.finish()
    assert code == 1
    assert one_line(output) == (
        f"scripts/up: Port {light_up.port} is taken by another program: stop that, or choose another with --port."
    )
    assert not light_up.journal_file.exists()


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("DATABASE_URL", "postgresql://nobody@127.0.0.1:{port}/nothing"),
        ("DATABASE_URL", "nonsense"),
        ("REDIS_URL", "redis://127.0.0.1:{port}/0"),
        ("REDIS_URL", "nonsense"),
    ],
)
def test_a_server_that_does_not_answer_is_named(light_up: Up, name: str, address: str) -> None:
    light_up.env[name] = address.format(port=free_port())
    code, output = light_up.finish()
    assert code == 1
    assert one_line(output).startswith(f"scripts/up: {name} leads to no ")
    assert f"unset {name}" in output


def test_fresh_does_not_touch_a_database_that_somebody_brought(light_up: Up) -> None:
    code, output = light_up.finish("--fresh")
    assert code == 1
    assert one_line(output).startswith("scripts/up: --fresh ")
    assert not light_up.state.exists()


def test_the_death_of_a_child_ends_the_run_with_its_last_words(light_up: Up) -> None:
    code, output = light_up.finish(standins="task:migrate background:projector dying:feed serve:serve")
    assert code == 1
    assert "scripts/up: feed ended with exit code 3; the end of " in output
    assert output.rstrip().endswith("out of ink")
    assert "Traceback" not in output
    assert light_up.ours() == []


def kill(run: subprocess.Popen[bytes], name: str) -> None:
    """End one of its processes at once."""
    found = [pid for pid in children_of(run.pid) if name.encode() in command_of(pid)]
    assert len(found) == 1, found
    os.kill(found[0], signal.SIGKILL)


def test_what_serves_is_started_again_when_it_dies(light_up: Up) -> None:
    run = light_up.start_and_wait(standins="task:migrate background:projector serve:serve")
    for count in (1, 2):
        kill(run, "serve")
        until(lambda count=count: light_up.output().count("serve is back after ") == count, light_up.output)
        assert checks.answers("127.0.0.1", light_up.port, "/health/ready")
    log = light_up.state / "logs" / "serve.log"
    for wait in (0.1, 0.2):
        told = f"serve ended with exit code -9 and is started again in {wait} s: see {log}.\n"
        assert light_up.output().count(told) == 1
    assert light_up.end(run, signal.SIGINT) == 0, light_up.output()
    assert light_up.journal()[-2:] == ["serve stopped", "projector stopped"]
    assert light_up.ours() == []


def test_a_background_process_that_is_wanted_again_is_back_when_it_says_so(light_up: Up) -> None:
    run = light_up.start_and_wait(standins="task:migrate lasting:feed serve:serve")
    kill(run, "feed")
    until(lambda: "feed is back after " in light_up.output(), light_up.output)
    assert light_up.journal().count("feed started") == 2
    assert light_up.end(run, signal.SIGTERM) == 0, light_up.output()


def test_what_cannot_come_back_ends_the_run_with_its_last_words(light_up: Up) -> None:
    run = light_up.start_and_wait(standins="task:migrate background:projector brittle:serve")
    kill(run, "serve")
    assert run.wait(LONGEST) == 1
    output = light_up.output()
    assert "scripts/up: serve ended 3 times, the last time with exit code 3; the end of " in output
    assert output.rstrip().endswith("out of ink")
    assert light_up.journal()[-1] == "projector stopped"
    assert light_up.ours() == []


def test_a_stop_while_something_is_to_come_back_is_clean(light_up: Up) -> None:
    run = light_up.start_and_wait(standins="task:migrate background:projector brittle-and-slow:serve")
    kill(run, "serve")
    until(lambda: "started again in 600 s" in light_up.output(), light_up.output)
    assert light_up.end(run, signal.SIGINT) == 0, light_up.output()
    assert light_up.ours() == []


def test_a_server_whose_processes_die_twice_within_seconds_is_back(light_up: Up) -> None:
    """Granian starts another process for one that died; when that dies at once as well, it gives up."""
    run = light_up.start_and_wait(standins="task:migrate background:projector granian:serve")
    (server,) = [pid for pid in children_of(run.pid) if b"granian" in command_of(pid)]
    ended = set[int]()

    def gave_up() -> bool:
        for pid in children_of(server):
            if pid not in ended and b"tracker" not in command_of(pid):
                os.kill(pid, signal.SIGKILL)
                ended.add(pid)
        return "serve ended with exit code 1 and is started again in 0.1 s" in light_up.output()

    until(gave_up, light_up.output)
    assert len(ended) > 2, "it was given others first"
    until(lambda: "serve is back after " in light_up.output(), light_up.output)
    assert checks.answers("127.0.0.1", light_up.port, "/health/ready")
    assert light_up.end(run, signal.SIGTERM) == 0, light_up.output()
    assert light_up.ours() == []


def command_of(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def test_a_command_that_fails_ends_the_run(light_up: Up) -> None:
    code, output = light_up.finish(standins="failing-task:migrate background:projector")
    assert code == 1
    assert "scripts/up: migrate failed with exit code 1 (the tables are in a bad mood): see " in output
    assert light_up.journal() == ["migrate ran"]


def test_a_child_that_does_not_stop_is_killed_and_named(light_up: Up) -> None:
    run = light_up.start_and_wait(standins="task:migrate background:projector stubborn:worker")
    assert light_up.end(run, signal.SIGTERM) == 1
    assert "scripts/up: worker did not stop in time and had to be killed" in light_up.output()
    assert light_up.journal()[-1] == "projector stopped"
    assert light_up.ours() == []


def test_the_log_of_the_previous_run_is_kept(light_up: Up) -> None:
    for _ in range(2):
        code, output = light_up.finish("--exit-when-ready")
        assert code == 0, output
    logs = {path.name for path in (light_up.state / "logs").iterdir()}
    assert {"projector.log", "projector.log.1", "serve.log", "serve.log.1"} <= logs


def one_line(output: str) -> str:
    """The only line of an output: no progress, no traceback."""
    lines = output.splitlines()
    assert len(lines) == 1, output
    return lines[0]
