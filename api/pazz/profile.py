"""The partner's profile: level, accumulated sales, and how far the next level is."""

from __future__ import annotations

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency

from api.context import Caller
from api.pazz import contract
from api.pazz.contract import Done
from api.runtime import Runtime
from domain import values
from projections import levels
from settings import Settings

NAMES = ("starter", "master", "legend")


class LevelProgress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Pesos sold, pesos the next level takes, and the percentage with one decimal; at the top level the last threshold
    and 100 (C5)."""

    current_sales: float
    next_level_required: float
    percentage_complete: float


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A partner's standing. `commissionRate` in percent."""

    user_id: str
    current_level: str
    accumulated_sales: float
    level_progress: LevelProgress
    commission_rate: float


def shown(settings: Settings, partner: str, row: levels.Level) -> Profile:
    """A partner's standing as every answer and push shows it."""
    place = NAMES.index(row.level)
    top = place == len(NAMES) - 1
    required = settings.level_sales[min(place, len(settings.level_sales) - 1)]
    return Profile(
        user_id=partner,
        current_level=row.level,
        accumulated_sales=values.units(row.accumulated),
        level_progress=LevelProgress(
            current_sales=values.units(row.accumulated),
            next_level_required=values.units(required),
            percentage_complete=100.0 if top else contract.percent(min(row.accumulated, required), required),
        ),
        commission_rate=settings.level_rates[place] / 100,
    )


@get("/api/v1/user/profile", summary="The partner's level and sales", tags=["user"])
async def show_profile(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Done[Profile]:
    """The caller's level, accumulated sales and progress."""
    row = await levels.of_partner(runtime.views, caller.organization, caller.id)
    return Done(data=shown(runtime.settings, caller.id, row))


router = Router("/", route_handlers=[show_profile])
