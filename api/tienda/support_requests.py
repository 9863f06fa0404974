"""Complaints and messages to support that a client sends. Sending one discards its draft, in the same append."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import FromPath, JSONBody

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.tienda import contract, drafts
from domain import support_request, values
from domain.model import Invalid
from domain.support_request import (
    MAX_ORDER,
    MAX_TEXT,
    MAX_TITLE,
    STATUSES,
    Kind,
    SubmitSupportRequest,
    SupportRequestSubmitted,
)
from eventstore.execute import Step
from eventstore.reading import Source
from projections import support_requests

MOST = 500
"""How many of a client's requests are shown, the newest."""
TYPES = {"complaint": "reclamo", "support": "soporte"}
STATES = {"pending": "pendiente", "in_progress": "en_proceso", "resolved": "resuelto"}
TITLE_NAMES = {"complaint": ("titulo", "asunto"), "support": ("asunto", "titulo")}
TEXT_NAMES = {"complaint": ("descripcion", "mensaje"), "support": ("mensaje", "descripcion")}
SENT = {"complaint": "Reclamo enviado exitosamente", "support": "Mensaje de soporte enviado exitosamente"}

Title = Annotated[str, msgspec.Meta(max_length=MAX_TITLE, extra_json_schema=contract.LINE)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT, extra_json_schema=contract.LINES)]


class NewTicket(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint or a message: `titulo` or `asunto`, `descripcion` or `mensaje` (T19). `archivos` and
    `datos_adicionales` are kept as they are, at most 16 KB each."""

    titulo: Title | None = None
    asunto: Title | None = None
    descripcion: Text | None = None
    mensaje: Text | None = None
    pedido_id: Annotated[str, msgspec.Meta(max_length=MAX_ORDER, extra_json_schema=contract.LINE)] | None = None
    archivos: list[str | dict[str, Any]] | None = None
    datos_adicionales: dict[str, Any] | None = None


POSTED = {"body": NewTicket, "fails": (422,)}


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint or a message that was sent, its words under both pairs of names."""

    document_id: str = msgspec.field(name="_id")
    id: str
    cliente_id: str
    tipo: str
    estado: str
    titulo: str
    descripcion: str
    asunto: str
    mensaje: str
    pedido_id: str | None
    archivos: list[str | dict[str, Any]]
    datos_adicionales: dict[str, Any] | None
    fecha_creacion: str
    fecha_actualizacion: str


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """It was sent."""

    message: str
    ticket: Ticket


def shown(row: support_requests.SupportRequest) -> Ticket:
    """A ticket as every answer shows it."""
    return Ticket(
        document_id=row.id,
        id=row.id,
        cliente_id=row.shopper,
        tipo=TYPES[row.kind],
        estado=STATES[row.status],
        titulo=row.title,
        descripcion=row.text,
        asunto=row.title,
        mensaje=row.text,
        pedido_id=row.order_id,
        archivos=msgspec.json.decode(row.files) if row.files else [],
        datos_adicionales=msgspec.json.decode(row.extra) if row.extra else None,
        fecha_creacion=contract.iso(row.submitted_at),
        fecha_actualizacion=contract.iso(row.moved_at),
    )


async def current(source: Source, organization: str, shopper: str) -> list[Ticket]:
    """What the shopper sent, newest first."""
    return [shown(row) for row in await support_requests.of_shopper(source, organization, shopper, MOST)]


async def _send(runtime: Runtime, request: Request[Any, Any, Any], caller: Caller, kind: Kind, data: NewTicket) -> Sent:
    asked = SubmitSupportRequest(
        request=commands.new_document_id(runtime, request),
        shopper=caller.id,
        kind=kind,
        title=_said(data, TITLE_NAMES[kind], MAX_TITLE),
        text=_said(data, TEXT_NAMES[kind], MAX_TEXT, lines=True),
        order=data.pedido_id,
        files=_json(data.archivos, "files"),
        extra=_json(data.datos_adicionales, "extra"),
        now=runtime.clock(),
    )
    submitted = Step(support_request.DECIDER, support_request.stream(caller.organization, caller.id), asked)
    outcome = await commands.run_all(runtime, request, [submitted, drafts.discarding(runtime, caller, kind)])
    event = next(event for event in outcome.events if isinstance(event, SupportRequestSubmitted))
    return Sent(message=SENT[kind], ticket=shown(_row(event)))


def _row(event: SupportRequestSubmitted) -> support_requests.SupportRequest:
    """The request as the view shows it from now on."""
    return support_requests.SupportRequest(
        id=event.request,
        shopper=event.shopper,
        kind=event.kind,
        title=event.title,
        text=event.text,
        order_id=event.order,
        files=event.files,
        extra=event.extra,
        status=STATUSES[0],
        submitted_at=event.at,
        moved_at=event.at,
    )


def _said(data: NewTicket, names: tuple[str, str], maximum: int, lines: bool = False) -> str:
    """The first of two fields that says something; neither may say what cannot be kept. Raises `Invalid` for the field
    that the client wrote, or should have written."""
    texts = [values.optional_text(getattr(data, name), name, maximum, lines=lines) for name in names]
    said = next((text for text in texts if text), None)
    if said is None:
        raise Invalid("TEXT_EMPTY", field=next((name for name in names if getattr(data, name) is not None), names[0]))
    return said


def described() -> dict[str, Any]:
    """What a `NewTicket` has to be like, for its description: one of each pair of names says something."""
    said = Schema(type=OpenAPIType.STRING, pattern=contract.WORDS["extra"]["pattern"])
    pairs = ("titulo", "asunto"), ("descripcion", "mensaje")
    return {
        "all_of": [
            Schema(any_of=[Schema(required=[name], properties={name: said}) for name in names]) for names in pairs
        ]
    }


def _json(value: object | None, field: str) -> str | None:
    """A value as its JSON; None for nothing. Raises `Invalid` for numbers that JSON's readers do not agree on."""
    if not value:
        return None
    try:
        return msgspec.json.encode(value).decode()
    except (ValueError, OverflowError, RecursionError):
        raise Invalid("EXTRA_INVALID", field=field) from None


@get("/clientes/{cliente_id:str}/soporte-reclamos", summary="What was sent")
async def show_sent(
    cliente_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> list[Ticket]:
    """The client's complaints and messages, newest first."""
    return await current(runtime.views, caller.organization, caller.id)


@post("/clientes/{cliente_id:str}/reclamo", summary="Send a complaint", opt=POSTED, status_code=200)
async def complain(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    data: JSONBody[NewTicket],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Sent:
    """Send a complaint, and be rid of its draft."""
    return await _send(runtime, request, caller, "complaint", data)


@post("/clientes/{cliente_id:str}/soporte", summary="Send a message to support", opt=POSTED, status_code=200)
async def write(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    data: JSONBody[NewTicket],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Sent:
    """Send a message to support, and be rid of its draft."""
    return await _send(runtime, request, caller, "support", data)


@post("/reclamos", summary="Send a complaint (short path)", opt=POSTED, status_code=200)
async def complain_shortly(
    request: Request[Any, Any, Any],
    data: JSONBody[NewTicket],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Sent:
    """The same as `/clientes/{cliente_id}/reclamo` for the client of the token."""
    return await _send(runtime, request, caller, "complaint", data)


@post("/soporte", summary="Send a message to support (short path)", opt=POSTED, status_code=200)
async def write_shortly(
    request: Request[Any, Any, Any],
    data: JSONBody[NewTicket],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Sent:
    """The same as `/clientes/{cliente_id}/soporte` for the client of the token."""
    return await _send(runtime, request, caller, "support", data)


router = Router(
    "/", route_handlers=[show_sent, complain, write, complain_shortly, write_shortly], tags=["reclamos y soporte"]
)
