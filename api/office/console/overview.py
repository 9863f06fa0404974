"""The first page: how the system is, and where everything else is."""

from __future__ import annotations

from urllib.parse import quote

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from api.office import auth, system
from api.office.console.forms import Filled, Form
from api.office.console.visit import Visit

RESUME = Form(
    name="resumption",
    route=system.resume,
    title="Give it back to its view",
    button="Resume",
    done="The view has what it missed of that stream.",
)


@get("/")
async def show(visit: NamedDependency[Visit]) -> Template:
    """How the system is, for those who may know; for everybody, who they are and where to go."""
    return await _page(visit)


@post("/parked/{view:str}/{stream:str}/resumption")
async def resume(visit: NamedDependency[Visit], view: FromPath[str], stream: FromPath[str]) -> Template | Redirect:
    """Give a parked stream back to its view."""
    taken = await visit.send(RESUME, _place(view, stream), view=view, stream=stream)
    return await _page(visit, taken) if isinstance(taken, Filled) else visit.back("/", RESUME)


def _place(view: str, stream: str) -> str:
    return f"/parked/{view}/{quote(stream, safe='')}/{RESUME.name}"


async def _page(visit: Visit, wrong: Filled | None = None) -> Template:
    who = await visit.ask(auth.me)
    names = await visit.names([who["user_id"]])
    state = await visit.ask(system.show) if visit.may(system.show) else None
    parked = state["parked"] if state and visit.may(RESUME.route) else ()
    places = {(one["view"], one["stream"]): _place(one["view"], one["stream"]) for one in parked}
    forms = {parked: Filled(form=RESUME, action=place) for parked, place in places.items()}
    return visit.page(
        "overview.html",
        wrong,
        who=who,
        name=names.get(who["user_id"], ""),
        system=state,
        forms=forms,
        wrong=wrong,
        told=visit.told(RESUME),
    )


router = Router("/", route_handlers=[show, resume])
