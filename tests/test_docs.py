"""The documentation says what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import settings
from scripts import eventpage, filemap

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]+\]\((?!https?:|mailto:|#)([^)#]+)(?:#[^)]*)?\)")
MENTION = re.compile(r"`((?:domain|eventstore|projections|api|workers|scripts|tests|docs)/[\w/.-]+)`")


def test_the_file_map_is_the_code() -> None:
    assert filemap.PAGE.read_text(encoding="utf-8") == filemap.page(), "run: .venv/bin/python -m scripts.filemap"


def test_the_event_catalogue_is_the_code() -> None:
    assert eventpage.PAGE.read_text(encoding="utf-8") == eventpage.page(), "run: .venv/bin/python -m scripts.eventpage"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_and_every_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = [page.parent / target for target in LINK.findall(text)]
    named = [ROOT / target for target in MENTION.findall(text)]
    assert [str(path) for path in [*linked, *named] if not path.exists()] == []


def test_every_setting_is_in_the_operations_manual() -> None:
    manual = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [variable for variable in settings.VARIABLES.values() if variable not in manual] == []


def test_every_decision_record_is_listed() -> None:
    records = [path for path in (ROOT / "docs" / "decisions").glob("*.md") if path.name != "README.md"]
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in records if path.name not in listed] == []
