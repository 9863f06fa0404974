"""Users: staff accounts, created, corrected, deactivated and reactivated."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import users as routes
from api.office.console import section
from api.office.console.forms import Field, Filled, Form
from api.office.console.visit import Visit
from domain import user
from domain.values import ROLES

ROLE = Field(name="role", label="Role", kind="choice", choices=tuple((role, role.capitalize()) for role in ROLES))
NAME = Field(name="name", label="Name", required=True)
REACHED = (
    Field(name="phone", label="Phone", hint="With its country: +52 55 9877 2310."),
    Field(name="region", label="Region"),
)

SEARCH = Form(name="search", route=routes.list_page, title="", button="Show", done="", fields=(ROLE,))
NEW = Form(
    name="new",
    route=routes.create,
    title="Create an account",
    button="Create",
    done="The account was created.",
    fields=(
        NAME,
        Field(name="email", label="E-mail address", kind="email", required=True),
        Field(name="password", label="Password", kind="password", required=True, hint="At least 8 characters."),
        Field(name="role", label="Role", kind="choice", required=True, choices=ROLE.choices),
        *REACHED,
    ),
)
CHANGE = Form(
    name="change",
    route=routes.change,
    title="Correct",
    button="Save",
    done="The account was corrected.",
    about="A partner is shown the promotions of a new region when their tokens are next refreshed.",
    fields=(NAME, *REACHED),
    corrects=True,
)
DEACTIVATE = Form(
    name="deactivate",
    route=routes.set_standing,
    title="Deactivate",
    button="Deactivate",
    done="The account was deactivated.",
    about="They cannot sign in any more, and their sign-ins end at once.",
    fixed={"active": False},
    grave=True,
)
REACTIVATE = Form(
    name="reactivate",
    route=routes.set_standing,
    title="Reactivate",
    button="Reactivate",
    done="The account was reactivated.",
    about="They can sign in again.",
    fixed={"active": True},
)
FORMS = (CHANGE, DEACTIVATE, REACTIVATE)


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The accounts, or those with one role."""
    found = await visit.search(routes.list_page, SEARCH)
    return visit.page("users.html", found.search, found=found, new=visit.may(routes.create))


async def _new(visit: Visit, wrong: Filled | None = None) -> Template:
    filled = visit.fill(NEW, "/users/new", wrong)
    return visit.page("new.html", wrong, filled=filled, people=(), back=("/users", "Users"))


async def _page(visit: Visit, user_id: str, wrong: Filled | None = None) -> Template:
    found: dict[str, Any] = await visit.ask(routes.show, user_id=user_id)
    stream = user.stream(visit.caller.organization, user_id)
    own = user_id == visit.caller.id
    standing = (() if own else (DEACTIVATE,)) if found["active"] else (REACTIVATE,)
    return visit.page(
        "user.html",
        wrong,
        user=found,
        history=await visit.history(stream),
        stream=stream,
        forms=visit.offered((CHANGE, *standing), f"/users/{user_id}", wrong, **found),
        wrong=wrong,
        told=visit.told(NEW, *FORMS),
    )


router = section.router("/users", list_page, "user_id", _page, FORMS, NEW, _new)
