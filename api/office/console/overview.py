"""The first page: how the system is, and where everything else is."""

from __future__ import annotations

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import auth, system
from api.office.console.visit import Visit


@get("/")
async def show(visit: NamedDependency[Visit]) -> Template:
    """How the system is, for those who may know; for everybody, who they are and where to go."""
    who = await visit.ask(auth.me)
    names = await visit.names([who["user_id"]])
    state = await visit.ask(system.show) if visit.may(system.show) else None
    return visit.page("overview.html", who=who, name=names.get(who["user_id"], ""), system=state)


router = Router("/", route_handlers=[show])
