"""What an auditor and an operator type, and what they read."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result

from eventstore import history
from scripts import bar
from scripts.cli import bitacora
from tests.support.tampering import alter, append, stored, story

VERIFIER = Path(__file__).parents[2] / "scripts" / "verify_export.py"
Run = Callable[..., Result]


@pytest.fixture
def log(database_url: str) -> str:
    """A database with a log of twenty events."""
    append(database_url, story())
    return database_url


@pytest.fixture
def run(database_url: str) -> Run:
    """The command line on this test's database: run("audit", "verify")."""

    def invoke(group: str, *arguments: str) -> Result:
        return CliRunner().invoke(bitacora, [group, "--database", database_url, *arguments])

    return invoke


def verify_alone(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The verifier as an auditor has it: one file, a Python without any package, another directory."""
    command = [sys.executable, "-I", "-S", str(VERIFIER), str(file), *arguments]
    return subprocess.run(command, cwd=file.parent, capture_output=True, text=True, timeout=30, check=False)


def test_verify_prints_the_head_and_ends_with_0(log: str, run: Run) -> None:
    result = run("audit", "verify")
    assert (result.exit_code, result.stdout) == (0, f"20:{stored(log)[-1][7].hex()}\n")
    assert "Events verified: 20" in result.stderr
    assert "bitacora audit publish" in result.stderr


def test_verify_names_the_first_fault_and_ends_with_1(log: str, run: Run) -> None:
    alter(log, "update events set data = '{}' where position in (7, 9)")
    result = run("audit", "verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "position 7: event 7 does not match its hash" in result.stderr
    assert run("audit", "verify", "--from", "10").exit_code == 0


def test_a_published_head_is_what_verify_takes(log: str, run: Run) -> None:
    head = run("audit", "publish").stdout.strip()
    verified = run("audit", "verify", "--head", head)
    assert (verified.exit_code, verified.stdout.strip()) == (0, head)
    alter(log, "delete from published_heads; delete from events where position > 15")
    result = run("audit", "verify", "--head", head)
    assert result.exit_code == 1
    assert "the log ends at 15, before the head 20 that you gave" in result.stderr


def test_a_head_that_is_none_is_refused_with_an_example(run: Run) -> None:
    result = run("audit", "verify", "--head", "20:abc")
    assert result.exit_code == 2
    assert "write POSITION:HASH" in result.stderr


def test_an_empty_log_has_nothing_to_publish(run: Run) -> None:
    result = run("audit", "publish")
    assert (result.exit_code, result.stderr) == (1, "Error: The log is empty: there is no head to publish yet.\n")


def test_an_export_is_verified_by_one_file_without_the_product(log: str, run: Run, tmp_path: Path) -> None:
    head = run("audit", "publish").stdout.strip()
    file = tmp_path / "log.ndjson"
    assert run("audit", "export", "--output", str(file)).exit_code == 0
    result = verify_alone(file, "--head", head)
    assert (result.returncode, result.stderr) == (0, "")
    assert f"head {head}" in result.stdout
    assert "only a head kept elsewhere can tell" in verify_alone(file).stdout


def test_an_export_goes_to_the_standard_output_and_its_progress_does_not(log: str, run: Run) -> None:
    lines = run("audit", "export", "--from", "3", "--to", "5").stdout.splitlines()
    assert [json.loads(line)["position"] for line in lines[1:]] == [3, 4, 5]


def test_the_verifier_names_what_was_changed_in_a_file(log: str, run: Run, tmp_path: Path) -> None:
    head = run("audit", "publish").stdout.strip()
    whole = run("audit", "export").stdout
    lines = whole.splitlines(keepends=True)
    file = tmp_path / "log.ndjson"

    def verified(text: str, *arguments: str) -> str:
        file.write_text(text, encoding="utf-8")
        result = verify_alone(file, *arguments)
        assert result.returncode == 1, result
        return result.stdout

    assert "position 4 (line 5) does not match" in verified(whole.replace("María 3", "Marta 3"))
    assert "position 4 is missing" in verified("".join(lines[:4] + lines[5:]))
    assert "position 18 is missing" in verified("".join(lines[:18]))
    assert "a field appears twice" in verified(whole.replace('"version"', '"name":"Other","version"', 1))
    assert "are not those of an event" in verified(whole.replace('"version"', '"remark":"","version"', 1))
    shorter = lines[0].replace('"last":20', '"last":17') + "".join(lines[1:18])
    assert "before the head 20" in verified(shorter, "--head", head)
    assert "line 1" in verified(whole.replace('"previous":"0', '"previous":"1', 1))


def test_the_verifier_says_when_it_could_not_check(log: str, run: Run, tmp_path: Path) -> None:
    head = run("audit", "publish").stdout.strip()
    file = tmp_path / "log.ndjson"
    file.write_text(run("audit", "export", "--stream", "customer-acme-1").stdout, encoding="utf-8")
    assert "This export holds one stream" in verify_alone(file).stdout
    file.write_text("{}\n", encoding="utf-8")
    assert "This is not an export" in verify_alone(file).stdout
    assert verify_alone(file).returncode == verify_alone(tmp_path / "none").returncode == 2
    append(log, [("customer-acme-late", 1, "CustomerCalled", "{}", "{}"), ("a", 1, "CustomerCalled", "{}", "{}")])
    file.write_text(run("audit", "export", "--from", "22").stdout, encoding="utf-8")
    assert "says nothing about the head 20" in verify_alone(file, "--head", head).stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("audit", "export", "--from", "30"), "the log ends at 20"),
        (("audit", "export", "--from", "3", "--to", "2"), "2 is before the first position, 3"),
        (("audit", "export", "--stream", "nobody"), "There is no stream 'nobody'"),
        (("log", "show", "nobody"), "There is no stream 'nobody'. The newest ones: bitacora log tail"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(log: str, run: Run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert result.exit_code in (1, 2)
    assert told in result.stderr


def test_a_database_that_is_not_there_or_no_log_is_one_line(database_url: str) -> None:
    for url, told in [
        (database_url.replace("/bitacora_test", "/no_such"), "cannot be read"),
        (database_url, "holds no log"),
    ]:
        alter(database_url, "drop table if exists events")
        result = CliRunner().invoke(bitacora, ["log", "--database", url, "tail"])
        assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
        assert told in result.stderr


def test_the_history_of_a_stream_can_be_read(log: str, run: Run) -> None:
    append(log, [("customer-acme-1", 8, "CustomerRenamed", '{"name":{"sealed":"c2VhbA"},"nick":"\u009b31m"}', "[]")])
    shown = run("log", "show", "customer-acme-1").stdout
    first = shown.splitlines()[0]
    for part in ("2 ", "customer-acme-1", "v1", "CustomerRenamed", "by user-1"):
        assert part in first
    assert '"name": "María 1"' in shown
    assert '"sealed": "c2VhbA"' in shown
    assert r'"nick": "\u009b31m"' in shown, "a terminal would have obeyed it"
    assert "by -" in shown


def test_the_history_of_a_stream_comes_as_lines_of_json(log: str, run: Run) -> None:
    append(log, [("customer-acme-1", 8, "CustomerRenamed", '{"name":\n"فاطمة"}', "{}")])
    events = [json.loads(line) for line in run("log", "show", "customer-acme-1", "--json").stdout.splitlines()]
    assert [event["version"] for event in events] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert events[-1]["data"] == {"name": "فاطمة"}
    assert events[0]["meta"] == {"organization": "acme", "by": "user-1"}


def test_the_tail_shows_the_newest_events_in_order(log: str, run: Run) -> None:
    assert [int(line.split()[0]) for line in run("log", "tail", "-n", "3").stdout.splitlines()] == [18, 19, 20]
    assert len(run("log", "tail").stdout.splitlines()) == 10
    assert len(run("log", "tail", "-n", "0").stdout.splitlines()) == 0


@pytest.mark.timeout(30)
def test_following_shows_an_event_as_soon_as_it_is_appended(log: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "PATIENCE", 600.0)  # longer than this test may take: only the announcement can wake it
    follower = history.follow(log, 2)
    assert [next(follower)[0] for _ in range(2)] == [19, 20]
    writer = threading.Thread(target=append_when_idle, args=[log])
    writer.start()
    assert next(follower)[1] == "customer-acme-late"
    writer.join()
    follower.close()


def append_when_idle(database_url: str) -> None:
    """Append once the follower has read everything and waits."""
    waiting = (
        "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and state = 'idle'"
    )
    with psycopg.connect(database_url, autocommit=True) as connection:
        while connection.execute(waiting).fetchone() is None:
            pass
    append(database_url, [("customer-acme-late", 1, "CustomerCalled", "{}", "{}")])


def test_progress_is_plain_lines_where_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bar, "SECONDS_BETWEEN_LINES", 0.0)
    with bar.bar("verified") as report:
        report(2_000, 4_000)
    line = capsys.readouterr().err
    assert line.startswith("verified 2,000 of 4,000 events, ")
    assert line.endswith(" s left\n")


def test_progress_is_a_bar_on_a_terminal(log: str) -> None:
    ours, theirs = pty.openpty()
    arguments = [sys.executable, "-m", "scripts.cli", "audit", "--database", log, "verify"]
    result = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=theirs, cwd=VERIFIER.parents[1], check=True)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "20/20" in shown
    assert result.stdout.startswith(b"20:")
