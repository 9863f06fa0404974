"""Drafts of complaints and of messages to support."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.tienda import contract
from api.tienda.contract import Said
from domain import draft
from domain.draft import MAX_TEXT, MAX_TITLE, DiscardDraft, SaveDraft
from domain.model import Invalid
from eventstore.execute import Step
from eventstore.reading import Source
from projections import drafts

KINDS: dict[str, draft.Kind] = {"reclamo": "complaint", "soporte": "support"}

Title = Annotated[str, msgspec.Meta(max_length=MAX_TITLE, pattern=contract.TYPED)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT, pattern=contract.TYPED)]
Tipo = Annotated[str, PathParameter(schema_extra={"enum": [*KINDS]})]


class NewComplaint(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint as far as it is written. What is absent or null stays as it was (T18)."""

    titulo: Title | None = None
    descripcion: Text | None = None


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message to support as far as it is written. What is absent or null stays as it was (T18)."""

    asunto: Title | None = None
    mensaje: Text | None = None


class NewDraft(NewComplaint, frozen=True, kw_only=True):
    """`titulo` and `descripcion` of a complaint, or `asunto` and `mensaje` of a message to support."""

    asunto: Title | None = None
    mensaje: Text | None = None


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """A complaint that was begun."""

    titulo: str
    descripcion: str
    fecha_actualizacion: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message to support that was begun."""

    asunto: str
    mensaje: str
    fecha_actualizacion: str


class Drafts(msgspec.Struct, frozen=True, kw_only=True):
    """Both drafts, null where nothing was begun."""

    reclamo: Complaint | None
    soporte: Message | None


class ShownDrafts(Drafts, frozen=True, kw_only=True):
    """Both drafts; the same again under `borradores`, where some clients look for them (T6)."""

    borradores: Drafts


class SavedDraft(msgspec.Struct, frozen=True, kw_only=True):
    """The draft is saved."""

    message: str = "Borrador guardado exitosamente"
    tipo: str
    fecha_actualizacion: str | None


def shown(rows: dict[str, drafts.Draft]) -> Drafts:
    """The drafts as every answer shows them."""
    complaint, message = rows.get("complaint"), rows.get("support")
    return Drafts(
        reclamo=Complaint(
            titulo=complaint.title,
            descripcion=complaint.text,
            fecha_actualizacion=contract.iso(complaint.saved_at),
        )
        if complaint
        else None,
        soporte=Message(asunto=message.title, mensaje=message.text, fecha_actualizacion=contract.iso(message.saved_at))
        if message
        else None,
    )


async def current(source: Source, organization: str, shopper: str) -> Drafts:
    """The shopper's drafts."""
    return shown(await drafts.of_shopper(source, organization, shopper))


def saving(runtime: Runtime, caller: Caller, kind: draft.Kind, data: NewComplaint | NewMessage) -> Step:
    """What saving a draft asks for."""
    fields = {
        "complaint": ("titulo", "descripcion"),
        "support": ("asunto", "mensaje"),
    }[kind]
    title, text = (_given(getattr(data, field, None)) for field in fields)
    asked = SaveDraft(shopper=caller.id, kind=kind, title=title, text=text, now=runtime.clock())
    return Step(draft.DECIDER, draft.stream(caller.organization, caller.id, kind), asked)


def discarding(runtime: Runtime, caller: Caller, kind: draft.Kind) -> Step:
    """What throwing a draft away asks for."""
    asked = DiscardDraft(shopper=caller.id, kind=kind, now=runtime.clock())
    return Step(draft.DECIDER, draft.stream(caller.organization, caller.id, kind), asked)


def _given(written: str | None) -> str | msgspec.UnsetType:
    return msgspec.UNSET if written is None else written


def _kind(tipo: str) -> draft.Kind:
    """The kind of draft that the path names. Raises `Invalid` (T16)."""
    if tipo not in KINDS:
        raise Invalid("DRAFT_KIND_UNKNOWN", field="tipo")
    return KINDS[tipo]


@get("/", summary="The drafts")
async def show(
    cliente_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> ShownDrafts:
    """What the client has begun to write and not sent yet."""
    found = await current(runtime.views, caller.organization, caller.id)
    return ShownDrafts(reclamo=found.reclamo, soporte=found.soporte, borradores=found)


@put("/{tipo:str}", summary="Save a draft", opt={"body": NewDraft, "fails": (422,)})
async def save(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    tipo: FromPath[Tipo],
    data: JSONBody[NewDraft],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> SavedDraft:
    """Keep what is written so far. `tipo` is `reclamo` or `soporte`, anything else 400."""
    kind = _kind(tipo)
    await commands.run_all(runtime, request, [saving(runtime, caller, kind, data)])
    found = (await drafts.of_shopper(runtime.views, caller.organization, caller.id)).get(kind)
    return SavedDraft(tipo=tipo, fecha_actualizacion=contract.iso(found.saved_at) if found else None)


@delete("/{tipo:str}", summary="Discard a draft", status_code=200)
async def discard(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    tipo: FromPath[Tipo],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Said:
    """Throw a draft away; one that is not there is gone already (T17)."""
    await commands.run_all(runtime, request, [discarding(runtime, caller, _kind(tipo))])
    return Said("Borrador eliminado exitosamente")


router = Router("/clientes/{cliente_id:str}/borradores", route_handlers=[show, save, discard], tags=["borradores"])
