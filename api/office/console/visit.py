"""One request of somebody who is signed in to the console: what they may, what they are shown, what they send."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Redirect, Template

from api import context, identity
from api.access import Unauthorized
from api.context import Caller
from api.office import audit, users
from api.office.console import forms, pages, session
from api.office.console.forms import Filled, Form
from api.office.console.inside import Answer, Refused, Routes
from api.office.console.session import AnyRequest
from api.runtime import Runtime
from projections import customers as customer_view
from projections import users as user_view

HISTORY = 20
MOST_PEOPLE = 200


class Page(msgspec.Struct, kw_only=True):
    """A page of a list: what was looked for, what was found, and how the list goes on."""

    search: Filled
    items: list[Any] = []
    more: str = ""
    first: str = ""


class Visit:
    """What the pages have in common."""

    def __init__(self, runtime: Runtime, routes: Routes, request: AnyRequest) -> None:
        self.runtime = runtime
        self.request = request
        self.about = context.of(request.scope)
        self.zone = ZoneInfo(runtime.settings.time_zone)
        self.root: str = request.scope.get("root_path", "")
        self._routes = routes

    @property
    def caller(self) -> Caller:
        """Who is signed in."""
        assert self.about.caller is not None
        return self.about.caller

    def may(self, handler: HTTPRouteHandler) -> bool:
        """Whether they may call a route."""
        return self.caller.role in self._routes.roles(handler)

    def check(self, handler: HTTPRouteHandler) -> None:
        """Raise `Forbidden` where they may not."""
        identity.check_role(self.caller.role, self._routes.roles(handler))

    # --- asking

    async def call(self, handler: HTTPRouteHandler, **more: Any) -> Answer:
        """What a route answers them. Raises `Unauthorized` when their sign-in has just ended."""
        answer = await self._routes.call(handler, self.about, token=self.request.state.token, **more)
        if answer.status == 401:
            raise Unauthorized("ended")
        return answer

    async def ask(self, handler: HTTPRouteHandler, query: Mapping[str, Any] | None = None, **path: str) -> Any:
        """What a route shows them. Raises `Refused`."""
        answer = await self.call(handler, query=query, path=path)
        if not answer.accepted:
            raise Refused(answer)
        return answer.body

    async def all(self, *questions: Any) -> Any:
        """The answers to several questions at once."""
        return await asyncio.gather(*questions)

    async def search(self, handler: HTTPRouteHandler, form: Form, cursor: str = "after") -> Page:
        """A page of a list, by what the address asks for. `cursor` is the parameter that says where a page begins."""
        search, body = await self.look(handler, form, cursor, "limit")
        page = Page(search=search)
        if body:
            kept = {name: values[0] for name, values in search.values.items() if name != cursor}
            page.items = body["items"]
            page.more = self.address("", **kept, **{cursor: body["next"]}) if body["next"] is not None else ""
            page.first = self.address("", **kept) if cursor in search.values else ""
        return page

    async def look(self, handler: HTTPRouteHandler, form: Form, *more: str, **path: str) -> tuple[Filled, Any]:
        """What a route shows for what the address asks for, by the fields of a form and by `more` parameters; and the
        form, which says what is wrong when the route could make nothing of it."""
        fields = {field.name: field for field in form.fields}
        given = {name: value for name, value in self.request.query_params.items() if value.strip()}
        given = {name: value for name, value in given.items() if name in fields or name in more}
        asked = {
            name: fields[name].read([value], self.zone) if name in fields else value for name, value in given.items()
        }
        filled = Filled(form=form, action="", values={name: [value] for name, value in given.items()})
        answer = await self.call(handler, query=asked, path=path)
        if answer.accepted:
            return filled, answer.body
        if answer.status != 400:
            raise Refused(answer)
        filled.errors, filled.message = forms.refusal(form.fields, answer)
        filled.status = answer.status
        return filled, None

    async def history(self, stream: str) -> list[Any] | None:
        """The newest that happened on a stream; None for those who may not see it."""
        if not self.may(audit.list_events):
            return None
        found = await self.ask(audit.list_events, {"stream": stream, "limit": HISTORY})
        return found["items"]

    async def people(self) -> forms.Choices:
        """Whom a field for a user offers: the accounts of the organisation, as many as one page of them."""
        found = await self.ask(users.list_page, {"limit": MOST_PEOPLE})
        return tuple((user["id"], user["name"] or user["id"]) for user in found["items"])

    async def names(self, people: Iterable[str | None] = (), customers: Iterable[str | None] = ()) -> dict[str, str]:
        """What users and customers are called, by id."""
        views, organization = self.runtime.views, self.caller.organization
        staff, known = await self.all(
            user_view.by_ids(views, organization, [one for one in people if one]),
            customer_view.by_ids(views, organization, [one for one in customers if one]),
        )
        return {**{key: row.name for key, row in staff.items()}, **{key: row.name for key, row in known.items()}}

    # --- sending

    async def send(self, form: Form, action: str, **path: str) -> Filled | Any:
        """Send what was written in a form to its route: what that answered, or the form with what is wrong."""
        given = await session.fields(self.request)
        unticked = [name for name in form.ticks if not any(given.get(name, ()))]
        if unticked:
            wrong = dict.fromkeys(unticked, "Tick this first.")
            return Filled(form=form, action=action, values=given, errors=wrong, status=400)
        key, body = given.get("key", [""])[0], form.body(given, self.zone)
        if form.rest is not None:
            now = await self.ask(form.rest, None, **path)
            body = {**{field.name: now[field.name] for field in form.fields}, **body}
        answer = await self.call(form.route, body=body, key=key, path=path)
        if answer.accepted:
            return answer.body
        if answer.status in (403, 429) or answer.status >= 500:
            raise Refused(answer)
        errors, message = forms.refusal(form.fields, answer)
        return Filled(form=form, action=action, values=given, errors=errors, message=message, status=answer.status)

    def fill(self, form: Form, action: str, wrong: Filled | None = None, **values: Any) -> Filled:
        """A form for a page: as it was sent when it was refused, else with these values in it."""
        if wrong is not None and wrong.form.name == form.name:
            wrong.form = form
            return wrong
        shown = {field.name: field.show(values.get(field.name), self.zone) for field in form.fields}
        return Filled(form=form, action=action, values={**shown, **form.hidden(shown, values)})

    def offered(self, known: Iterable[Form], at: str, wrong: Filled | None = None, **values: Any) -> list[Filled]:
        """Those of the forms that they may send, each to its own place below `at`."""
        return [self.fill(form, f"{at}/{form.name}", wrong, **values) for form in known if self.may(form.route)]

    # --- answering

    def page(self, template: str, refused: Filled | None = None, /, **shown: Any) -> Template:
        """A page."""
        return pages.page(self.request, self.runtime, template, refused.status if refused else 200, **shown)

    def back(self, path: str, form: Form, **query: str) -> Redirect:
        """Where somebody goes after a form was taken: a page that says so, and that may be loaded again."""
        late = {"late": "yes"} if any(name == b"bitacora-lag" for name, _ in self.about.headers) else {}
        return Redirect(self.address(path, **query, done=form.name, **late), status_code=303)

    def told(self, *known: Form) -> str:
        """What a page says of the form that led to it."""
        query = self.request.query_params
        said = next((form.done for form in known if form.name == query.get("done")), "")
        return f"{said} It does not show everywhere yet: load this page again." if said and "late" in query else said

    def address(self, path: str, **query: Any) -> str:
        """The address of a page; without a path, of this one with another query."""
        where = f"{self.root}{path}" if path else f"{self.root}{self.request.scope['path']}"
        return f"{where}?{urlencode(query)}" if query else where


def named(known: Iterable[Form], name: str) -> Form:
    """The form of this name. Raises `NotFoundException`."""
    for form in known:
        if form.name == name:
            return form
    raise NotFoundException
