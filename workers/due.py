"""What the clock does when its time has come: one file that says "when X is due, then Y"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from eventstore.connect import AsyncConnection
from settings import Settings
from workers.reaction import Run


class Owed(msgspec.Struct, frozen=True):
    """A command whose time has come, for this organisation."""

    organization: str
    run: Run


class Due(Protocol):
    """A module of `workers/` that asks a view what is due."""

    __name__: str

    async def due(self, connection: AsyncConnection, now: datetime, limit: int, settings: Settings) -> Sequence[Owed]:
        """What is due at this moment, the longest due first. A view may lag behind, so the same may be said again: the
        command of something that has happened already must lead to nothing."""
        ...


def name(due: Due) -> str:
    """Its name: the word of its file."""
    return due.__name__.rpartition(".")[2]
