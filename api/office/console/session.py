"""Staying signed in to the console: tokens in cookies that only the console is sent, and a proof in every form."""

from __future__ import annotations

import hmac
import secrets
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request
from litestar.exceptions import HTTPException

from api import context, cookies
from api.access import Unauthorized
from api.context import Caller
from api.office import auth
from api.office.console.inside import Routes
from api.runtime import Runtime
from domain.model import Forbidden

AnyRequest = Request[Any, Any, Any]

ACCESS, REFRESH, VISIT = "console_access", "console_refresh", "console_visit"
PROOF = "proof"
"""The field of a form that says that a page of ours was filled in."""
MOST_FIELDS = 200
FORM = "application/x-www-form-urlencoded"


async def resume(runtime: Runtime, routes: Routes, request: AnyRequest) -> Caller:
    """Who is signed in. An access token that ran out is renewed on the way. Raises `Unauthorized`."""
    token = request.cookies.get(ACCESS, "")
    try:
        caller = runtime.tokens.caller(token)
    except Unauthorized:
        token = await _renewed(runtime, routes, request)
        caller = runtime.tokens.caller(token)
    request.state.token = token
    context.of(request.scope).caller = caller
    return caller


async def _renewed(runtime: Runtime, routes: Routes, request: AnyRequest) -> str:
    kept = request.cookies.get(REFRESH, "")
    if not kept:
        raise Unauthorized("missing")
    answer = await routes.call(auth.refresh, context.of(request.scope), body={"refresh_token": kept})
    if not answer.accepted:
        raise Unauthorized("refresh")
    keep(runtime, request, answer.body)
    return answer.body["access_token"]


def keep(runtime: Runtime, request: AnyRequest, tokens: dict[str, Any]) -> None:
    """Have the browser keep a sign-in until it is closed."""
    for name, field in ((ACCESS, "access_token"), (REFRESH, "refresh_token")):
        cookies.give(runtime, request, name, tokens[field], same_site="Strict")


def forget(runtime: Runtime, request: AnyRequest) -> None:
    """Have the browser forget it."""
    for name in (ACCESS, REFRESH):
        cookies.give(runtime, request, name, "", 0, same_site="Strict")


def sent_along(request: AnyRequest) -> bool:
    """Whether the browser sent what it keeps. It keeps that back where a link of another site leads here."""
    return ACCESS in request.cookies or REFRESH in request.cookies


def visit_of(runtime: Runtime, request: AnyRequest) -> str:
    """What tells the browser of somebody who did not sign in yet from others."""
    known = request.cookies.get(VISIT, "")
    if not known:
        known = secrets.token_hex(16)
        cookies.give(runtime, request, VISIT, known, same_site="Strict")
    return known


async def fields(request: AnyRequest) -> dict[str, list[str]]:
    """The fields of the form that was sent."""
    if request.content_type[0] != FORM:
        raise HTTPException(status_code=415, detail="not a form")
    try:
        pairs = parse_qsl(
            (await request.body()).decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise HTTPException(status_code=400, detail="a form that cannot be read") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return found


async def check(runtime: Runtime, request: AnyRequest, subject: str) -> None:
    """Raise `Forbidden` unless a page that we showed to this sign-in or visit was filled in."""
    given = (await fields(request)).get(PROOF, [""])[0]
    if not subject or not hmac.compare_digest(cookies.proof(runtime, subject).encode(), given.encode()):
        raise Forbidden("FORM_NOT_OURS")
