"""Support requests: what shoppers complained of or asked, and how far each has come."""

from __future__ import annotations

from typing import Any, get_args
from urllib.parse import urlencode

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from api.office import support_requests as routes
from api.office.console.forms import Choices, Field, Filled, Form
from api.office.console.visit import Visit
from domain.support_request import Status

STATUSES: Choices = tuple((name, name.replace("_", " ").capitalize()) for name in get_args(Status))
AT_ONCE = 50
SEARCH = Form(
    name="search",
    route=routes.list_page,
    title="",
    button="Show",
    done="",
    fields=(Field(name="status", label="Which have come so far", kind="choice", choices=STATUSES),),
)
MOVE = Form(
    name="status",
    route=routes.move,
    title="Note progress",
    button="Note",
    done="The progress was noted; the shopper sees it.",
    fields=(Field(name="status", label="Status", kind="choice", required=True, choices=STATUSES),),
)


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """Those that have come so far, with the form that notes progress."""
    return await _page(visit)


@post("/{request_id:str}/status")
async def move(visit: NamedDependency[Visit], request_id: FromPath[str]) -> Template | Redirect:
    """Note progress, and go back to those that were looked at."""
    taken = await visit.send(MOVE, "", request_id=request_id)
    if isinstance(taken, Filled):
        return await _page(visit, request_id, taken)
    query = visit.request.query_params
    return visit.back("/support", MOVE, **{name: query[name] for name in ("status", "offset") if name in query})


async def _page(visit: Visit, about: str = "", wrong: Filled | None = None) -> Template:
    search, found = await visit.look(routes.list_page, SEARCH, "offset")
    items: list[dict[str, Any]] = found or []
    asked = {name: values[0] for name, values in search.values.items()}
    offset = int(asked.get("offset", "0")) if items else 0
    forms: dict[str, Filled] = {}
    for one in items if visit.may(routes.move) else ():
        action = f"/support/{one['id']}/status" + (f"?{urlencode(asked)}" if asked else "")
        filled = visit.fill(MOVE, action, wrong if one["id"] == about else None, status=one["status"])
        filled.action, filled.mark = action, f"-{one['id']}"
        forms[one["id"]] = filled
    return visit.page(
        "support.html",
        wrong or search,
        search=search,
        items=items,
        forms=forms,
        wrong=None if about in forms else wrong,
        first=visit.address("/support", **{**asked, "offset": 0}) if offset else "",
        more=visit.address("/support", **{**asked, "offset": offset + AT_ONCE}) if len(items) == AT_ONCE else "",
        told=visit.told(MOVE),
    )


router = Router("/support", route_handlers=[list_page, move])
