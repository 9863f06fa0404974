"""One client of a partner, with everything that happened."""

from __future__ import annotations

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.context import Caller
from api.pazz import contract, phrases
from api.pazz.contract import Done
from api.runtime import Runtime
from domain import values
from domain.model import Forbidden, NotFound
from eventstore.reading import Source
from projections import attention, customers, deals, timelines, users
from projections.deals import Deal

TIMELINE = 200
"""How many lines of a timeline are shown, the newest."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a client's timeline."""

    event: str
    timestamp: str
    description: str


class Vehicle(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the client wants to drive; `estimatedValue` in pesos."""

    make: str | None
    model: str | None
    year: int | None
    estimated_value: float


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """Who looks after the client."""

    id: str
    name: str


class Detail(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A client with everything that happened."""

    id: str
    name: str
    email: str | None
    phone: str | None
    status: str
    status_label: str
    started_at: str
    last_accessed: str
    progress_percentage: int
    timeline: list[Event]
    vehicle_interest: Vehicle | None
    assigned_partner: Partner


@get("/{client_id:str}", summary="One client")
async def show_client(
    client_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Done[Detail]:
    """One of the caller's clients. Somebody else's is 403, an unknown one 404 (C16)."""
    return Done(data=await detail(runtime.views, caller, client_id))


async def detail(source: Source, caller: Caller, client_id: str) -> Detail:
    """The client with the file that they are shown by. Raises `NotFound` and `Forbidden`."""
    organization = caller.organization
    customer = await customers.by_id(source, organization, client_id)
    if customer is None or customer.erased:
        raise NotFound("CLIENT_NOT_FOUND")
    file = await attention.of_customer(source, organization, client_id)
    if (file.partner if file else customer.assigned_to) != caller.id:
        raise Forbidden("CLIENT_OF_ANOTHER_PARTNER")
    partner = await users.by_id(source, organization, caller.id)
    deal = await deals.by_id(source, organization, file.deal) if file else None
    lines = await timelines.newest(source, organization, file.deal, TIMELINE) if file else []
    stage = file.stage if file else phrases.STATUSES[0]
    return Detail(
        id=customer.id,
        name=customer.name,
        email=customer.email,
        phone=contract.digits(customer.phone),
        status=stage,
        status_label=phrases.LABELS[stage],
        started_at=contract.iso(file.opened_at if file else customer.added_at),
        last_accessed=contract.iso(file.touched_at if file else customer.added_at),
        progress_percentage=file.percentage if file else 0,
        timeline=[line(entry) for entry in lines],
        vehicle_interest=deal and vehicle(deal),
        assigned_partner=Partner(id=caller.id, name=partner.name if partner else ""),
    )


def line(entry: timelines.Entry) -> Event:
    """An entry of a timeline as it is shown."""
    event, description = phrases.happened(entry.what, entry.detail)
    return Event(event=event, timestamp=contract.iso(entry.at), description=description)


def vehicle(deal: Deal) -> Vehicle:
    """What the file is about."""
    return Vehicle(
        make=deal.vehicle_make,
        model=deal.vehicle_model,
        year=deal.vehicle_year,
        estimated_value=values.units(deal.value),
    )


router = Router("/api/v1/clients", route_handlers=[show_client], tags=["clients"])
