"""What a view is: one file with its tables, its `apply` and its queries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, LiteralString, Protocol

from domain.model import Event
from eventstore.mapper import Recorded

Statement = tuple[LiteralString, Sequence[Any] | Mapping[str, Any]]
"""A SQL constant of the view's file, and its parameters."""


class View(Protocol):
    """A module of `projections/` that the projector keeps. Its name is the module's name."""

    __name__: str

    @property
    def VERSION(self) -> int:
        """Raised with every change of tables or `apply`; the view is then built anew beside the old one."""
        ...

    @property
    def TABLES(self) -> LiteralString:
        """The statements that create the view's tables and indexes, unqualified."""
        ...

    @property
    def EVENTS(self) -> tuple[type[Event], ...]:
        """The events that `apply` has statements for."""
        ...

    def apply(self, recorded: Recorded) -> Iterable[Statement]:
        """The statements that bring the view's tables to after this event. Pure, and never refuses: it happened."""
        ...


def mergeable(view: View) -> Collection[LiteralString]:
    """The view's `MERGED`, if it has any: statements whose parameters are all arrays, one per column, and that may take
    the rows of many events at once where nothing else of the view comes between."""
    return getattr(view, "MERGED", ())


def name(view: View) -> str:
    """The view's name: the word of its file."""
    return view.__name__.rpartition(".")[2]
