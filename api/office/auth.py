"""Signing in to the office."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api import context, identity
from api.context import Caller
from api.identity import Signed
from api.office import contract
from api.runtime import Runtime


class Credentials(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An e-mail address and its password."""

    email: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=200)]


class Refresh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The refresh token that the last sign-in or refresh gave."""

    refresh_token: Annotated[str, msgspec.Meta(max_length=200)]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of a sign-in; `expires_in` in seconds."""

    access_token: str
    refresh_token: str
    token_type: str = "Bearer"
    expires_in: int
    user_id: str
    organization: str
    role: str


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The caller, as the token says."""

    user_id: str
    organization: str
    role: str


def shown(signed: Signed) -> Session:
    """A sign-in as the office shows it."""
    return Session(
        access_token=signed.access_token,
        refresh_token=signed.refresh_token,
        expires_in=signed.expires_in,
        user_id=signed.user.id,
        organization=signed.user.organization,
        role=signed.user.role,
    )


@post("/login", summary="Sign in", opt={"public": True, "body": Credentials, "fails": (401, 403)}, status_code=200)
async def login(
    request: Request[Any, Any, Any], data: JSONBody[Credentials], runtime: NamedDependency[Runtime]
) -> Session:
    """Trade e-mail and password for tokens."""
    address = context.of(request.scope).address
    account = runtime.vault.blind(data.email.strip().lower())
    checks = (contract.LOGIN_PER_ADDRESS, address), (contract.LOGIN_PER_ACCOUNT, account)
    await identity.limit(runtime, request, *checks)
    return shown(await identity.sign_in(runtime, data.email, data.password, contract.STAFF))


@post(
    "/refresh",
    summary="Refresh the tokens",
    opt={"public": True, "body": Refresh, "fails": (401, 403)},
    status_code=200,
)
async def refresh(
    request: Request[Any, Any, Any], data: JSONBody[Refresh], runtime: NamedDependency[Runtime]
) -> Session:
    """Trade a refresh token for the next pair. One that was traded before ends the whole sign-in, unless that was only
    seconds ago, as with two tabs that refresh at once."""
    await identity.limit(runtime, request, (contract.REFRESH_PER_ADDRESS, context.of(request.scope).address))
    return shown(await identity.refresh(runtime, data.refresh_token))


@post("/logout", summary="Sign out", opt={"roles": contract.STAFF}, status_code=204)
async def logout(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> None:
    """End this sign-in."""
    await identity.sign_out(runtime, caller)


@get("/me", summary="Who is signed in", opt={"roles": contract.STAFF})
async def me(caller: NamedDependency[Caller]) -> Who:
    """The caller."""
    return Who(user_id=caller.id, organization=caller.organization, role=caller.role)


router = Router("/auth", route_handlers=[login, refresh, logout, me], tags=["auth"])
