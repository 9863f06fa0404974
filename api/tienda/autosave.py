"""Saving cart, drafts and preferences in one call: one append over all of them, whole or not at all."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.tienda import cart, drafts, preferences
from api.tienda.cart import NewCart
from api.tienda.drafts import NewComplaint, NewMessage
from api.tienda.preferences import NewPreferences
from domain import cart as domain
from domain.cart import CartSaved
from domain.draft import DraftSaved
from domain.preferences import PreferencesChanged
from eventstore.execute import Step


class NewDrafts(msgspec.Struct, frozen=True, kw_only=True):
    """What is absent or null is left alone: a draft is discarded by its own route (T12)."""

    reclamo: NewComplaint | None = None
    soporte: NewMessage | None = None


class NewState(msgspec.Struct, frozen=True, kw_only=True):
    """What is absent or null is left alone (T12)."""

    carrito: NewCart | None = None
    borradores: NewDrafts | None = None
    preferencias: NewPreferences | None = None


class Autosaved(msgspec.Struct, frozen=True, kw_only=True):
    """Which parts changed."""

    message: str = "Datos auto-guardados exitosamente"
    carrito_actualizado: bool
    borradores_actualizados: bool
    preferencias_actualizadas: bool


@post("/", summary="Save everything", opt={"body": NewState, "fails": (422,)}, status_code=200)
async def save(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    data: JSONBody[NewState],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> Autosaved:
    """Save what the body holds. One part that cannot be saved fails the whole call, and nothing is."""
    steps = await _steps(runtime, caller, data)
    outcome = await commands.run_all(runtime, request, steps) if steps else None
    events = outcome.events if outcome else ()
    return Autosaved(
        carrito_actualizado=any(isinstance(event, CartSaved) for event in events),
        borradores_actualizados=any(isinstance(event, DraftSaved) for event in events),
        preferencias_actualizadas=any(isinstance(event, PreferencesChanged) for event in events),
    )


async def _steps(runtime: Runtime, caller: Caller, data: NewState) -> list[Step]:
    steps: list[Step] = []
    if data.carrito is not None:
        async with runtime.connection() as connection:
            asked, _ = await cart.saving(connection, runtime, caller, data.carrito)
        steps.append(Step(domain.DECIDER, domain.stream(caller.organization, caller.id), asked))
    written = data.borradores or NewDrafts()
    if written.reclamo is not None:
        steps.append(drafts.saving(runtime, caller, "complaint", written.reclamo))
    if written.soporte is not None:
        steps.append(drafts.saving(runtime, caller, "support", written.soporte))
    if data.preferencias is not None:
        steps.append(preferences.saving(runtime, caller, data.preferencias))
    return steps


router = Router("/clientes/{cliente_id:str}/auto-guardar", route_handlers=[save], tags=["auto-guardar"])
