"""Customers: looked for, entered, corrected, handed over, erased."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import customers as routes
from api.office import deals
from api.office.console import section
from api.office.console.forms import Field, Filled, Form
from api.office.console.visit import Visit
from domain import customer

PERSON = (
    Field(name="name", label="Name", required=True),
    Field(name="email", label="E-mail address", kind="email"),
    Field(name="phone", label="Phone", hint="With its country: +52 55 9877 2310."),
)
KEEPER = Field(name="assigned_to", label="Looked after by", kind="user")

SEARCH = Form(name="search", route=routes.list_page, title="", button="Show", done="", fields=(KEEPER,))
NEW = Form(
    name="new",
    route=routes.create,
    title="Enter a customer",
    button="Enter",
    done="The customer was entered.",
    fields=(*PERSON, KEEPER),
)
CHANGE = Form(
    name="change",
    route=routes.change,
    title="Correct",
    button="Save",
    done="The customer was corrected.",
    fields=PERSON,
    corrects=True,
)
ASSIGN = Form(
    name="assign",
    route=routes.assign,
    title="Hand over",
    button="Hand over",
    done="The customer was handed over.",
    fields=(KEEPER,),
)
ERASE = Form(
    name="erase",
    route=routes.erase,
    title="Erase",
    button="Erase for good",
    done="Who this was is forgotten.",
    about="Destroys the key of this person's data, in the log as everywhere. Nobody can take it back.",
    fields=(Field(name="sure", label="Forget who this was, for good", kind="tick", required=True),),
    grave=True,
)
FORMS = (CHANGE, ASSIGN, ERASE)


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The customers, or those that somebody looks after."""
    found, people = await visit.all(visit.search(routes.list_page, SEARCH), visit.people())
    names = await visit.names([one["assigned_to"] for one in found.items])
    new = visit.may(routes.create)
    return visit.page("customers.html", found.search, found=found, people=people, names=names, new=new)


async def _new(visit: Visit, wrong: Filled | None = None) -> Template:
    filled = visit.fill(NEW, "/customers/new", wrong)
    return visit.page("new.html", wrong, filled=filled, people=await visit.people(), back=("/customers", "Customers"))


async def _page(visit: Visit, customer_id: str, wrong: Filled | None = None) -> Template:
    found: dict[str, Any] = await visit.ask(routes.show, customer_id=customer_id)
    stream = customer.stream(visit.caller.organization, customer_id)
    with_them, history, people = await visit.all(
        visit.ask(deals.list_page, {"customer": customer_id}), visit.history(stream), visit.people()
    )
    names = await visit.names([found["assigned_to"], *(deal["partner"] for deal in with_them["items"])])
    forms = [] if found["erased"] else visit.offered(FORMS, f"/customers/{customer_id}", wrong, **found)
    return visit.page(
        "customer.html",
        wrong,
        customer=found,
        deals=with_them,
        history=history,
        stream=stream,
        people=people,
        names=names,
        forms=forms,
        wrong=wrong,
        told=visit.told(NEW, *FORMS),
        may_open=visit.may(deals.create) and not found["erased"],
    )


router = section.router("/customers", list_page, "customer_id", _page, FORMS, NEW, _new)
