"""Shoppers: their accounts, what is in their carts, and what was there before."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec.structs import replace

from api.office import carts
from api.office import shoppers as routes
from api.office.console import section
from api.office.console.forms import Field, Filled, Form
from api.office.console.visit import Visit
from domain import shopper

SEARCH = Form(name="search", route=routes.list_page, title="", button="Show", done="")
RESTORE = Form(
    name="restore",
    route=carts.restore,
    title="Put the cart back",
    button="Put back",
    done="The cart was put back.",
    fields=(Field(name="version", label="As it was after version", kind="whole", required=True),),
)
DEACTIVATE = Form(
    name="deactivate",
    route=routes.set_standing,
    title="Deactivate",
    button="Deactivate",
    done="The account was deactivated.",
    about="It cannot be used any more, and its sign-ins end at once.",
    fixed={"active": False},
    grave=True,
)
REACTIVATE = Form(
    name="reactivate",
    route=routes.set_standing,
    title="Reactivate",
    button="Reactivate",
    done="The account was reactivated.",
    about="It can be used again.",
    fixed={"active": True},
)
ERASE = Form(
    name="erase",
    route=routes.erase,
    title="Erase",
    button="Erase for good",
    done="Who this was is forgotten.",
    about="Destroys the keys of what this person was and wrote, in the log as everywhere. Nobody can take it back.",
    fields=(Field(name="sure", label="Forget who this was, for good", kind="tick", required=True),),
    grave=True,
)
FORMS = (RESTORE, DEACTIVATE, REACTIVATE, ERASE)


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The shop's accounts."""
    found = await visit.search(routes.list_page, SEARCH)
    return visit.page("shoppers.html", found.search, found=found)


async def _page(visit: Visit, shopper_id: str, wrong: Filled | None = None) -> Template:
    found: dict[str, Any] = await visit.ask(routes.show, shopper_id=shopper_id)
    stream = shopper.stream(visit.caller.organization, shopper_id)
    cart, changes, history = await visit.all(
        visit.ask(carts.show, shopper_id=shopper_id),
        visit.ask(carts.show_history, shopper_id=shopper_id),
        visit.history(stream),
    )
    known = [DEACTIVATE if found["active"] else REACTIVATE, ERASE]
    if changes["items"]:
        known.insert(0, replace(RESTORE, about=f"The cart is at version {cart['version']}."))
    return visit.page(
        "shopper.html",
        wrong,
        shopper=found,
        cart=cart,
        changes=changes["items"],
        history=history,
        stream=stream,
        forms=[] if found["erased"] else visit.offered(known, f"/shoppers/{shopper_id}", wrong),
        wrong=wrong,
        told=visit.told(*FORMS),
    )


router = section.router("/shoppers", list_page, "shopper_id", _page, FORMS)
