"""Commissions: earned, paid, cancelled."""

from __future__ import annotations

from typing import Any, get_args

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import commissions as routes
from api.office.console import section
from api.office.console.forms import Field, Filled, Form
from api.office.console.visit import Visit
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


router = section.router("/commissions", list_page, "commission_id", _page, FORMS)
