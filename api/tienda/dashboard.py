"""Everything that the dashboard shows first, in one call."""

from __future__ import annotations

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.context import Caller
from api.runtime import Runtime
from api.tienda import cart, drafts, preferences, profile, support_requests
from api.tienda.cart import Cart
from api.tienda.drafts import Drafts
from api.tienda.preferences import Preferences
from api.tienda.profile import Profile
from api.tienda.support_requests import Ticket


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """The client, their cart (an empty one where there is none, T1), drafts, preferences, and what they sent."""

    cliente_id: str
    cliente: Profile
    carrito: Cart
    borradores: Drafts
    preferencias: Preferences
    tickets: list[Ticket]


@get("/", summary="The whole dashboard")
async def show(
    cliente_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Dashboard:
    """What the client loads after signing in."""
    whose = caller.organization, caller.id
    return Dashboard(
        cliente_id=caller.id,
        cliente=profile.shown(await profile.found(runtime.views, *whose)),
        carrito=await cart.current(runtime.views, *whose) or cart.empty(caller.id),
        borradores=await drafts.current(runtime.views, *whose),
        preferencias=await preferences.current(runtime.views, *whose),
        tickets=await support_requests.current(runtime.views, *whose),
    )


router = Router("/clientes/{cliente_id:str}/datos-dashboard", route_handlers=[show], tags=["dashboard"])
