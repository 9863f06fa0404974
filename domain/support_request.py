"""Support requests: the complaints and the messages that a shopper sent, and how far each has come.

All of one shopper's requests are on one stream, so that erasing the person needs one key.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, assert_never, get_args

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound, Personal

Kind = Literal["complaint", "support"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Status = Literal["pending", "in_progress", "resolved"]
STATUSES: tuple[Status, ...] = get_args(Status)
MAX_TITLE = 500
MAX_TEXT = 20_000
MAX_EXTRA = 16 * 1024
"""Bytes of JSON; as much again for the list of files."""
MAX_ORDER = 100


class SupportRequestSubmitted(Event):
    """A shopper sent a complaint or a message. `files` and `extra` are JSON, as the shopper's client sent it."""

    request: str
    shopper: str
    kind: str
    title: Personal[str]
    text: Personal[str]
    order: str | None = None
    files: Personal[str | None] = None
    extra: Personal[str | None] = None
    at: datetime


class SupportRequestMoved(Event):
    """Somebody of the staff took a request up, resolved it, or put it back."""

    request: str
    shopper: str
    status: str
    previous: str
    at: datetime


class SubmitSupportRequest(Command):
    """Send a complaint or a message."""

    request: str
    shopper: str
    kind: Kind
    title: str
    text: str
    order: str | None = None
    files: str | None = None
    extra: str | None = None
    now: datetime


class MoveSupportRequest(Command):
    """Note how far a request has come."""

    request: str
    shopper: str
    status: Status
    now: datetime


class Sent(msgspec.Struct, frozen=True):
    """A request as the state remembers it: when it was sent, and how far it is."""

    at: datetime
    status: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    requests: Mapping[str, Sent] = {}


def evolve(state: State, event: SupportRequestSubmitted | SupportRequestMoved) -> State:
    match event:
        case SupportRequestSubmitted():
            return State(requests={**state.requests, event.request: Sent(event.at, STATUSES[0])})
        case SupportRequestMoved():
            moved = replace(state.requests[event.request], status=event.status)
            return State(requests={**state.requests, event.request: moved})
        case _:
            assert_never(event)


def decide(state: State, command: SubmitSupportRequest | MoveSupportRequest) -> list[Event]:
    """Refuses with VALUE_NOT_ALLOWED, TEXT_*, EXTRA_TOO_LARGE (Invalid), SUPPORT_REQUEST_NOT_FOUND (NotFound) and
    SUPPORT_REQUEST_ALREADY_EXISTS (Conflict)."""
    match command:
        case SubmitSupportRequest():
            return submit(state, command)
        case MoveSupportRequest():
            status = values.one_of(command.status, STATUSES, "status")
            known = state.requests.get(command.request)
            if known is None:
                raise NotFound("SUPPORT_REQUEST_NOT_FOUND", request=command.request)
            if known.status == status:
                return []
            return [
                SupportRequestMoved(
                    request=command.request,
                    shopper=command.shopper,
                    status=status,
                    previous=known.status,
                    at=command.now,
                )
            ]
        case _:
            assert_never(command)


def submit(state: State, command: SubmitSupportRequest) -> list[Event]:
    submitted = SupportRequestSubmitted(
        request=command.request,
        shopper=command.shopper,
        kind=values.one_of(command.kind, KINDS, "kind"),
        title=values.text(command.title, "title", MAX_TITLE),
        text=values.text(command.text, "text", MAX_TEXT, lines=True),
        order=values.optional_text(command.order, "order", MAX_ORDER),
        files=_small(command.files, "files"),
        extra=_small(command.extra, "extra"),
        at=command.now,
    )
    known = state.requests.get(command.request)
    if known is None:
        return [submitted]
    if known.at == command.now:
        return []
    raise Conflict("SUPPORT_REQUEST_ALREADY_EXISTS", request=command.request)


def _small(json: str | None, field: str) -> str | None:
    if json is not None and len(json.encode(errors="replace")) > MAX_EXTRA:
        raise Invalid("EXTRA_TOO_LARGE", field=field, maximum=MAX_EXTRA)
    return json


def stream(organization: str, shopper: str) -> str:
    return values.stream_name("support_request", organization, shopper)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
