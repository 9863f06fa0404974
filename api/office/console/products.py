"""Products: taken into the inventory, corrected, removed, put back."""

from __future__ import annotations

from typing import Any

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template

from api.office import products as routes
from api.office.console import section
from api.office.console.forms import Field, Filled, Form
from api.office.console.visit import Visit
from domain import product

PRODUCT = (
    Field(name="code", label="Code", required=True),
    Field(name="name", label="Name", required=True),
    Field(name="description", label="Description", kind="long"),
    Field(name="category", label="Category"),
    Field(name="price", label="Price", kind="number", required=True),
    Field(name="cost", label="Cost", kind="number"),
    Field(name="images", label="Addresses of pictures", kind="lines", hint="A line for each."),
    Field(name="active", label="In the catalogue", kind="tick"),
)
SEARCH = Form(
    name="search",
    route=routes.list_page,
    title="",
    button="Show",
    done="",
    fields=(
        Field(
            name="removed", label="Which", kind="choice", choices=(("false", "In the inventory"), ("true", "Removed"))
        ),
    ),
)
NEW = Form(
    name="new",
    route=routes.create,
    title="Add a product",
    button="Add",
    done="The product was added.",
    fields=PRODUCT,
)
CHANGE = Form(
    name="change",
    route=routes.change,
    title="Correct",
    button="Save",
    done="The product was corrected.",
    fields=PRODUCT,
    corrects=True,
)
REMOVE = Form(
    name="remove",
    route=routes.remove,
    title="Remove",
    button="Remove",
    done="The product was removed.",
    about="Takes it out of the inventory; its code is free again. Carts that hold it keep it and say so.",
    grave=True,
)
RESTORE = Form(
    name="restore",
    route=routes.restore,
    title="Put back",
    button="Put back",
    done="The product was put back.",
    about="Puts it back as it was, if its code is still free.",
)
FORMS = (CHANGE, REMOVE, RESTORE)


@get("/")
async def list_page(visit: NamedDependency[Visit]) -> Template:
    """The inventory, or what was taken out of it."""
    found = await visit.search(routes.list_page, SEARCH)
    return visit.page("products.html", found.search, found=found, new=visit.may(routes.create))


async def _new(visit: Visit, wrong: Filled | None = None) -> Template:
    filled = visit.fill(NEW, "/products/new", wrong, active=True)
    return visit.page("new.html", wrong, filled=filled, people=(), back=("/products", "Products"))


async def _page(visit: Visit, product_id: str, wrong: Filled | None = None) -> Template:
    found: dict[str, Any] = await visit.ask(routes.show, product_id=product_id)
    stream = product.stream(visit.caller.organization, product_id)
    known = (RESTORE,) if found["removed"] else (CHANGE, REMOVE)
    return visit.page(
        "product.html",
        wrong,
        product=found,
        history=await visit.history(stream),
        stream=stream,
        forms=visit.offered(known, f"/products/{product_id}", wrong, **found),
        wrong=wrong,
        told=visit.told(NEW, *FORMS),
    )


router = section.router("/products", list_page, "product_id", _page, FORMS, NEW, _new)
