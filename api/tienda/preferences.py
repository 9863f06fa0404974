"""Preferences: the screen that was open, notifications, the theme."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Router, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.tienda import contract
from domain import preferences as domain
from domain.preferences import MAX_THEME, ChangePreferences, Screen
from eventstore.execute import Step
from eventstore.reading import Source
from projections import preferences

Vista = Literal["inicio", "catalogo", "mis-pedidos", "reclamo", "perfil", "facturas", "soporte", "carrito"]
SCREENS: dict[Vista, Screen] = {
    "inicio": "home",
    "catalogo": "catalogue",
    "mis-pedidos": "orders",
    "reclamo": "complaint",
    "perfil": "profile",
    "facturas": "invoices",
    "soporte": "support",
    "carrito": "cart",
}
VISTAS: dict[str, Vista] = {screen: vista for vista, screen in SCREENS.items()}


class NewConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """What is absent or null stays as it was."""

    notificaciones: bool | None = None
    tema: Annotated[str, msgspec.Meta(max_length=MAX_THEME, extra_json_schema=contract.WORDS)] | None = None


class NewPreferences(msgspec.Struct, frozen=True, kw_only=True):
    """What is absent or null stays as it was (T8)."""

    vista_activa: Vista | None = None
    configuraciones: NewConfiguration | None = None


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Whether to notify, and the theme."""

    notificaciones: bool
    tema: str


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """The preferences; `fecha_actualizacion` is null as long as nothing was ever chosen."""

    vista_activa: Vista
    configuraciones: Configuration
    fecha_actualizacion: str | None


class SavedPreferences(Preferences, frozen=True, kw_only=True):
    """The preferences as they are now."""

    message: str = "Preferencias guardadas exitosamente"


def shown(row: preferences.Preferences) -> Preferences:
    """The preferences as every answer shows them."""
    return Preferences(
        vista_activa=VISTAS[row.screen],
        configuraciones=Configuration(notificaciones=row.notifications, tema=row.theme),
        fecha_actualizacion=contract.iso(row.changed_at) if row.changed_at else None,
    )


async def current(source: Source, organization: str, shopper: str) -> Preferences:
    """The shopper's preferences."""
    return shown(await preferences.of_shopper(source, organization, shopper))


def saving(runtime: Runtime, caller: Caller, data: NewPreferences) -> Step:
    """What saving preferences asks for."""
    configuration = data.configuraciones or NewConfiguration()
    asked = ChangePreferences(
        shopper=caller.id,
        screen=SCREENS[data.vista_activa] if data.vista_activa else msgspec.UNSET,
        notifications=msgspec.UNSET if configuration.notificaciones is None else configuration.notificaciones,
        theme=msgspec.UNSET if configuration.tema is None else configuration.tema,
        now=runtime.clock(),
    )
    return Step(domain.DECIDER, domain.stream(caller.organization, caller.id), asked)


@get("/", summary="The preferences")
async def show(
    cliente_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Preferences:
    """The preferences, with what everybody begins with where nothing was chosen."""
    return await current(runtime.views, caller.organization, caller.id)


@put("/", summary="Save preferences", opt={"body": NewPreferences, "fails": (422,)})
async def save(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    data: JSONBody[NewPreferences],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> SavedPreferences:
    """Change what the body mentions and leave the rest."""
    await commands.run_all(runtime, request, [saving(runtime, caller, data)])
    found = await current(runtime.views, caller.organization, caller.id)
    return SavedPreferences(
        vista_activa=found.vista_activa,
        configuraciones=found.configuraciones,
        fecha_actualizacion=found.fecha_actualizacion,
    )


router = Router("/clientes/{cliente_id:str}/preferencias", route_handlers=[show, save], tags=["preferencias"])
