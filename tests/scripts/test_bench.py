"""The benchmark runs, and keeps what a comparison needs. How fast anything is, is not for a test to say."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import projections
from eventstore import audit
from eventstore.connect import connect
from eventstore.log import Log
from eventstore.mapper import Mapper
from eventstore.sealing import Vault
from projections import rebuild
from projections.projector import Projector
from scripts.bench import callers, command, filling, footprint, growth, measure, web, world
from scripts.bench.command import NEEDED
from scripts.bench.crew import Crew
from scripts.bench.http import Connection
from scripts.bench.measure import Case, Round, Verdict
from scripts.bench.stage import stage
from scripts.errors import Stop
from scripts.plan import PLAN
from tests.support import store

needs_peers = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED), reason="the dependency group `bench` is not installed"
)


@needs_peers
@pytest.mark.timeout(240)
def test_a_quick_run_keeps_every_round_and_what_was_in_force(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    asked = [sys.executable, "-m", "scripts.cli", "bench", "append", "--only", "project", "--quick"]
    asked += ["--rounds", "1", "--seconds", "0.1", "--json", str(path)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    assert "synchronous_commit on" in done.stdout
    figures = json.loads(path.read_text())
    assert [part["name"] for part in figures["parts"]] == ["append", "project"]
    settings = figures["settings"]
    assert settings["synchronous_commit"] == settings["fsync"] == "on"
    assert {"server_version", "eventsourcing", "psycopg", "python", "cores", "machine"} <= settings.keys()
    for part in figures["parts"]:
        assert {one["contender"] for one in part["rounds"]} >= {part["reference"]}
        assert all(one["number"] == 1 and one["operations"] > 0 and one["rate"] > 0 for one in part["rounds"])
        assert all(verdict["what"] and verdict["bar"] != 0 for verdict in part["verdicts"])
    alone = [one for one in figures["parts"][0]["rounds"] if one["case"] == "1 at once"]
    everybody = {"library", "library, functions", "plain insert", "bitacora", "copy (limit)"}
    took_part = {one["contender"] for one in alone}
    if any("node and npm" in note or "npm ci" in note for note in figures["notes"]):  # cannot be had on this machine
        assert took_part == everybody
    else:
        assert took_part == {*everybody, "Emmett (node)"}
    told_apart = [one for one in alone if one["p50"] is not None]
    assert all(one["p50"] <= one["p95"] <= one["p99"] <= one["latencies"][-1] for one in told_apart)
    assert all(1 <= len(one["latencies"]) <= measure.KEPT + 1 for one in told_apart)


def test_an_unknown_row_is_refused_and_the_known_ones_are_named() -> None:
    asked = [sys.executable, "-m", "scripts.cli", "bench", "everything"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "append" in done.stderr


class Scripted:
    """A contender that does what it is told, and says when it was asked."""

    def __init__(self, name: str, rates: list[int], asked: list[str]) -> None:
        self.name = name
        self._rates = iter(rates)
        self._asked = asked

    def takes(self, case: Case) -> bool:
        return True

    def work(self, case: Case, seconds: float) -> measure.Work:
        self._asked.append(f"{self.name}{case.at_once}")
        return measure.Work(next(self._rates), 1.0, [0.001, 0.003, 0.002])

    def spent(self) -> measure.Side:
        return measure.Side(0.0, 0.0, 0.0)


def test_rounds_are_interleaved_and_ratios_are_taken_within_each() -> None:
    asked: list[str] = []
    # The machine becomes ten times slower in the second round, and twice as fast in the third.
    contenders = [Scripted("a", [100, 10, 200], asked), Scripted("b", [300, 30, 500], asked)]
    plan = measure.Plan(rounds=3, seconds=1.0)
    rounds = list(measure.interleave(plan, contenders, [Case(1)]))
    assert asked == ["a1", "b1", "a1", "b1", "a1", "b1"]
    assert measure.ratio(rounds, "b", "a", "1 at once") == 3.0
    assert measure.median(rounds, "b", "1 at once") == 300
    assert (rounds[0].p50, rounds[0].p99) == (2.0, 3.0)


def test_of_many_latencies_so_many_are_kept_that_their_distribution_can_be_drawn() -> None:
    assert measure.kept([0.001, 0.002, 0.003]) == [1.0, 2.0, 3.0]
    assert measure.kept([]) == []
    many = measure.kept([number / 1e6 for number in range(100_000)])
    assert len(many) == measure.KEPT + 1
    assert (many[0], many[250], many[-1]) == (0.0, 50.0, 99.999)


def test_a_bar_is_met_missed_or_not_measured() -> None:
    assert Verdict(what="faster", value=1.5, bar=1.5).met is True
    assert Verdict(what="faster", value=1.4, bar=1.5).met is False
    assert Verdict(what="quick", value=9.0, bar=8.0, at_least=False).met is False
    assert Verdict(what="unknown", value=None, bar=8.0).met is None


def test_a_contender_that_did_not_take_part_has_no_ratio() -> None:
    rounds: list[Round] = []
    assert measure.ratio(rounds, "b", "a", "1 at once") is None
    assert measure.percentile([], 50) is None


def test_what_is_filled_by_statements_is_what_a_replay_shows(database_url: str) -> None:
    """Views that were filled otherwise than their events say would be measured instead of what users have."""
    filling.fill(database_url, 400)
    log = Log(Mapper(), Vault(world.MASTER_KEY))
    with connect(database_url, "test") as connection:
        filled = store.everything(connection)
        assert {name for name, rows in filled.items() if rows} >= {
            "goals", "attention_files", "customers", "scheduled_messages", "contact_groups", "carts", "cart_lines"
        }  # fmt: skip
        assert Projector(connection, log, projections.VIEWS).catch_up() == 0
        for view in projections.VIEWS:
            rebuild.build(connection, log, view)
        assert store.everything(connection) == filled
    audit.verify(database_url)


@needs_peers
@pytest.mark.timeout(240)
def test_every_request_is_answered_alike_by_whom_this_product_is_compared_with() -> None:
    """Otherwise one would be measured refusing, or leaving out, what the other does."""
    with stage() as on, web.servers(on, 2_000) as servers:
        for asked in (*callers.COMMANDS, *callers.READINGS):
            answers = {
                name: asyncio.run(answered(server.port, servers[web.OURS].secret, asked))
                for name, server in servers.items()
            }
            assert answers[web.CRUD] == answers[web.OURS], asked
            assert answers[web.BARE].keys() == answers[web.OURS].keys(), asked


async def answered(port: int, secret: str, asked: str) -> dict[str, Any]:
    """The answer to the second caller's request, but for ids and times."""
    following = callers.Callers(secret, 2_000).following(asked)
    connection = await Connection.open(port)
    await connection.ask(following())
    body = await connection.ask(following())
    connection.close()
    return told(json.loads(body))


def told(value: Any) -> Any:
    """What an answer says: without what is made up by each server, or is null or empty."""
    match value:
        case dict():
            return {name: told(one) for name, one in value.items() if one not in (None, []) and name != "warnings"}
        case list():
            return [told(one) for one in value]
        case str() if re.match(r"\d{4}-\d\d-\d\dT", value):
            return "a time"
        case str() if re.match(r"msg_\w{15,}", value):
            return "a new id"
        case float():
            return int(value) if value.is_integer() else value
        case _:
            return value


HTTP_CASES = [web.label(asked, count) for asked in callers.COMMANDS for count in (1, 16, 64)]
READ_CASES = [web.label(asked, count) for asked in callers.READINGS for count in (1, 16, 64)]
GROWTH_CASES = [case.name for case in (*growth.APPENDING, *growth.LOADING, *growth.asking())]
PROMISED = {
    "append": {
        ("append, 1 at once, of plain insert", 0.8),
        ("append, 8 at once, of plain insert", 1.5),
        ("append, 8 at once, of library, functions", 5.0),
        ("append, 32 at once, of plain insert", 2.5),
        ("append, 32 at once, of library, functions", 10.0),
    },
    "project": {
        ("project, one view, of the library's runner", 30.0),
        ("project, every view, of the library's runner", 10.0),
        ("project, one view, of one SQL statement", 0.35),
    },
    "execute": {
        ("execute, 1 at once, of library, functions", 1.5),
        ("execute, 8 at once, of library, functions", 3.0),
        ("execute, 32 at once, of library, functions", 7.0),
    },
    "http_command": {
        (f"HTTP command, {case}, of {other}", bar)
        for case in HTTP_CASES
        for other, bar in ((web.CRUD, 2.0), (web.BARE, 0.5))
    },
    "http_read": {
        (f"HTTP read, {case}, of {other}", bar)
        for case in READ_CASES
        for other, bar in ((web.CRUD, 1.5), (web.BARE, 0.5))
    },
    "push": {("push, idle, p50", -8), ("push, at 70 % load, p99", -50)},
    "growth": {
        (f"growth, {case}, slowest of smallest", -1.5)
        for case in [
            "append, 1 at once",
            "append, 32 at once",
            "load a cart",
            *[web.label(asked, count) for asked in (*callers.COMMANDS, *callers.READINGS) for count in (1, 16)],
        ]
    },
    "footprint": set(),
}
"""What the benchmark was asked to hold: at least so many times as fast, or, negative, at most so much."""


@needs_peers
def test_every_row_checks_the_bars_that_were_promised_and_no_softer_ones() -> None:
    assert PROMISED.keys() == set(command.ROWS)
    for name, promised in PROMISED.items():
        row = command.row(name)
        cases = {"http_command": HTTP_CASES, "http_read": READ_CASES, "growth": GROWTH_CASES}.get(name, [])
        verdicts = row.verdicts([a_round(contender="x", case=case, rate=1.0) for case in cases])
        held = {(one.what, one.bar if one.at_least else -one.bar) for one in verdicts if one.bar is not None}
        assert held == promised, name


def test_growth_is_what_the_slowest_takes_of_what_the_smallest_takes() -> None:
    rates = {"10": (100.0, 50.0), "1,000": (40.0, 20.0), "100,000": (80.0, 45.0)}
    rounds = [
        a_round(contender=size, case="see goal", rate=rate, number=number)
        for size, found in rates.items()
        for number, rate in enumerate(found, 1)
    ]
    (verdict,) = growth.verdicts(rounds)
    assert verdict.value == 2.5
    assert verdict.met is False


def a_round(*, contender: str, case: str, rate: float, number: int = 1) -> Round:
    return Round(contender=contender, case=case, number=number, operations=1, seconds=1.0, rate=rate)


@needs_peers
@pytest.mark.timeout(240)
def test_memory_and_start_are_read_off_every_process(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    asked = [sys.executable, "-m", "scripts.cli", "bench", "footprint", "--quick", "--check"]
    asked += ["--rounds", "1", "--seconds", "0.1", "--json", str(path)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    (part,) = json.loads(path.read_text())["parts"]
    names = {process.name for process in PLAN.processes}
    for case in (footprint.START, footprint.REST, footprint.LOAD):
        read = {one["contender"]: one["value"] for one in part["readings"] if one["case"] == case}
        assert all(value > 0 for value in read.values())
        assert names <= {who.removeprefix(f"{web.OURS}, ") for who in read}
        assert any(who.startswith(web.CRUD) for who in read)
    assert read[f"{web.OURS}, all of its own"] == pytest.approx(
        sum(read[f"{web.OURS}, {name}"] for name in names), 0.01
    )


class Failing:
    """A client that fails while something of its own cannot be stopped."""

    async def open(self) -> None:
        self._task = asyncio.create_task(self._go_on())
        await asyncio.sleep(0)
        raise RuntimeError("there is nobody to ask")

    async def _go_on(self) -> None:
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)


def test_a_client_that_fails_is_heard_of_at_once_whatever_it_left_behind(capfd: pytest.CaptureFixture[str]) -> None:
    """A benchmark once waited for ever for a client whose connection pool would not go."""
    began = time.monotonic()
    with pytest.raises(Stop, match="nobody gave up"), Crew("nobody", "tests.scripts.test_bench:Failing", {}):
        pass
    assert time.monotonic() - began < 90
    assert "there is nobody to ask" in capfd.readouterr().err
