"""The number at WhatsApp, and the code to scan when it is not connected."""

from __future__ import annotations

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import whatsapp as routes
from api.office.console.visit import Visit


@get("/")
async def show(visit: NamedDependency[Visit]) -> Template:
    """How the number is."""
    return visit.page("whatsapp.html", number=await visit.ask(routes.show))


router = Router("/whatsapp", route_handlers=[show])
