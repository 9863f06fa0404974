"""Coming in and going out: the same accounts, checks and limits as the office's API."""

from __future__ import annotations

import re

from litestar import Response, Router, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Template

from api import context, cookies
from api.office import auth
from api.office.console import forms, pages, session
from api.office.console.forms import Field, Filled, Form
from api.office.console.inside import Refused, Routes
from api.office.console.session import AnyRequest
from api.office.console.visit import Visit
from api.runtime import Runtime

SIGN_IN = Form(
    name="sign-in",
    route=auth.login,
    title="Sign in",
    button="Sign in",
    done="",
    fields=(
        Field(name="email", label="E-mail address", kind="email", required=True),
        Field(name="password", label="Password", kind="password", required=True),
    ),
)
SAID = {"ended": "Your sign-in has ended. Sign in to go on; what you had just sent was not stored.", "out": "Goodbye."}
WAY = re.compile(r"/[A-Za-z0-9_/.~%*@:+&=?-]{0,1500}")


@get("/sign-in", opt={"public": True})
async def show(request: AnyRequest, runtime: NamedDependency[Runtime]) -> Template:
    """Where one signs in."""
    way = request.query_params.get("next", "")
    return _page(request, runtime, Filled(form=SIGN_IN, action="/sign-in"), way)


@post("/sign-in", opt={"public": True})
async def enter(
    request: AnyRequest, runtime: NamedDependency[Runtime], routes: NamedDependency[Routes]
) -> Template | Redirect:
    """Sign in."""
    given = await session.fields(request)
    await session.check(runtime, request, request.cookies.get(session.VISIT, ""))
    way = given.get("next", [""])[0]
    body = {name: given.get(name, [""])[0] for name in ("email", "password")}
    answer = await routes.call(auth.login, context.of(request.scope), body=body)
    if answer.accepted:
        session.keep(runtime, request, answer.body)
        root = request.scope.get("root_path", "")
        return Redirect(root + (way if WAY.fullmatch(way) else "/"), status_code=303)
    if answer.status >= 500:
        raise Refused(answer)
    errors, message = forms.refusal(SIGN_IN.fields, answer)
    wrong = Filled(form=SIGN_IN, action="/sign-in", values=given, errors=errors, message=message, status=answer.status)
    return _page(request, runtime, wrong, way)


@post("/sign-out")
async def leave(visit: NamedDependency[Visit]) -> Redirect:
    """End this sign-in."""
    await visit.call(auth.logout)
    session.forget(visit.runtime, visit.request)
    return Redirect(visit.address("/sign-in", done="out"), status_code=303)


@get("/style.css", opt={"public": True})
async def style() -> Response[bytes]:
    """How it all looks."""
    return pages.style()


def _page(request: AnyRequest, runtime: Runtime, filled: Filled, way: str) -> Template:
    proof = cookies.proof(runtime, session.visit_of(runtime, request))
    told = SAID.get(request.query_params.get("done", ""), "")
    way = way if WAY.fullmatch(way) else ""
    return pages.page(request, runtime, "sign_in.html", filled.status, filled=filled, proof=proof, way=way, told=told)


router = Router("/", route_handlers=[show, enter, leave, style])
