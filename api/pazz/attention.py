"""Clients who need attention: whose file stands still for too long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from api.context import Caller
from api.pazz import contract, phrases
from api.pazz.contract import Done
from api.runtime import Runtime
from eventstore import reading
from eventstore.reading import Source
from projections import attention, customers, deals
from projections.attention import Waiting
from projections.customers import Customer
from projections.deals import Deal

Status = Literal["prequalification", "documentation", "approval", "financing", "all"]
PRIORITIES = {1: "high", 2: "medium", 3: "low"}


class Client(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A client who needs attention. `phone` is digits only, as a wa.me link takes it; `message` is ready to be sent."""

    id: str
    name: str
    status: str
    status_label: str
    last_accessed: str
    started_at: str
    phone: str | msgspec.UnsetType = msgspec.UNSET
    email: str | msgspec.UnsetType = msgspec.UNSET
    message: str
    days_inactive: int
    progress_percentage: int
    next_action: str
    priority: str


class ByStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How many clients need attention in each status, whatever the filter."""

    prequalification: int = 0
    documentation: int = 0
    approval: int = 0
    financing: int = 0


class About(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How many clients the filter matches, and how many there are of each status."""

    total: int
    by_status: ByStatus


class Clients(msgspec.Struct, frozen=True, kw_only=True):
    """The first of them: by priority, then those not seen for the longest time."""

    clients: list[Client]
    metadata: About


def shown(row: Waiting, customer: Customer | None, deal: Deal | None, now: datetime) -> Client:
    """A client as the list and the push show it."""
    name = customer.name if customer else ""
    days = (now - row.touched_at) // timedelta(days=1)
    return Client(
        id=row.customer,
        name=name,
        status=row.stage,
        status_label=phrases.LABELS[row.stage],
        last_accessed=contract.iso(row.touched_at),
        started_at=contract.iso(row.opened_at),
        phone=contract.digits(customer and customer.phone) or msgspec.UNSET,
        email=(customer and customer.email) or msgspec.UNSET,
        message=phrases.message(name, row.stage, days, vehicle_name(deal)),
        days_inactive=days,
        progress_percentage=row.percentage,
        next_action=phrases.NEXT_ACTIONS[row.stage],
        priority=PRIORITIES[row.rank],
    )


def vehicle_name(deal: Deal | None) -> str | None:
    """ "BMW Serie 4", as far as it is known."""
    return " ".join(part for part in (deal.vehicle_make, deal.vehicle_model) if part) or None if deal else None


async def shown_all(source: Source, organization: str, rows: Sequence[Waiting], now: datetime) -> list[Client]:
    """These clients as the list and the push show them."""
    people, files = await reading.together(
        source,
        customers.by_ids(source, organization, (row.customer for row in rows)),
        deals.by_ids(source, organization, (row.deal for row in rows)),
    )
    return [shown(row, people.get(row.customer), files.get(row.deal), now) for row in rows]


@get("/attention-required", summary="Clients who need attention")
async def show_waiting(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=50)]] = 20,
    status: FromQuery[Status] = "all",
) -> Done[Clients]:
    """The caller's clients whose file stands still for too long."""
    now, organization = runtime.clock(), caller.organization
    stage = None if status == "all" else status
    rows, counted = await reading.together(
        runtime.views,
        attention.waiting(runtime.views, organization, caller.id, now, stage, limit),
        attention.count(runtime.views, organization, caller.id, now),
    )
    clients = await shown_all(runtime.views, organization, rows, now)
    total = sum(counted.values()) if stage is None else counted.get(stage, 0)
    by_status = ByStatus(**{known: counted.get(known, 0) for known in phrases.STATUSES})
    return Done(data=Clients(clients=clients, metadata=About(total=total, by_status=by_status)))


router = Router("/api/v1/clients", route_handlers=[show_waiting], tags=["clients"])
