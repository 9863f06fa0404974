"""The benchmark runs, and keeps what a comparison needs. How fast anything is, is not for a test to say."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.bench import measure
from scripts.bench.command import NEEDED
from scripts.bench.measure import Case, Round, Verdict

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
        assert all(verdict["bar"] > 0 and verdict["what"] for verdict in part["verdicts"])
    alone = [one for one in figures["parts"][0]["rounds"] if one["case"] == "1 at once"]
    assert {one["contender"] for one in alone} == {
        "library",
        "library, functions",
        "plain insert",
        "bitacora",
        "copy (limit)",
    }
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
