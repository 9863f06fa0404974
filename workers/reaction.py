"""What a reaction is: one file that says "when X, then Y"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from domain.model import Command, Decider, Event
from eventstore.connect import AsyncConnection
from eventstore.execute import Store
from eventstore.mapper import Recorded
from settings import Settings
from workers.gateways.mail import Mail


class Run(msgspec.Struct, frozen=True):
    """An intention: run this command on that stream."""

    decider: Decider[Any]
    stream: str
    command: Command


class Forget(msgspec.Struct, frozen=True):
    """An intention: destroy the key of this person's stream, their password and their sign-ins. Doing it again changes
    nothing."""

    subject: str


class Outside(Protocol):
    """What a call to the outside world has at hand."""

    @property
    def settings(self) -> Settings: ...

    def connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for reading views."""
        ...

    @property
    def store(self) -> Store:
        """For work that runs commands of its own."""
        ...

    def mail(self) -> Mail:
        """The way for letters to leave. Raises `NoGateway`."""
        ...


class Call(msgspec.Struct, frozen=True):
    """An intention: `work(outside, *arguments)`, such as a call to the outside world. It is made at least once, and
    again later when it raises; commands that it runs must lead to nothing the second time."""

    work: Callable[..., Awaitable[None]]
    arguments: tuple[str, ...]


class Reaction(Protocol):
    """A module of `workers/`. Its name is the module's name, and part of every key: renaming it forgets what it did."""

    __name__: str

    @property
    def EVENTS(self) -> tuple[type[Event], ...]:
        """The events that it answers."""
        ...

    def react(self, recorded: Recorded, settings: Settings) -> Iterable[Run | Forget | Call]:
        """What has to happen because of this event. Pure: the same event always means the same."""
        ...


def name(reaction: Reaction) -> str:
    """The reaction's name: the word of its file."""
    return reaction.__name__.rpartition(".")[2]
