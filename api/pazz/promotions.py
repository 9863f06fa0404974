"""Promotions that a partner can offer now."""

from __future__ import annotations

from datetime import datetime

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency

from api.context import Caller
from api.pazz import contract
from api.pazz.contract import Done
from api.runtime import Runtime
from domain import values
from eventstore.reading import Source
from projections import levels, promotions
from projections.promotions import Audience


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Pesos a month when paying for this many months."""

    months: int
    amount: float


class Promotion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An offer; amounts in pesos."""

    id: str
    title: str
    subtitle: str
    image_url: str
    bonus_amount: float
    original_price: float
    final_price: float
    valid_from: str
    valid_to: str
    is_active: bool
    monthly_payments: list[Payment]
    terms_and_conditions: str | msgspec.UnsetType = msgspec.UNSET


class NextPromotion(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The one to start next (C15)."""

    id: str
    title: str
    valid_from: str


class About(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many there are, and what comes."""

    total_active: int
    next_promotion: NextPromotion | None


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """What the partner can offer now, by priority, then by start."""

    promotions: list[Promotion]
    metadata: About


def shown(row: promotions.Promotion, now: datetime) -> Promotion:
    """A promotion as every answer and push shows it."""
    return Promotion(
        id=row.id,
        title=row.title,
        subtitle=row.subtitle,
        image_url=row.image_url,
        bonus_amount=values.units(row.bonus_amount),
        original_price=values.units(row.original_price),
        final_price=values.units(row.final_price),
        valid_from=contract.iso(row.valid_from),
        valid_to=contract.iso(row.valid_to),
        is_active=promotions.is_active(row, now),
        monthly_payments=[
            Payment(months=payment["months"], amount=values.units(payment["amount"]))
            for payment in row.monthly_payments
        ],
        terms_and_conditions=row.terms_url or msgspec.UNSET,
    )


async def audience(source: Source, caller: Caller) -> Audience:
    """The caller as promotions see them: region and level decide what concerns them (C8)."""
    level = await levels.of_partner(source, caller.organization, caller.id)
    return Audience(organization=caller.organization, region=caller.region, level=level.level)


@get("/active", summary="Promotions in force")
async def show_active(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Done[Active]:
    """The promotions whose time is now and that are for the caller's region and level."""
    now = runtime.clock()
    whose = await audience(runtime.views, caller)
    rows = await promotions.active(runtime.views, whose, now)
    coming = await promotions.coming(runtime.views, whose, now)
    next_promotion = coming and NextPromotion(
        id=coming.id, title=coming.title, valid_from=contract.iso(coming.valid_from)
    )
    about = About(total_active=len(rows), next_promotion=next_promotion)
    return Done(data=Active(promotions=[shown(row, now) for row in rows], metadata=about))


router = Router("/api/v1/promotions", route_handlers=[show_active], tags=["promotions"])
