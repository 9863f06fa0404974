"""Tokens in cookies, for browsers that keep them there: httpOnly, used when a request has no Authorization header.

A browser sends cookies along whoever made it call. So a request that changes something and shows no other proof must
carry a token in `X-CSRF-Token` that only pages reading our answers can know; it belongs to one sign-in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from http.cookies import SimpleCookie
from typing import Any

from litestar.connection import ASGIConnection

from api import context, identity
from api.access import Unauthorized
from api.context import Caller
from api.identity import Signed
from api.runtime import Runtime
from domain.model import Forbidden

Connection = ASGIConnection[Any, Any, Any, Any]

HEADER = "X-CSRF-Token"
SAFE = {"GET", "HEAD", "OPTIONS"}


def authenticate(runtime: Runtime, request: Connection, roles: Collection[str]) -> Caller:
    """The caller by the Authorization header, or by the cookie. Raises as `identity.authenticate` does, and `Forbidden`
    when only the cookie speaks for a change."""
    bearer = identity.bearer(request)
    token = bearer or request.cookies.get(_name(request, "access"))
    try:
        caller = identity.authenticate(runtime, request, token, roles)
    except Unauthorized:
        if not bearer:
            offer_proof(runtime, request)
        raise
    if not bearer and request.scope.get("method") not in SAFE:
        check(runtime, request, caller.sign_in)
    return caller


def offer_proof(runtime: Runtime, request: Connection) -> None:
    """Tell a page whose access token ran out what it must show to refresh: one of another origin cannot read that from
    our cookie, and if it was loaded anew it does not remember it."""
    sign_in = request.cookies.get(_name(request, "refresh"), "").partition(".")[0]
    if sign_in:
        context.of(request.scope).add_header(HEADER, proof(runtime, sign_in))


def refresh_token(runtime: Runtime, request: Connection) -> str:
    """The refresh token of the cookie; empty when there is none."""
    token = request.cookies.get(_name(request, "refresh"), "")
    if token:
        check(runtime, request, token.partition(".")[0])
    return token


def check(runtime: Runtime, request: Connection, sign_in: str) -> None:
    """Raise `Forbidden` unless the request shows that a page of ours made it."""
    if not hmac.compare_digest(proof(runtime, sign_in).encode(), request.headers.get(HEADER, "").encode()):
        raise Forbidden("CSRF_TOKEN_INVALID")


def proof(runtime: Runtime, sign_in: str) -> str:
    """What `X-CSRF-Token` must say during a sign-in."""
    return hmac.new(runtime.settings.secret.encode(), f"csrf/{sign_in}".encode(), hashlib.sha256).hexdigest()[:40]


def set_all(runtime: Runtime, request: Connection, signed: Signed) -> None:
    """Hand the tokens to the browser as well."""
    lifetime = runtime.settings.refresh_token_seconds
    sign_in = signed.refresh_token.partition(".")[0]
    _set(runtime, request, "access", signed.access_token, signed.expires_in)
    _set(runtime, request, "refresh", signed.refresh_token, lifetime)
    _set(runtime, request, "csrf", proof(runtime, sign_in), lifetime, readable=True)


def clear_all(runtime: Runtime, request: Connection) -> None:
    """Take them back."""
    for what in ("access", "refresh", "csrf"):
        _set(runtime, request, what, "", 0, readable=what == "csrf")


def give(
    runtime: Runtime,
    request: Connection,
    name: str,
    value: str,
    seconds: int | None = None,
    *,
    readable: bool = False,
    same_site: str = "Lax",
) -> None:
    """Have the browser keep a cookie for the frontend that answers: so many seconds, or until it is closed."""
    cookie = SimpleCookie({name: value})
    cookie[name]["path"] = request.scope.get("root_path") or "/"
    if seconds is not None:
        cookie[name]["max-age"] = str(seconds)
    cookie[name]["samesite"] = same_site
    cookie[name]["httponly"] = not readable
    cookie[name]["secure"] = runtime.settings.environment == "production"
    context.of(request.scope).add_header("set-cookie", cookie[name].OutputString())


def _set(runtime: Runtime, request: Connection, what: str, value: str, seconds: int, *, readable: bool = False) -> None:
    give(runtime, request, _name(request, what), value, seconds, readable=readable)


def _name(request: Connection, what: str) -> str:
    return f"{context.of(request.scope).frontend}_{what}"
