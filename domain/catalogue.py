"""Every aggregate of the system and every event they record.

An event's stored name is its class name, so no two may share one. Personal fields are found from the annotations.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cache
from types import ModuleType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec

from domain import (
    cart,
    claim,
    commission,
    contact,
    contact_import,
    customer,
    deal,
    delivery,
    draft,
    goal,
    group,
    level,
    notification,
    organization,
    preferences,
    product,
    promotion,
    scheduled_message,
    shopper,
    support_request,
    user,
)
from domain.model import PERSONAL, Command, Event

AGGREGATES: tuple[ModuleType, ...] = (
    organization,
    user,
    claim,
    customer,
    deal,
    commission,
    goal,
    level,
    promotion,
    scheduled_message,
    delivery,
    shopper,
    product,
    cart,
    draft,
    preferences,
    support_request,
    contact,
    group,
    contact_import,
    notification,
)


def events_of(module: ModuleType) -> tuple[type[Event], ...]:
    """The events that an aggregate declares, in the order of its file."""
    return tuple(_declared(module, Event))


def commands_of(module: ModuleType) -> tuple[type[Command], ...]:
    """The commands that an aggregate declares, in the order of its file."""
    return tuple(_declared(module, Command))


def _declared(module: ModuleType, kind: type) -> list[Any]:
    return [
        item
        for item in vars(module).values()
        if inspect.isclass(item)
        and issubclass(item, kind)
        and item.__module__ in (module.__name__, getattr(module, "WORDS", None))
        and not item.__name__.startswith("_")  # what several of them share is none itself
    ]


def collected(modules: Iterable[ModuleType]) -> dict[str, type[Event]]:
    """Stored name -> event; raises `ValueError` for a name declared twice or personal data of another type."""
    events: dict[str, type[Event]] = {}
    for module in modules:
        for event in events_of(module):
            if (other := events.get(event.__name__)) is not None:
                raise ValueError(f"{event.__name__} is declared in {other.__module__} and in {event.__module__}")
            personal_fields(event)
            events[event.__name__] = event
    return events


@cache
def personal_fields(event: type[Event]) -> tuple[str, ...]:
    """The fields of an event that say something about a person. Raises `ValueError` unless each is exactly
    `Personal[str]` or `Personal[str | None]`, either of them possibly absent (`| UnsetType`)."""
    found: list[str] = []
    for field, hint in get_type_hints(event, include_extras=True).items():
        if _allowed(hint):
            found.append(field)
        elif _speaks_of_a_person(hint):
            raise ValueError(f"{event.__name__}.{field}: personal data is Personal[str] or Personal[str | None]")
    return tuple(found)


def _allowed(hint: Any) -> bool:
    parts = [part for part in _alternatives(hint) if part is not msgspec.UnsetType]
    if len(parts) != 1 or not _marked(parts[0]):
        return False
    return {*_alternatives(get_args(parts[0])[0])} in ({str}, {str, type(None)})


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _marked(hint: Any) -> bool:
    return get_origin(hint) is Annotated and any(
        isinstance(note, msgspec.Meta) and PERSONAL in (note.extra or {}) for note in hint.__metadata__
    )


def _speaks_of_a_person(hint: Any) -> bool:
    """Whether the mark stands anywhere inside: in a union, a list, a nested struct."""
    if _marked(hint):
        return True
    if inspect.isclass(hint) and issubclass(hint, msgspec.Struct):
        return any(_speaks_of_a_person(inner) for inner in get_type_hints(hint, include_extras=True).values())
    return any(_speaks_of_a_person(inner) for inner in get_args(hint))


EVENTS: Mapping[str, type[Event]] = collected(AGGREGATES)
