"""Signing in: a token that is good for a day (W11)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api import context, identity
from api.context import Caller
from api.identity import Signed
from api.runtime import Runtime
from api.scheduler import contract
from domain.model import NotFound
from projections import users

Text = Annotated[str, msgspec.Meta(max_length=254)]


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail address, under either name, and its password."""

    email: Text | None = None
    username: Text | None = None
    password: Annotated[str, msgspec.Meta(max_length=200)]


class Refresh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token that the last sign-in or refresh gave."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=200)]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Who is signed in."""

    id: str
    name: str
    email: str
    role: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a sign-in; `expires_in` in seconds. `token` and `refreshToken` say the same once more, for clients
    that look for them there."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int
    user: User
    token: str
    refreshToken: str


def shown(user: users.User) -> User:
    """A staff account as this frontend shows it."""
    return User(id=user.id, name=user.name, email=user.email or "", role=user.role)


def session(runtime: Runtime, signed: Signed) -> Session:
    """Hand over the tokens, the access token with this frontend's lifetime."""
    seconds = runtime.settings.scheduler_token_seconds
    token = runtime.tokens.issue(runtime.tokens.caller(signed.access_token), seconds)
    return Session(
        access_token=token,
        refresh_token=signed.refresh_token,
        expires_in=seconds,
        user=shown(signed.user),
        token=token,
        refreshToken=signed.refresh_token,
    )


@post("/login", summary="Sign in", opt={"public": True, "body": Credentials, "fails": [401, 403]}, status_code=200)
async def login(
    request: Request[Any, Any, Any], data: JSONBody[Credentials], runtime: NamedDependency[Runtime]
) -> Session:
    """Trade e-mail and password for tokens. An address may try five times in fifteen minutes."""
    await identity.limit(runtime, request, (contract.LOGIN_PER_ADDRESS, context.of(request.scope).address))
    email = data.email or data.username or ""
    return session(runtime, await identity.sign_in(runtime, email, data.password, contract.ROLES))


@post("/refresh", summary="Refresh the tokens", opt={"public": True, "body": Refresh, "fails": [401]}, status_code=200)
async def refresh(
    request: Request[Any, Any, Any], data: JSONBody[Refresh], runtime: NamedDependency[Runtime]
) -> Session:
    """Trade a refresh token for the next pair. One that was traded before ends the whole sign-in, unless that was only
    seconds ago, as with two tabs that refresh at once."""
    await identity.limit(runtime, request, (contract.REFRESH_PER_ADDRESS, context.of(request.scope).address))
    return session(runtime, await identity.refresh(runtime, data.refresh_token))


@post("/logout", summary="Sign out", status_code=204)
async def logout(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> None:
    """End this sign-in: neither of its tokens works any more."""
    await identity.sign_out(runtime, caller)


@get("/me", summary="Who is signed in", response_headers=contract.USER_CACHE)
async def me(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> User:
    """The caller's account."""
    found = await users.by_id(runtime.views, caller.organization, caller.id)
    if found is None:
        raise NotFound("USER_NOT_FOUND", user=caller.id)
    return shown(found)


router = Router("/api/auth", route_handlers=[login, refresh, logout, me], tags=["auth"])
