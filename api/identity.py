"""Signing in, staying signed in, signing out: the same for every frontend, each showing it in its own words."""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol, TypeVar

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection

from api import commands, context
from api.access import Unauthorized
from api.context import Caller
from api.limits import Policy, Verdict
from api.runtime import Runtime
from domain import claim, user, values
from domain.model import Forbidden, Invalid
from eventstore import sign_ins
from eventstore.connect import AsyncConnection
from eventstore.execute import Step
from eventstore.sign_ins import SignIn
from projections import users
from projections.users import User

Connection = ASGIConnection[Any, Any, Any, Any]

MIN_PASSWORD = 8
MAX_PASSWORD = 200


class WrongCredentials(Exception):
    """No such account, or not its password; which of the two is not told."""


class Inactive(Exception):
    """The account exists and the password is right, but it was deactivated."""


class LimitReached(Exception):
    """Too many calls; `verdict` says until when."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict)
        self.verdict = verdict


class Account(Protocol):
    """Somebody who can sign in: of the staff, or a shopper. `account` is the stream that the password is kept under."""

    @property
    def id(self) -> str: ...
    @property
    def organization(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def region(self) -> str | None: ...
    @property
    def active(self) -> bool: ...


A = TypeVar("A", bound=Account)
Find = Callable[[AsyncConnection], Awaitable[A | None]]
"""Looks for the account that somebody names."""


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """The two tokens of a sign-in."""

    access_token: str
    refresh_token: str
    expires_in: int


class Signed(Handed, frozen=True, kw_only=True):
    """Somebody of the staff who is signed in, with the two tokens to hand over."""

    user: User


async def limit(runtime: Runtime, request: Connection, *checks: tuple[Policy, str]) -> None:
    """Count this request against policies and show where it stands. Raises `LimitReached`."""
    verdict = await runtime.limits.count(*checks)
    if verdict is None:
        return
    about = context.of(request.scope)
    for name, value in verdict.headers():
        about.add_header(name, value)
    if not verdict.allowed:
        raise LimitReached(verdict)


async def sign_in(runtime: Runtime, email: str, password: str, roles: Collection[str]) -> Signed:
    """Check the password and start a sign-in. Raises `WrongCredentials`, `Inactive`, or `Forbidden` for a role that has
    no business in this frontend."""
    try:
        address = values.email(email)
    except Invalid:
        address = ""
    found, begun = await enter(runtime, lambda connection: users.by_email(connection, address), password, roles)
    return _signed(runtime, found, begun)


async def enter(runtime: Runtime, find: Find[A], password: str, roles: Collection[str]) -> tuple[A, SignIn]:
    """Start a sign-in of the account, if this is its password and it may be used. Raises `Inactive`, `Forbidden`, or
    `WrongCredentials`: in the same way, and as late, for nobody as for a wrong password."""
    async with runtime.connection() as connection:
        found = await find(connection)
        kept = await sign_ins.password_hash(connection, found.account) if found else None
    if not await runtime.passwords.matches(kept, password) or found is None or kept is None:
        raise WrongCredentials
    _check_standing(found, roles)
    begun = await _begun(runtime, found)
    # Looking at a password takes its time. Who lost the account or got another password meanwhile had every sign-in
    # ended before this one began; who does so from here on ends this one as well.
    async with runtime.connection() as connection:
        now = await find(connection)
        same = now is not None and now.account == found.account and now.role == found.role
        if now and same and now.active and await sign_ins.is_password(connection, found.account, kept):
            return now, begun
        await sign_ins.revoke(connection, begun.sign_in)
    if now and same:
        _check_standing(now, roles)
    raise WrongCredentials


def _check_standing(found: Account, roles: Collection[str]) -> None:
    if not found.active:
        raise Inactive
    check_role(found.role, roles)


async def begin(runtime: Runtime, found: User) -> Signed:
    """Start a sign-in of somebody of the staff who has shown who they are."""
    return _signed(runtime, found, await _begun(runtime, found))


def hand(runtime: Runtime, found: Account, begun: SignIn, lifetime: int) -> Handed:
    """The tokens of a sign-in, with an access token that lives so many seconds."""
    caller = Caller(
        id=found.id,
        organization=found.organization,
        role=found.role,
        account=found.account,
        sign_in=begun.sign_in,
        region=found.region,
    )
    return Handed(
        access_token=runtime.tokens.issue(caller, lifetime),
        refresh_token=begun.refresh_token,
        expires_in=lifetime,
    )


async def _begun(runtime: Runtime, found: Account) -> SignIn:
    claims = {"id": found.id, "organization": found.organization}
    async with runtime.connection() as connection:
        return await sign_ins.begin(connection, found.account, claims, runtime.settings.refresh_token_seconds)


async def refresh(runtime: Runtime, refresh_token: str) -> Signed:
    """Trade a refresh token. Rights are read anew, so a changed role counts from here. Raises `Unauthorized`."""
    settings = runtime.settings
    async with runtime.connection() as connection:
        traded = await sign_ins.rotate(
            connection,
            refresh_token[:200],
            settings.refresh_token_seconds,
            key=settings.secret,
            leeway=settings.refresh_leeway_seconds,
        )
        if traded is None:
            raise Unauthorized("refresh")
        found = await users.by_id(connection, traded.claims["organization"], traded.claims["id"])
        if found is None or not found.active:
            await sign_ins.revoke(connection, traded.sign_in)
            raise Unauthorized("inactive")
    return _signed(runtime, found, traded)


async def sign_out(runtime: Runtime, caller: Caller) -> None:
    """End the caller's sign-in: its refresh token and its access tokens are refused from now on."""
    async with runtime.connection() as connection:
        await sign_ins.revoke(connection, caller.sign_in)
    runtime.tokens.revoke(caller.sign_in)


def check_password(password: str, minimum: int = MIN_PASSWORD) -> None:
    """Raise `Invalid` for a password that nobody should choose."""
    if not minimum <= len(password) <= MAX_PASSWORD:
        raise Invalid("PASSWORD_LENGTH", field="password", minimum=minimum, maximum=MAX_PASSWORD)
    if any(unicodedata.category(character) == "Cc" for character in password):
        raise Invalid("TEXT_UNPRINTABLE", field="password")


async def add_user(
    runtime: Runtime, request: Request[Any, Any, Any], organization: str, asked: user.AddUser, password: str
) -> str:
    """Create a staff account: the account and the claim on its e-mail address in one append, then its password.
    Returns its stream. Raises `Invalid`, or `Conflict("VALUE_TAKEN")` when the address is in use."""
    check_password(password)
    account = user.stream(organization, asked.user)
    digest = runtime.vault.blind(values.email(asked.email))
    claimed = claim.ClaimValue(kind="email", digest=digest, owner=account, now=asked.now)
    hashed = await runtime.passwords.hash(password)
    steps = [
        Step(claim.DECIDER, claim.stream("email", digest), claimed),
        Step(user.DECIDER, account, asked),
    ]
    await commands.run_all(runtime, request, steps, organization)
    async with runtime.connection() as connection:
        # A repeated request heals what a crash left half done, and leaves a password alone that was changed since.
        if await sign_ins.password_hash(connection, account) is None:
            await sign_ins.set_password(connection, account, hashed)
    return account


def authenticate(runtime: Runtime, request: Connection, token: str | None, roles: Collection[str]) -> Caller:
    """The caller by their access token; the request then acts for them. Raises `Unauthorized`, or `Forbidden` for a
    role that has no business here."""
    if not token:
        raise Unauthorized("missing")
    caller = runtime.tokens.caller(token)
    context.of(request.scope).caller = caller
    check_role(caller.role, roles)
    return caller


def check_role(role: str, roles: Collection[str]) -> None:
    """Raise `Forbidden` for a role that has no business here."""
    if role not in roles:
        raise Forbidden("ROLE_NOT_ALLOWED", role=role)


def bearer(request: Connection) -> str | None:
    """The token of the Authorization header."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else None


def _signed(runtime: Runtime, found: User, begun: SignIn) -> Signed:
    handed = hand(runtime, found, begun, runtime.tokens.lifetime)
    return Signed(user=found, **msgspec.structs.asdict(handed))
