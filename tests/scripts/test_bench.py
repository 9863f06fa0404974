"""The benchmark runs, and keeps what a comparison needs. How fast anything is, is not for a test to say."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
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
from scripts.bench import callers, filling, measure, web, world
from scripts.bench.command import NEEDED
from scripts.bench.http import Connection
from scripts.bench.measure import Case, Round, Verdict
from scripts.bench.stage import stage
from tests.support import store

needs_peers = pytest.mark.skipif(
    any(find_spec(name) is None for name in NEEDED), reason="the dependency group `bench` is not installed"
)


@needs_peers
@pytest.mark.timeout(240)
def test_a_quick_run_keeps_every_round_and_what_was_in_force(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    command = [sys.executable, "-m", "scripts.cli", "bench", "append", "--only", "project", "--quick"]
    command += ["--rounds", "1", "--seconds", "0.1", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
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
    if shutil.which("npm"):
        assert {one["contender"] for one in alone} == {*everybody, "Emmett (node)"}, figures["notes"]
    else:
        assert {one["contender"] for one in alone} == everybody
        assert "Emmett" in figures["notes"][0]
    assert all(one["p50"] <= one["p95"] <= one["p99"] for one in alone if one["p50"] is not None)


def test_an_unknown_row_is_refused_and_the_known_ones_are_named() -> None:
    command = [sys.executable, "-m", "scripts.cli", "bench", "everything"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
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
