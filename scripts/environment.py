"""Whether the virtual environment already holds what the lock file asks for, told without starting uv.

A note inside the environment says what it was made from and which packages it got. An environment changed by hand, a
moved clone, another Python or a new lock file no longer match the note.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

VENV = ".venv"
NOTE = "bitacora.json"


@dataclass(frozen=True)
class Environment:
    """The environment that a command wants: `groups` on top of the packages of the product."""

    venv: Path
    key: str
    groups: tuple[str, ...]

    @classmethod
    def wanted(cls, root: Path, interpreter: str, groups: Iterable[str]) -> Environment:
        """The groups asked for and those already there, so that `up` does not remove what `test` installed."""
        lock = hashlib.sha256((root / "uv.lock").read_bytes()).hexdigest()
        key = f"{lock} {sys.version_info[0]}.{sys.version_info[1]} {interpreter} {root}"
        there = read(root / VENV).get("groups", [])
        return cls(root / VENV, key, tuple(sorted({*groups, *there})))

    def is_complete(self) -> bool:
        """Whether nothing has to be installed."""
        note = read(self.venv)
        return (
            note.get("key") == self.key
            and set(self.groups) <= set(note["groups"])
            and set(note["packages"]) <= set(self.packages())
            and os.access(self.venv / "bin" / "python", os.X_OK)
        )

    def packages(self) -> list[str]:
        """What is installed, as the names that installers leave."""
        return sorted(path.name for path in self.venv.glob("lib/python*/site-packages/*.dist-info"))

    def forget(self) -> None:
        """Drop the note before a change, so that an interrupted one is not taken for complete."""
        (self.venv / NOTE).unlink(missing_ok=True)

    def remember(self) -> None:
        """Leave the note after a change."""
        note = {"key": self.key, "groups": list(self.groups), "packages": self.packages()}
        (self.venv / NOTE).write_text(json.dumps(note, indent=1))


def read(venv: Path) -> dict[str, Any]:
    """The note of an environment, empty when there is none that can be read."""
    try:
        return json.loads((venv / NOTE).read_text())
    except (OSError, ValueError):
        return {}
