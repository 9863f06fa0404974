"""A stranger that knows nothing but our own description calls every route, and finds no fault."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.http import World

RUN = [
    str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run",
    "--max-examples", "20", "--seed", "1", "--generation-database", "none", "--warnings", "off",
    "--request-timeout", "60", "--suppress-health-check", "all",
]  # fmt: skip


@pytest.mark.timeout(600)
def test_the_description_of_pazz_holds(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def unlimited(*checks: object) -> None:
        """So many calls in so little time would otherwise be told to come back later."""

    monkeypatch.setattr(world.runtime.limits, "count", unlimited)
    client = world.signed_in(world.user("partner", region="centro"))
    for exclude in (["--exclude-path", "/api/v1/auth/logout"], ["--include-path", "/api/v1/auth/logout"]):
        ran = subprocess.run(
            [*RUN, "--header", f"Authorization: Bearer {client.token}", *exclude,
             f"{world.address}/pazz/docs/openapi.json"],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
