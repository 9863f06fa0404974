"""A promotion: an offer that partners can make to customers between two moments.

It is active from `valid_from` until just before `valid_to`, unless it was ended before. Regions and levels say which
partners may make it; where they name none, every partner may (Pazz contract). Amounts are centavos.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, assert_never

import msgspec
from msgspec.structs import asdict, replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound
from domain.values import LEVELS, LevelName

MAX_PAYMENTS = 24
MAX_MONTHS = 120
MAX_REGIONS = 50
PRIORITIES = (1, 1_000)


class MonthlyPayment(msgspec.Struct, frozen=True, kw_only=True):
    """What the customer pays each month when paying for this many months."""

    months: int
    amount: int


class _Offer(Event):
    promotion: str
    title: str
    subtitle: str
    image_url: str
    bonus_amount: int
    original_price: int
    final_price: int
    valid_from: datetime
    valid_to: datetime
    monthly_payments: tuple[MonthlyPayment, ...]
    terms_url: str | None = None
    priority: int
    regions: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    at: datetime


class PromotionAnnounced(_Offer):
    """An offer was prepared. The lower its priority's number, the earlier it is shown."""


class PromotionChanged(_Offer):
    """An offer was corrected; carries all of it, as it is now."""


class PromotionStarted(Event):
    """An offer's time has come."""

    promotion: str
    valid_from: datetime
    valid_to: datetime
    at: datetime


class PromotionEnded(Event):
    """An offer was withdrawn before its time was over."""

    promotion: str
    at: datetime


class AnnouncePromotion(Command):
    """Prepare an offer. `image_url` is an https address without query string, since the document's client appends one;
    `terms_url` is an https address; times carry their zone."""

    promotion: str
    title: str
    subtitle: str
    image_url: str
    bonus_amount: int
    original_price: int
    final_price: int
    valid_from: datetime
    valid_to: datetime
    monthly_payments: tuple[MonthlyPayment, ...] = ()
    terms_url: str | None = None
    priority: int = 100
    regions: tuple[str, ...] = ()
    levels: tuple[LevelName, ...] = ()
    now: datetime


class ChangePromotion(AnnouncePromotion):
    """Correct an offer: takes all of it, as it should be."""


class StartPromotion(Command):
    """Note that an offer's time has come."""

    promotion: str
    now: datetime


class EndPromotion(Command):
    """Withdraw an offer."""

    promotion: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    announced: PromotionAnnounced | None = None
    """As it was announced; a repeated announcement says the same."""
    offer: PromotionAnnounced | PromotionChanged | None = None
    started: bool = False
    ended: bool = False


def evolve(state: State, event: PromotionAnnounced | PromotionChanged | PromotionStarted | PromotionEnded) -> State:
    match event:
        case PromotionAnnounced():
            return replace(state, announced=event, offer=event)
        case PromotionChanged():
            return replace(state, offer=event, started=state.started and goes_on(state.offer, event))
        case PromotionStarted():
            return replace(state, started=True)
        case PromotionEnded():
            return replace(state, ended=True)
        case _:
            assert_never(event)


def goes_on(offer: PromotionAnnounced | PromotionChanged | None, changed: PromotionChanged) -> bool:
    """Whether an offer that had started still runs after a change; one that was put off, or over, starts anew."""
    return offer is not None and changed.valid_from <= changed.at < offer.valid_to


def decide(state: State, command: AnnouncePromotion | ChangePromotion | StartPromotion | EndPromotion) -> list[Event]:
    """Refuses with TEXT_*, URL_INVALID, AMOUNT_OUT_OF_RANGE, NUMBER_OUT_OF_RANGE, VALUE_NOT_ALLOWED, LIST_TOO_LONG,
    TIME_WITHOUT_ZONE, TIME_OUT_OF_RANGE, WINDOW_INVALID (Invalid), PROMOTION_NOT_FOUND (NotFound),
    PROMOTION_ALREADY_EXISTS, PROMOTION_ENDED, PROMOTION_NOT_DUE and PROMOTION_OVER (Conflict)."""
    if isinstance(command, AnnouncePromotion) and not isinstance(command, ChangePromotion):
        return announce(state, command)
    if state.offer is None:
        raise NotFound("PROMOTION_NOT_FOUND", promotion=command.promotion)
    match command:
        case ChangePromotion():
            return change(state, state.offer, command)
        case StartPromotion():
            return start(state, state.offer, command)
        case EndPromotion():
            return [] if state.ended else [PromotionEnded(promotion=command.promotion, at=command.now)]
        case _:
            assert_never(command)


def announce(state: State, command: AnnouncePromotion) -> list[Event]:
    announced = PromotionAnnounced(**checked(command))
    if state.announced is None:
        return [announced]
    if replace(announced, at=state.announced.at) == state.announced:
        return []
    raise Conflict("PROMOTION_ALREADY_EXISTS", promotion=command.promotion)


def change(state: State, offer: PromotionAnnounced | PromotionChanged, command: ChangePromotion) -> list[Event]:
    changed = PromotionChanged(**checked(command))
    if replace(changed, at=offer.at) == PromotionChanged(**asdict(offer)):
        return []
    if state.ended:
        raise Conflict("PROMOTION_ENDED", promotion=command.promotion)
    return [changed]


def start(state: State, offer: PromotionAnnounced | PromotionChanged, command: StartPromotion) -> list[Event]:
    if state.started:
        return []
    if state.ended:
        raise Conflict("PROMOTION_ENDED", promotion=command.promotion)
    if command.now < offer.valid_from:
        raise Conflict("PROMOTION_NOT_DUE", promotion=command.promotion, valid_from=offer.valid_from)
    if command.now >= offer.valid_to:
        raise Conflict("PROMOTION_OVER", promotion=command.promotion, valid_to=offer.valid_to)
    return [
        PromotionStarted(
            promotion=command.promotion, valid_from=offer.valid_from, valid_to=offer.valid_to, at=command.now
        )
    ]


def checked(command: AnnouncePromotion) -> dict[str, Any]:
    """The fields of the event that says what the command asks for."""
    original = values.money(command.original_price, "original_price", minimum=1)
    valid_from = values.utc(command.valid_from, "valid_from")
    valid_to = values.utc(command.valid_to, "valid_to")
    if valid_to <= valid_from:
        raise Invalid("WINDOW_INVALID", field="valid_to")
    for field, items, maximum in (
        ("monthly_payments", command.monthly_payments, MAX_PAYMENTS),
        ("regions", command.regions, MAX_REGIONS),
        ("levels", command.levels, len(LEVELS)),
    ):
        if len(items) > maximum:
            raise Invalid("LIST_TOO_LONG", field=field, maximum=maximum)
    for payment in command.monthly_payments:
        values.number(payment.months, "monthly_payments", 1, MAX_MONTHS)
        values.money(payment.amount, "monthly_payments", minimum=1)
    return {
        "promotion": command.promotion,
        "title": values.text(command.title, "title"),
        "subtitle": values.text(command.subtitle, "subtitle"),
        "image_url": values.https_url(command.image_url, "image_url", query=False),
        "bonus_amount": values.money(command.bonus_amount, "bonus_amount", maximum=original),
        "original_price": original,
        "final_price": values.money(command.final_price, "final_price", minimum=1, maximum=original),
        "valid_from": valid_from,
        "valid_to": valid_to,
        "monthly_payments": tuple(command.monthly_payments),
        "terms_url": None if command.terms_url is None else values.https_url(command.terms_url, "terms_url"),
        "priority": values.number(command.priority, "priority", *PRIORITIES),
        "regions": tuple(values.text(region, "regions") for region in command.regions),
        "levels": tuple(values.one_of(level, LEVELS, "levels") for level in command.levels),
        "at": command.now,
    }


def stream(organization: str, promotion: str) -> str:
    return values.stream_name("promotion", organization, promotion)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
