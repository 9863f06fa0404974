"""Writes `docs/events.md`: every event of the system, with its fields and what it says.

Run it after adding an event: `.venv/bin/python -m scripts.eventpage`. A test compares the page with the code.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import msgspec

from domain import catalogue
from domain.model import Event

PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"
HEAD = """# Every event

Written by `python -m scripts.eventpage` from the code; a test keeps it true. Names and fields are a public format: a
new field has a default, a type never changes, a name is never used again. Times are UTC, money is in the smallest unit,
and *sealed* fields say something about a person: they are stored encrypted with the key of the event's stream. The
organisation, who did it and what it answers are in every event's metadata.
"""


def page() -> str:
    """The page as it has to be."""
    lines = [HEAD]
    for module in catalogue.AGGREGATES:
        lines.append(f"\n## {module.__name__.rpartition('.')[2]}\n")
        lines += [
            f"- **{event.__name__}**: {_sentence(event)}  \n  {_fields(event)}" for event in catalogue.events_of(module)
        ]
    return "\n".join(lines) + "\n"


def _sentence(event: type[Event]) -> str:
    return " ".join((inspect.getdoc(event) or "").split())


def _fields(event: type[Event]) -> str:
    sealed = catalogue.personal_fields(event)
    parts = []
    for field in msgspec.structs.fields(event):
        marks = [mark for mark, holds in (("optional", not field.required), ("sealed", field.name in sealed)) if holds]
        parts.append(f"`{field.name}`" + (f" ({', '.join(marks)})" if marks else ""))
    return ", ".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
