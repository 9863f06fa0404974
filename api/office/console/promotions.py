"""Promotions: prepared, corrected, withdrawn."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import promotions as routes
from api.office.console import section
from api.office.console.forms import Field, Filled, Form
from api.office.console.visit import Visit
from domain import promotion
from domain.values import LEVELS

OFFER = (
    Field(name="title", label="Title", required=True),
    Field(name="subtitle", label="Subtitle", required=True),
    Field(
        name="image_url",
        label="Address of the picture",
        required=True,
        hint="Begins with https:// and has no query string.",
    ),
    Field(name="terms_url", label="Address of the terms"),
    Field(name="original_price", label="Original price", kind="number", required=True),
    Field(name="final_price", label="Final price", kind="number", required=True),
    Field(name="bonus_amount", label="Bonus", kind="number", required=True),
    Field(
        name="monthly_payments",
        label="Monthly payments",
        kind="payments",
        hint="A line for each, months and amount: 12 8500.",
    ),
    Field(name="valid_from", label="From", kind="moment", required=True),
    Field(name="valid_to", label="Until", kind="moment", required=True),
    Field(name="priority", label="Priority", kind="whole", required=True, hint="The lower, the earlier it is shown."),
    Field(name="regions", label="Regions", kind="words", hint="With commas between them; none is everywhere."),
    Field(
        name="levels",
        label="Levels",
        kind="many",
        choices=tuple((level, level.capitalize()) for level in LEVELS),
        hint="None is every partner.",
    ),
)
SEARCH = Form(name="search", route=routes.list_page, title="", button="Show", done="")
NEW = Form(
    name="new",
    route=routes.create,
    title="Prepare a promotion",
    button="Prepare",
    done="The promotion was prepared.",
    fields=OFFER,
)
END = Form(
    name="end",
    route=routes.end,
    title="Withdraw",
    button="Withdraw",
    done="The promotion was withdrawn.",
    about="Ends the offer before its time is over.",
    grave=True,
)
CHANGE = Form(
    name="change",
    route=routes.change,
    title="Correct",
    button="Save",
    done="The promotion was corrected.",
    fields=OFFER,
    corrects=True,
    rest=routes.show,
)
FORMS = (CHANGE, END)


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The promotions, whatever their time."""
    found = await visit.search(routes.list_page, SEARCH)
    return visit.page("promotions.html", found.search, found=found, new=visit.may(routes.create))


async def _new(visit: Visit, wrong: Filled | None = None) -> Template:
    filled = visit.fill(NEW, "/promotions/new", wrong, priority=100, bonus_amount=0)
    return visit.page("new.html", wrong, filled=filled, people=(), back=("/promotions", "Promotions"))


async def _page(visit: Visit, promotion_id: str, wrong: Filled | None = None) -> Template:
    found: dict[str, Any] = await visit.ask(routes.show, promotion_id=promotion_id)
    stream = promotion.stream(visit.caller.organization, promotion_id)
    known = {"ended": (), "over": (CHANGE,)}.get(found["status"], FORMS)
    return visit.page(
        "promotion.html",
        wrong,
        promotion=found,
        history=await visit.history(stream),
        stream=stream,
        forms=visit.offered(known, f"/promotions/{promotion_id}", wrong, **found),
        wrong=wrong,
        told=visit.told(NEW, *FORMS),
    )


router = section.router("/promotions", list_page, "promotion_id", _page, FORMS, NEW, _new)
