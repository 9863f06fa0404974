"""Deals: opened, moved through their stages, worked on, lost; and the commissions promised on them."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec.structs import replace

from api.office import commissions, deal_work
from api.office import deals as routes
from api.office.console import section
from api.office.console.forms import Choices, Field, Filled, Form
from api.office.console.visit import Visit
from domain import deal
from domain.deal import ACTIVITIES
from domain.pipeline import PIPELINES


def choices(names: Any) -> Choices:
    """Names as a list to choose from."""
    return tuple((name, name.replace("_", " ").replace("-", " ").capitalize()) for name in names)


PARTNER = Field(name="partner", label="Partner", kind="user", required=True)
VALUE = Field(name="value", label="Value", kind="number", required=True)
STAGE = Field(name="stage", label="Stage", kind="choice", required=True)

SEARCH = Form(
    name="search",
    route=routes.list_page,
    title="",
    button="Show",
    done="",
    fields=(Field(name="customer", label="Customer (id)"),),
)
NEW = Form(
    name="new",
    route=routes.create,
    title="Open a deal",
    button="Open",
    done="The deal was opened.",
    fields=(
        Field(name="customer", label="Customer (id)", required=True, hint="As it stands on the customer's page."),
        PARTNER,
        Field(name="title", label="Title", required=True),
        VALUE,
        Field(name="pipeline", label="Pipeline", kind="choice", required=True, choices=choices(PIPELINES)),
        Field(name="vehicle_make", label="Make of the vehicle"),
        Field(name="vehicle_model", label="Model"),
        Field(name="vehicle_year", label="Year", kind="whole"),
    ),
)
MOVE = Form(
    name="stage",
    route=routes.move,
    title="Move",
    button="Move",
    done="The deal was moved.",
    about="The last stage wins the deal.",
    fields=(STAGE,),
)
WORK = (
    Form(
        name="progress",
        route=deal_work.progress,
        title="Progress",
        button="Note",
        done="The progress was noted.",
        fields=(Field(name="percentage", label="Percent of the customer's part", kind="whole", required=True),),
    ),
    Form(
        name="document",
        route=deal_work.add_document,
        title="Document",
        button="Add",
        done="The document was added.",
        fields=(Field(name="name", label="Name, such as INE", required=True),),
    ),
    Form(
        name="activity",
        route=deal_work.add_activity,
        title="Activity",
        button="Note",
        done="The activity was noted.",
        fields=(
            Field(name="kind", label="Kind", kind="choice", required=True, choices=choices(ACTIVITIES)),
            Field(name="note", label="Note", kind="long"),
        ),
    ),
    Form(
        name="commission",
        route=commissions.create,
        title="Promise a commission",
        button="Promise",
        done="The commission was promised.",
        fields=(
            Field(name="rate", label="Rate in percent", kind="number", required=True),
            Field(name="amount", label="Amount", kind="number", hint="Without one it is the rate of the value."),
            Field(name="earned", label="Earned at once", kind="tick"),
        ),
    ),
    Form(
        name="value",
        route=deal_work.set_value,
        title="Correct the value",
        button="Save",
        done="The value was corrected.",
        fields=(VALUE,),
    ),
    Form(
        name="partner",
        route=deal_work.set_partner,
        title="Hand over",
        button="Hand over",
        done="The deal was handed over.",
        fields=(PARTNER,),
    ),
    Form(
        name="loss",
        route=deal_work.lose,
        title="Lose",
        button="Close as lost",
        done="The deal was closed as lost.",
        fields=(Field(name="reason", label="Reason", kind="long"),),
        grave=True,
    ),
)
FORMS = (MOVE, *WORK)
AFTERWARDS = {"document", "activity", "commission"}
"""What can still be done with a deal that is closed."""


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The deals, or those with one customer."""
    found = await visit.search(routes.list_page, SEARCH)
    names = await visit.names([one["partner"] for one in found.items], [one["customer"] for one in found.items])
    return visit.page("deals.html", found.search, found=found, names=names, new=visit.may(routes.create))


def _ready(form: Form, deal_id: str) -> Form:
    return replace(form, fixed={"deal": deal_id}) if form.route is commissions.create else form


async def _new(visit: Visit, wrong: Filled | None = None) -> Template:
    given = {"customer": visit.request.query_params.get("customer") or None, "pipeline": "vehicle_financing"}
    filled = visit.fill(NEW, "/deals/new", wrong, **given)
    return visit.page("new.html", wrong, filled=filled, people=await visit.people(), back=("/deals", "Deals"))


async def _page(visit: Visit, deal_id: str, wrong: Filled | None = None) -> Template:
    found: dict[str, Any] = await visit.ask(routes.show, deal_id=deal_id)
    stream = deal.stream(visit.caller.organization, deal_id)
    history, people, names = await visit.all(
        visit.history(stream), visit.people(), visit.names([found["partner"]], [found["customer"]])
    )
    line = PIPELINES[found["pipeline"]]
    closed = found["outcome"] == "lost" or line.stage(found["stage"]).terminal
    move = replace(MOVE, fields=(replace(STAGE, choices=choices(line.names)),))
    known = [form for form in (move, *WORK) if not closed or form.name in AFTERWARDS]
    kept = {name: found[name] for name in ("stage", "percentage", "value", "partner")}
    return visit.page(
        "deal.html",
        wrong,
        deal=found,
        stages=line.names,
        history=history,
        stream=stream,
        people=people,
        names=names,
        forms=visit.offered(known, f"/deals/{deal_id}", wrong, **kept),
        wrong=wrong,
        told=visit.told(NEW, *FORMS),
    )


router = section.router("/deals", list_page, "deal_id", _page, FORMS, NEW, _new, _ready)
