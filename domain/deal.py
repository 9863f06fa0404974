"""A deal: an opportunity with a value, moving through the stages of a pipeline until it is won or lost.

A vehicle being financed (Pazz document) is a deal in `vehicle_financing`, with documents and a percentage done; a sale
in the Flow contract is a deal in `sales`. Everything that happened with the customer about it is an activity, and
counts as contact with the customer. An open financing file that stands still comes to need attention, which is noted
once each time. A deal that reached a terminal stage, or was lost, is closed: it keeps its stage, value and partner for
good, and only goes on collecting documents and activities. Values are centavos.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from msgspec.structs import asdict, replace

from domain import attention, pipeline, values
from domain.model import Command, Conflict, Decider, Event, NotFound

MAX_NOTE = 5_000
VEHICLE_YEARS = (1900, 2200)
Activity = Literal["call", "email", "meeting", "proposal", "demo", "note", "message", "visit", "access"]
ACTIVITIES: tuple[Activity, ...] = get_args(Activity)
"""`access`: the customer opened their own file."""


class _OfDeal(Event):
    """What every event of a deal names: the deal, its customer, and the partner who will earn from it."""

    deal: str
    customer: str
    partner: str
    at: datetime


class DealOpened(_OfDeal):
    """An opportunity appeared."""

    pipeline: str
    stage: str
    title: str
    value: int
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    vehicle_year: int | None = None


class DealStageChanged(_OfDeal):
    """The deal moved to another stage of its pipeline."""

    pipeline: str
    stage: str
    previous: str


class DealProgressed(_OfDeal):
    """So much of the customer's part is done, in percent."""

    percentage: int


class DealDocumentAdded(_OfDeal):
    """The customer handed in a document."""

    document: str
    name: str


class DealActivityRecorded(_OfDeal):
    """Something happened with the customer about the deal."""

    activity: str
    kind: str
    note: str | None = None


class DealValueChanged(_OfDeal):
    """The deal is worth another amount."""

    value: int
    previous: int


class DealReassigned(_OfDeal):
    """Another partner will earn from the deal."""

    previous: str


class DealWon(_OfDeal):
    """The deal succeeded. Carries what a commission is reckoned from."""

    pipeline: str
    value: int
    vehicle_make: str | None = None
    vehicle_model: str | None = None


class DealLost(_OfDeal):
    """The deal failed."""

    pipeline: str
    value: int
    reason: str | None = None


class DealNeededAttention(_OfDeal):
    """The customer's file stood still for too long; `since` is the moment that the limit was reached."""

    reason: str
    since: datetime


class _ForDeal(Command):
    deal: str
    now: datetime


class OpenDeal(_ForDeal):
    """Open a deal; it starts in the pipeline's first stage unless `stage` names another one that decides nothing."""

    customer: str
    partner: str
    pipeline: str
    stage: str | None = None
    title: str
    value: int
    vehicle_make: str | None = None
    vehicle_model: str | None = None
    vehicle_year: int | None = None


class MoveDeal(_ForDeal):
    """Move a deal to a stage, forward or back."""

    stage: str


class WinDeal(_ForDeal):
    """Close a deal with success, by moving it to the pipeline's winning stage."""


class LoseDeal(_ForDeal):
    """Close a deal without success, in the pipeline's losing stage if it has one."""

    reason: str | None = None


class ProgressDeal(_ForDeal):
    """Note how much of the customer's part is done: 0 to 100."""

    percentage: int


class AddDealDocument(_ForDeal):
    """Put a document into the customer's file; `document` is its id."""

    document: str
    name: str


class RecordDealActivity(_ForDeal):
    """Note that something happened with the customer; `activity` is its id."""

    activity: str
    kind: Activity
    note: str | None = None


class ChangeDealValue(_ForDeal):
    """Correct what a deal is worth."""

    value: int


class ReassignDeal(_ForDeal):
    """Hand a deal to another partner."""

    partner: str


class NoticeAttention(_ForDeal):
    """Note that the customer's file needs attention, if it does by now."""


class State(msgspec.Struct, frozen=True, kw_only=True):
    opened: DealOpened | None = None  # as it was on the first day; what can change is below
    partner: str = ""
    stage: str = ""
    value: int = 0
    percentage: int = 0
    won: bool = False
    lost: bool = False
    touched: datetime | None = None  # when the customer or their file last moved
    noticed: datetime | None = None  # the limit of which it was noted last that it is past
    recorded: frozenset[str] = frozenset()  # the ids of documents and activities


def evolve(state: State, event: Any) -> State:
    match event:
        case DealOpened():
            opened = replace(state, opened=event, partner=event.partner, stage=event.stage, value=event.value)
            return replace(opened, touched=event.at)
        case DealStageChanged():
            return replace(state, stage=event.stage, touched=event.at)
        case DealProgressed():
            return replace(state, percentage=event.percentage, touched=event.at)
        case DealDocumentAdded(document=identity) | DealActivityRecorded(activity=identity):
            return replace(state, recorded=state.recorded | {identity}, touched=event.at)
        case DealNeededAttention():
            return replace(state, noticed=event.since)
        case DealValueChanged():
            return replace(state, value=event.value)
        case DealReassigned():
            return replace(state, partner=event.partner)
        case DealWon():
            return replace(state, won=True)
        case DealLost():
            return replace(state, lost=True)
    raise TypeError(event)


def decide(state: State, command: Any) -> list[Event]:
    """Refuses with VALUE_NOT_ALLOWED (pipeline, stage, kind), AMOUNT_OUT_OF_RANGE, NUMBER_OUT_OF_RANGE, TEXT_*
    (Invalid), DEAL_NOT_FOUND (NotFound), DEAL_ALREADY_EXISTS and DEAL_CLOSED (Conflict)."""
    if isinstance(command, OpenDeal):
        return open_deal(state, command)
    if state.opened is None:
        raise NotFound("DEAL_NOT_FOUND", deal=command.deal)
    line = pipeline.named(state.opened.pipeline)
    closed = state.lost or line.stage(state.stage).terminal
    if isinstance(command, NoticeAttention):
        return [] if closed else notice(state, command, state.opened)
    events = change(state, command, line)
    if closed and not all(isinstance(event, DealDocumentAdded | DealActivityRecorded) for event in events):
        raise Conflict("DEAL_CLOSED", deal=command.deal, stage=state.stage)
    return events


def change(state: State, command: _ForDeal, line: pipeline.Pipeline) -> list[Event]:
    match command:
        case MoveDeal(stage=stage) if stage != state.stage:
            return move(state, command, line.stage(stage))
        case WinDeal() if not state.won:
            return move(state, command, line.winning)
        case LoseDeal() if not state.lost:
            reason = values.optional_text(command.reason, "reason", MAX_NOTE, lines=True)
            if line.losing is None:
                return [happened(DealLost, state, command, reason=reason)]
            return move(state, command, line.losing, reason)
        case ProgressDeal(percentage=percentage) if percentage != state.percentage:
            values.number(percentage, "percentage", 0, 100)
            return [happened(DealProgressed, state, command, percentage=percentage)]
        case ChangeDealValue(value=value) if value != state.value:
            values.money(value, "value")
            return [happened(DealValueChanged, state, command, value=value, previous=state.value)]
        case ReassignDeal(partner=partner) if partner != state.partner:
            return [happened(DealReassigned, state, command, partner=partner, previous=state.partner)]
        case AddDealDocument(document=document) if document not in state.recorded:
            name = values.text(command.name, "name")
            return [happened(DealDocumentAdded, state, command, document=document, name=name)]
        case RecordDealActivity(activity=activity) if activity not in state.recorded:
            kind = values.one_of(command.kind, ACTIVITIES, "kind")
            note = values.optional_text(command.note, "note", MAX_NOTE, lines=True)
            return [happened(DealActivityRecorded, state, command, activity=activity, kind=kind, note=note)]
    return []


def notice(state: State, command: NoticeAttention, opened: DealOpened) -> list[Event]:
    """That a limit is past is noted once for each limit; a file that moved since has another one."""
    if opened.pipeline != attention.PIPELINE:
        return []
    since, reason = attention.due(state.stage, opened.at, state.touched or opened.at)
    if command.now <= since or state.noticed == since:
        return []
    return [happened(DealNeededAttention, state, command, reason=reason, since=since)]


def open_deal(state: State, command: OpenDeal) -> list[Event]:
    line = pipeline.named(command.pipeline)
    stage = line.first if command.stage is None else line.stage(command.stage)
    year = command.vehicle_year
    opened = DealOpened(
        deal=command.deal,
        customer=command.customer,
        partner=command.partner,
        pipeline=line.name,
        stage=stage.name,
        title=values.text(command.title, "title"),
        value=values.money(command.value, "value"),
        vehicle_make=values.optional_text(command.vehicle_make, "vehicle_make"),
        vehicle_model=values.optional_text(command.vehicle_model, "vehicle_model"),
        vehicle_year=None if year is None else values.number(year, "vehicle_year", *VEHICLE_YEARS),
        at=command.now,
    )
    if state.opened is None:
        return [opened, *outcome(evolve(state, opened), command, stage)]
    if replace(opened, at=state.opened.at) == state.opened:
        return []
    raise Conflict("DEAL_ALREADY_EXISTS", deal=command.deal)


def move(state: State, command: _ForDeal, stage: pipeline.Stage, reason: str | None = None) -> list[Event]:
    moved = happened(DealStageChanged, state, command, stage=stage.name, previous=state.stage)
    return [moved, *outcome(state, command, stage, reason)]


def outcome(state: State, command: _ForDeal, stage: pipeline.Stage, reason: str | None = None) -> list[Event]:
    """What reaching a stage decides."""
    if stage.won and not state.won:
        return [happened(DealWon, state, command)]
    return [happened(DealLost, state, command, reason=reason)] if stage.lost else []


def happened(kind: type[_OfDeal], state: State, command: _ForDeal, /, **what: Any) -> _OfDeal:
    """An event of this deal: what every such event names, what the kind repeats of the deal, and `what` is new."""
    assert state.opened is not None
    known = {**asdict(state.opened), "partner": state.partner, "value": state.value, "at": command.now, **what}
    return kind(**{field: known[field] for field in kind.__struct_fields__})


def stream(organization: str, deal: str) -> str:
    return values.stream_name("deal", organization, deal)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
