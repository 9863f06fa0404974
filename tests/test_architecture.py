"""The layers hold, and the test that says so bites."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import layers

ROOT = Path(__file__).resolve().parent.parent


def test_the_code_keeps_the_rules() -> None:
    assert layers.violations(ROOT) == []


PLANTED = {
    "the domain imports the store": ("domain/goal.py", "from eventstore import log", "not below it"),
    "the domain looks at the clock": ("domain/goal.py", "from datetime import datetime\nNOW = datetime.now()", "clock"),
    "the domain rolls dice": ("domain/goal.py", "import random", "pure"),
    "the domain uses a framework": ("domain/goal.py", "import litestar", "pure"),
    "the domain reads settings": ("domain/goal.py", "import settings", "handed in"),
    "an aggregate imports another": ("domain/goal.py", "from domain import goal2\nDECIDER = 1", "know each other"),
    "the store imports a view": ("eventstore/log.py", "import projections.goals", "not below it"),
    "a view imports another": ("projections/goals.py", "from projections import goals2\nTABLES = 1", "know each other"),
    "a view imports the api": ("projections/goals.py", "from api import commands", "not below it"),
    "a worker imports the api": ("workers/feed.py", "from api.pazz import goals", "not below it"),
    "the api imports a worker": ("api/app.py", "import workers.feed", "not below it"),
    "a frontend imports another": ("api/pazz/goals.py", "from api.office import deals", "know each other"),
    "a route holds SQL": ("api/pazz/goals.py", 'FIND = "select amount from goals where id = %s"', "SQL"),
    "an aggregate holds SQL": ("domain/goal.py", 'FIND = "\\n  delete from goals where id = %s"', "SQL"),
    "a file that nobody can read": ("api/app.py", "x = 1\n" * 500, "one sitting"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_a_planted_violation_is_found(what: str, tmp_path: Path) -> None:
    path, source, said = PLANTED[what]
    file = tmp_path / path
    file.parent.mkdir(parents=True)
    file.write_text(source, encoding="utf-8")
    if "2\n" in source:  # another one beside it
        file.with_stem(file.stem + "2").write_text(source.split("\n")[1], encoding="utf-8")
    found = layers.violations(tmp_path)
    assert len(found) == 1, found
    assert said in found[0]


def test_what_is_allowed_is_not_found(tmp_path: Path) -> None:
    for path, source in {
        "domain/goal.py": "import msgspec\nfrom domain import values\nfrom domain.model import Event\n",
        "projections/goals.py": "from projections.view import Statement\nSQL = 'select 1 from goals'\n",
        "api/pazz/goals.py": "from api.pazz import contract\nfrom projections import goals\nfrom domain import goal\n",
        "scripts/cli.py": "from workers import feed\nfrom api import app\nimport settings\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(source, encoding="utf-8")
    assert layers.violations(tmp_path) == []
