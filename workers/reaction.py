"""What a reaction is: one file that says "when X, then Y"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from domain.model import Command, Decider, Event
from eventstore.mapper import Recorded
from settings import Settings


class Run(msgspec.Struct, frozen=True):
    """An intention: run this command on that stream."""

    decider: Decider[Any]
    stream: str
    command: Command


class Forget(msgspec.Struct, frozen=True):
    """An intention: destroy the key of this person's stream and end their sign-ins. Doing it again changes nothing."""

    subject: str


class Reaction(Protocol):
    """A module of `workers/`. Its name is the module's name, and part of every key: renaming it forgets what it did."""

    __name__: str

    @property
    def EVENTS(self) -> tuple[type[Event], ...]:
        """The events that it answers."""
        ...

    def react(self, recorded: Recorded, settings: Settings) -> Iterable[Run | Forget]:
        """What has to happen because of this event. Pure: the same event always means the same."""
        ...


def name(reaction: Reaction) -> str:
    """The reaction's name: the word of its file."""
    return reaction.__name__.rpartition(".")[2]
