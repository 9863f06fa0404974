"""`bitacora prove sends` in short: real processes, some of them killed, and three books that agree; and the same proof
with a fault planted in the senders, which it must find."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROVE = [sys.executable, "-c", "from scripts.cli import main; main()", "prove", "sends"]


def prove(tmp_path: Path, *choices: str) -> tuple[subprocess.CompletedProcess[str], dict[str, object]]:
    """What the command said, and its result."""
    result = tmp_path / "result.json"
    own = {name: value for name, value in os.environ.items() if not name.startswith("BITACORA_")}
    ran = subprocess.run(
        [*PROVE, *choices, "--json", str(result)],
        capture_output=True, text=True, check=False, cwd=ROOT, env=own, timeout=280,
    )  # fmt: skip
    assert result.exists(), ran.stdout + ran.stderr
    return ran, json.loads(result.read_text())


@pytest.mark.timeout(300)
def test_nobody_gets_a_copy_twice_and_nobody_none_whoever_is_killed(tmp_path: Path) -> None:
    ran, result = prove(
        tmp_path, "--recipients", "60", "--kills", "4", "--lost-acks", "10%", "--flush-redis", "1", "--seed", "7"
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "doubled=0 missing=0 unresolved=0" in ran.stdout
    assert result["holds"] is True
    killed = result["killed"]
    assert isinstance(killed, dict)
    assert sum(killed.values()) >= 4, "a proof without a kill proves little"
    assert result["flushed"] == 1


@pytest.mark.timeout(300)
def test_the_proof_finds_senders_that_call_before_they_claim(tmp_path: Path) -> None:
    ran, result = prove(
        tmp_path, "--recipients", "20", "--kills", "0", "--flush-redis", "0", "--seed", "7", "--patience", "6",
        "--break", "claim",
    )  # fmt: skip
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert result["holds"] is False
    found = re.search(r"doubled=(\d+) missing=(\d+) unresolved=(\d+)", ran.stdout)
    assert found, ran.stdout
    assert sum(map(int, found.groups())) > 0
