"""The audit: everything that happened, looked through as the API does."""

from __future__ import annotations

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import audit as routes
from api.office.console.forms import Field, Form
from api.office.console.visit import Visit

SEARCH = Form(
    name="search",
    route=routes.list_events,
    title="",
    button="Look",
    done="",
    fields=(
        Field(name="stream", label="Stream", hint="All of it, or how it begins: customer-*"),
        Field(name="name", label="Event"),
        Field(name="by", label="By"),
        Field(name="frontend", label="Through"),
        Field(name="from", label="From", kind="moment"),
        Field(name="to", label="Until", kind="moment"),
    ),
)


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The events that are looked for, the newest first."""
    found = await visit.search(routes.list_events, SEARCH, cursor="before")
    return visit.page("audit.html", found.search, found=found)


router = Router("/audit", route_handlers=[list_page])
