"""Signing in to the partner dashboard (C10: the document's client needs it, the document does not describe it)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api import context, cookies, identity
from api.context import Caller
from api.identity import Signed
from api.pazz import contract
from api.pazz.contract import Done
from api.runtime import Runtime
from domain.model import NotFound
from projections import users


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail address and its password."""

    email: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=200)]


class Refresh(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The refresh token that the last sign-in or refresh gave; without one, that of the cookie."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    id: str
    name: str
    email: str
    role: str


class Session(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The tokens to send as `Authorization: Bearer` and to refresh with; `expiresIn` in seconds. A browser gets them in
    httpOnly cookies as well; what relies on these sends `csrfToken` as `X-CSRF-Token` with every change."""

    token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int
    csrf_token: str
    user: User


class SignedOut(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The sign-in is over."""

    signed_out: bool = True


def shown(user: users.User) -> User:
    """A staff account as this frontend shows it."""
    return User(id=user.id, name=user.name, email=user.email or "", role=user.role)


def session(runtime: Runtime, request: Request[Any, Any, Any], signed: Signed) -> Done[Session]:
    """Hand over the tokens, in the answer and in cookies."""
    cookies.set_all(runtime, request, signed)
    return Done(
        data=Session(
            token=signed.access_token,
            refresh_token=signed.refresh_token,
            expires_in=signed.expires_in,
            csrf_token=cookies.proof(runtime, signed.refresh_token.partition(".")[0]),
            user=shown(signed.user),
        )
    )


@post("/login", summary="Sign in", opt={"public": True, "body": Credentials, "fails": (401, 403)}, status_code=200)
async def login(
    request: Request[Any, Any, Any], data: JSONBody[Credentials], runtime: NamedDependency[Runtime]
) -> Done[Session]:
    """Trade e-mail and password for tokens. Attempts are limited per address and per account."""
    address = context.of(request.scope).address
    account = runtime.vault.blind(data.email.strip().lower())
    checks = (contract.LOGIN_PER_ADDRESS, address), (contract.LOGIN_PER_ACCOUNT, account)
    await identity.limit(runtime, request, *checks)
    return session(runtime, request, await identity.sign_in(runtime, data.email, data.password, {contract.ROLE}))


@post(
    "/refresh",
    summary="Refresh the tokens",
    opt={"public": True, "body": Refresh, "bodiless": True, "fails": (401, 403)},
    status_code=200,
)
async def refresh(
    request: Request[Any, Any, Any], runtime: NamedDependency[Runtime], data: JSONBody[Refresh | None] = None
) -> Done[Session]:
    """Trade a refresh token for the next pair. One that was traded before ends the whole sign-in, unless that was only
    seconds ago, as with two tabs that refresh at once."""
    await identity.limit(runtime, request, (contract.REFRESH_PER_ADDRESS, context.of(request.scope).address))
    token = (data and data.refresh_token) or cookies.refresh_token(runtime, request)
    return session(runtime, request, await identity.refresh(runtime, token))


@post("/logout", summary="Sign out", status_code=200)
async def logout(
    request: Request[Any, Any, Any], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Done[SignedOut]:
    """End this sign-in: neither of its tokens works any more."""
    await identity.sign_out(runtime, caller)
    cookies.clear_all(runtime, request)
    return Done(data=SignedOut())


@get("/me", summary="Who is signed in")
async def me(
    request: Request[Any, Any, Any], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Done[User]:
    """The caller's account. `X-CSRF-Token` says what this sign-in must send with changes when it relies on cookies."""
    context.of(request.scope).add_header(cookies.HEADER, cookies.proof(runtime, caller.sign_in))
    found = await users.by_id(runtime.views, caller.organization, caller.id)
    if found is None:
        raise NotFound("USER_NOT_FOUND", user=caller.id)
    return Done(data=shown(found))


router = Router("/api/v1/auth", route_handlers=[login, refresh, logout, me], tags=["auth"])
