"""A shopper's preferences: which screen was open, whether to notify, which theme. What is not mentioned stays."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never, get_args

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from domain import values
from domain.model import Command, Decider, Event

Screen = Literal["home", "catalogue", "orders", "complaint", "profile", "invoices", "support", "cart"]
SCREENS: tuple[Screen, ...] = get_args(Screen)
FIRST_SCREEN: Screen = "home"
FIRST_THEME = "dark"
MAX_THEME = 32


class PreferencesChanged(Event):
    """A shopper chose, for the first time or otherwise. A field that is absent stayed as it was."""

    shopper: str
    screen: str | UnsetType = UNSET
    notifications: bool | UnsetType = UNSET
    theme: str | UnsetType = UNSET
    at: datetime


class ChangePreferences(Command):
    """Keep a choice: a field left `UNSET` stays as it is."""

    shopper: str
    screen: Screen | UnsetType = UNSET
    notifications: bool | UnsetType = UNSET
    theme: str | UnsetType = UNSET
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen. What everybody begins with is no choice as long as nobody makes it."""

    screen: str | UnsetType = UNSET
    notifications: bool | UnsetType = UNSET
    theme: str | UnsetType = UNSET


def evolve(state: State, event: PreferencesChanged) -> State:
    return replace(
        state,
        screen=state.screen if event.screen is UNSET else event.screen,
        notifications=state.notifications if event.notifications is UNSET else event.notifications,
        theme=state.theme if event.theme is UNSET else event.theme,
    )


def decide(state: State, command: ChangePreferences) -> list[Event]:
    """Refuses with VALUE_NOT_ALLOWED and TEXT_* (Invalid)."""
    match command:
        case ChangePreferences():
            screen = state.screen if command.screen is UNSET else values.one_of(command.screen, SCREENS, "screen")
            theme = state.theme if command.theme is UNSET else values.text(command.theme, "theme", MAX_THEME)
            notifications = state.notifications if command.notifications is UNSET else command.notifications
            changed = PreferencesChanged(
                shopper=command.shopper,
                screen=UNSET if screen == state.screen else screen,
                notifications=UNSET if notifications == state.notifications else notifications,
                theme=UNSET if theme == state.theme else theme,
                at=command.now,
            )
            return [] if evolve(state, changed) == state else [changed]
        case _:
            assert_never(command)


def stream(organization: str, shopper: str) -> str:
    return values.stream_name("preferences", organization, shopper)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
