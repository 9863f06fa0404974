"""The audit: everything that happened, looked through as the API does, and what a stream had come to at any version."""

from __future__ import annotations

from typing import Any

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template

from api.office import audit as routes
from api.office.console.forms import Field, Form
from api.office.console.visit import Visit

STEPS = 50
"""How many events are shown below what they led to."""

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


STREAM = Form(
    name="search",
    route=routes.show_stream,
    title="",
    button="Show",
    done="",
    fields=(
        Field(name="version", label="After version", kind="whole", hint="Without one, as it is now."),
        Field(name="at", label="Or as it was at", kind="moment"),
        Field(name="since", label="What changed after version", kind="whole", hint="0 is before everything."),
    ),
)


@get("/streams/{stream:str}")
async def show(visit: NamedDependency[Visit], stream: FromPath[str]) -> Template:
    """What a stream had come to, what had changed in it, and what happened up to then."""
    search, found = await visit.look(routes.show_stream, STREAM, stream=stream)
    events: list[Any] = []
    newest = 0
    if found:
        upto = {"stream": stream, "before": found["position"] + 1, "limit": STEPS}
        before, last = await visit.all(
            visit.ask(routes.list_events, upto), visit.ask(routes.list_events, {"stream": stream, "limit": 1})
        )
        events, newest = before["items"], last["items"][0]["version"]
    return visit.page("stream.html", search, stream=stream, search=search, found=found, events=events, newest=newest)


router = Router("/audit", route_handlers=[list_page, show])
