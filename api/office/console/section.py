"""A section of the console: a list, one of it with its forms, and where there is one the form for another one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template

from api.office.console.forms import Filled, Form
from api.office.console.visit import Visit, named


class One(Protocol):
    """The page of one of them; `wrong` is the form that was refused."""

    def __call__(self, visit: Visit, key: str, wrong: Filled | None = None, /) -> Awaitable[Template]: ...


class Blank(Protocol):
    """The page with the form for another one; `wrong` is how it was refused."""

    def __call__(self, visit: Visit, wrong: Filled | None = None, /) -> Awaitable[Template]: ...


def router(
    path: str,
    list_page: Any,
    parameter: str,
    one: One,
    forms: Sequence[Form],
    new: Form | None = None,
    blank: Blank | None = None,
    ready: Callable[[Form, str], Form] = lambda form, key: form,
) -> Router:
    """The addresses of a section. `parameter` is what the API's routes call the id in their paths; `ready` puts into a
    form what its route wants to know of the one it is sent from."""

    @get("/{key:str}")
    async def show(visit: NamedDependency[Visit], key: FromPath[str]) -> Template:
        """One of them, and what can be done with it."""
        return await one(visit, key)

    @post("/{key:str}/{action:str}")
    async def act(visit: NamedDependency[Visit], key: FromPath[str], action: FromPath[str]) -> Template | Redirect:
        """Send one of its forms."""
        form, at = ready(named(forms, action), key), f"{path}/{key}"
        taken = await visit.send(form, f"{at}/{action}", **{parameter: key})
        return await one(visit, key, taken) if isinstance(taken, Filled) else visit.back(at, form)

    handlers = [list_page, show, act]
    if new is not None and blank is not None:
        handlers += _another(path, new, blank)
    return Router(path, route_handlers=handlers)


def _another(path: str, new: Form, blank: Blank) -> list[Any]:
    @get("/new")
    async def begin(visit: NamedDependency[Visit]) -> Template:
        """The form for another one."""
        visit.check(new.route)
        return await blank(visit)

    @post("/new")
    async def create(visit: NamedDependency[Visit]) -> Template | Redirect:
        """Make it."""
        taken = await visit.send(new, f"{path}/new")
        return await blank(visit, taken) if isinstance(taken, Filled) else visit.back(f"{path}/{taken['id']}", new)

    return [begin, create]
