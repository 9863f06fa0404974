"""Commissions: earned, paid, cancelled."""

from __future__ import annotations

from typing import Any, get_args

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from api.office import commissions as routes
from api.office.console.forms import Field, Filled, Form
from api.office.console.visit import Visit, named
from domain import commission

SEARCH = Form(
    name="search",
    route=routes.list_page,
    title="",
    button="Show",
    done="",
    fields=(
        Field(
            name="status",
            label="Status",
            kind="choice",
            choices=tuple((name, name.capitalize()) for name in get_args(routes.Status)),
        ),
    ),
)
EARN = Form(
    name="earn",
    route=routes.earn,
    title="Earn",
    button="Earn",
    done="The commission is earned.",
    about="The deal is done: the money belongs to the partner, in the month that it is now.",
)
PAY = Form(
    name="pay",
    route=routes.pay,
    title="Pay",
    button="Note as paid",
    done="The commission is paid.",
    about="The money was handed over. That is final.",
)
CANCEL = Form(
    name="cancel",
    route=routes.cancel,
    title="Cancel",
    button="Cancel the commission",
    done="The commission is cancelled.",
    about="The money will not be paid. That is final.",
    grave=True,
)
FORMS = (EARN, PAY, CANCEL)
NEXT = {"pending": (EARN, CANCEL), "earned": (PAY, CANCEL)}
"""What can be done with a commission, by where it stands."""


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The commissions, or those that stand there."""
    found = await visit.search(routes.list_page, SEARCH)
    names = await visit.names([one["partner"] for one in found.items], [one["customer"] for one in found.items])
    return visit.page("commissions.html", found.search, found=found, names=names)


@get("/{commission_id:str}")
async def show(visit: NamedDependency[Visit], commission_id: FromPath[str]) -> Template:
    """One of them, and what can be done with it."""
    return await _page(visit, commission_id)


@post("/{commission_id:str}/{action:str}")
async def act(
    visit: NamedDependency[Visit], commission_id: FromPath[str], action: FromPath[str]
) -> Template | Redirect:
    """Send one of its forms."""
    form, at = named(FORMS, action), f"/commissions/{commission_id}"
    taken = await visit.send(form, f"{at}/{action}", commission_id=commission_id)
    return await _page(visit, commission_id, taken) if isinstance(taken, Filled) else visit.back(at, form)


async def _page(visit: Visit, commission_id: str, wrong: Filled | None = None) -> Template:
    found: dict[str, Any] = await visit.ask(routes.show, commission_id=commission_id)
    stream = commission.stream(visit.caller.organization, commission_id)
    history, names = await visit.all(visit.history(stream), visit.names([found["partner"]], [found["customer"]]))
    forms = visit.offered(NEXT.get(found["status"], ()), f"/commissions/{commission_id}", wrong)
    return visit.page(
        "commission.html",
        wrong,
        commission=found,
        history=history,
        stream=stream,
        names=names,
        forms=forms,
        wrong=wrong,
        told=visit.told(*FORMS),
    )


router = Router("/commissions", route_handlers=[list_page, show, act])
