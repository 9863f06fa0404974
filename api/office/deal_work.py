"""What happens with a deal: progress, documents, activities, another value, another partner, its loss."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api import commands
from api.context import Caller
from api.office.customers import check_user
from api.office.deals import Deal, found
from api.runtime import Runtime
from domain import deal, values
from domain.deal import Activity


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much of the customer's part is done."""

    percentage: Annotated[int, msgspec.Meta(ge=0, le=100)]


class NewDocument(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document that the customer handed in, by the name that people call it: "INE"."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class NewActivity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that happened with the customer; `access` means that they opened their own file."""

    kind: Activity
    note: Annotated[str, msgspec.Meta(max_length=5_000)] | None = None


class NewValue(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the deal is worth, in whole currency units."""

    value: float


class NewPartner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who will earn from the deal."""

    partner: str


class Loss(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why the deal failed."""

    reason: Annotated[str, msgspec.Meta(max_length=5_000)] | None = None


@post("/{deal_id:str}/progress", summary="Note progress", opt={"body": Progress}, status_code=200)
async def progress(
    request: Request[Any, Any, Any],
    deal_id: FromPath[str],
    data: JSONBody[Progress],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Note how much of the customer's part is done."""
    asked = deal.ProgressDeal(deal=deal_id, percentage=data.percentage, now=runtime.clock())
    return await _run(runtime, request, caller, asked)


@post("/{deal_id:str}/documents", summary="Add a document", opt={"body": NewDocument}, status_code=200)
async def add_document(
    request: Request[Any, Any, Any],
    deal_id: FromPath[str],
    data: JSONBody[NewDocument],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Put a document into the customer's file."""
    document = commands.new_id(runtime, request, "doc")
    asked = deal.AddDealDocument(deal=deal_id, document=document, name=data.name, now=runtime.clock())
    return await _run(runtime, request, caller, asked)


@post("/{deal_id:str}/activities", summary="Note an activity", opt={"body": NewActivity}, status_code=200)
async def add_activity(
    request: Request[Any, Any, Any],
    deal_id: FromPath[str],
    data: JSONBody[NewActivity],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Note that something happened with the customer: whoever looks after them need not worry for a while."""
    asked = deal.RecordDealActivity(
        deal=deal_id,
        activity=commands.new_id(runtime, request, "act"),
        kind=data.kind,
        note=data.note,
        now=runtime.clock(),
    )
    return await _run(runtime, request, caller, asked)


@post("/{deal_id:str}/value", summary="Correct the value", opt={"body": NewValue}, status_code=200)
async def set_value(
    request: Request[Any, Any, Any],
    deal_id: FromPath[str],
    data: JSONBody[NewValue],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Correct what the deal is worth."""
    asked = deal.ChangeDealValue(deal=deal_id, value=values.centavos(data.value, "value"), now=runtime.clock())
    return await _run(runtime, request, caller, asked)


@post("/{deal_id:str}/partner", summary="Hand over", opt={"body": NewPartner}, status_code=200)
async def set_partner(
    request: Request[Any, Any, Any],
    deal_id: FromPath[str],
    data: JSONBody[NewPartner],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Hand the deal to another partner."""
    await check_user(runtime, request, caller.organization, data.partner)
    asked = deal.ReassignDeal(deal=deal_id, partner=data.partner, now=runtime.clock())
    return await _run(runtime, request, caller, asked)


@post("/{deal_id:str}/loss", summary="Lose", opt={"body": Loss}, status_code=200)
async def lose(
    request: Request[Any, Any, Any],
    deal_id: FromPath[str],
    data: JSONBody[Loss],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Deal:
    """Close the deal without success."""
    return await _run(runtime, request, caller, deal.LoseDeal(deal=deal_id, reason=data.reason, now=runtime.clock()))


async def _run(runtime: Runtime, request: Request[Any, Any, Any], caller: Caller, asked: Any) -> Deal:
    await commands.run(runtime, request, deal.DECIDER, deal.stream(caller.organization, asked.deal), asked)
    return await found(runtime, caller.organization, asked.deal)


HANDLERS = [progress, add_document, add_activity, set_value, set_partner, lose]
router = Router("/deals", route_handlers=HANDLERS, tags=["deals"])
