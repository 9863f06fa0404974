"""Joining the partner dashboard, and finding back into it without the password."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api import commands, context, identity, recovery
from api.pazz import contract
from api.pazz.auth import Session, session
from api.pazz.contract import Done
from api.runtime import Runtime
from domain import user, values
from domain.model import Forbidden
from projections.users import User

COUNTRY = "+52"
FLOOR = 0.3
"""Seconds that asking for a link takes at least, so that its time does not tell who has an account."""

CONTROL = r"\x00-\x1f\x7f-\x9f"
CAPITAL = "[A-ZÁÉÍÓÚÜÑ]"
ANY = f"[^{CONTROL}]"
INK = rf"[^\s{CONTROL}]"
Email = Annotated[
    str,
    msgspec.Meta(
        max_length=values.MAX_EMAIL, pattern=rf"^[^@\s{CONTROL}]{{1,64}}@[^@\s.{CONTROL}]+(\.[^@\s.{CONTROL}]+)+$"
    ),
]
Name = Annotated[str, msgspec.Meta(min_length=3, max_length=values.MAX_NAME, pattern=f"^ *{INK}{ANY}+{INK} *$")]
Password = Annotated[
    str,
    msgspec.Meta(
        min_length=identity.MIN_PASSWORD,
        max_length=identity.MAX_PASSWORD,
        pattern=f"^{ANY}*({CAPITAL}{ANY}*[0-9]|[0-9]{ANY}*{CAPITAL}){ANY}*$",
    ),
]


class NewPartner(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Somebody who wants to become a partner: a name of three characters or more, a Mexican phone number of ten digits,
    a password of eight characters or more with a capital letter and a digit."""

    full_name: Name
    email: Email
    phone: Annotated[str, msgspec.Meta(pattern="^[0-9]{10}$")]
    password: Password


class Forgotten(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The e-mail address of the account whose password is forgotten."""

    email: Email


class NewPassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another password, and the token of the link that was mailed."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    password: Password


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the person should be told."""

    message: str


@post("/register", summary="Register", opt={"public": True, "body": NewPartner, "fails": (403,)}, status_code=201)
async def register(
    request: Request[Any, Any, Any], data: JSONBody[NewPartner], runtime: NamedDependency[Runtime]
) -> Done[Session]:
    """Become a partner, and be signed in at once. An address that has an account is refused with 409."""
    organization = runtime.settings.pazz_organization
    if not organization:
        raise Forbidden("REGISTRATION_CLOSED")
    await identity.limit(runtime, request, (contract.REGISTER_PER_ADDRESS, context.of(request.scope).address))
    asked = user.AddUser(
        user=commands.new_id(runtime, request, "usr"),
        name=values.text(data.full_name, "fullName"),
        email=data.email,
        phone=COUNTRY + data.phone,
        role=contract.ROLE,
        now=runtime.clock(),
    )
    account = await identity.add_user(runtime, request, organization, asked, data.password)
    joined = User(
        organization=organization,
        id=asked.user,
        account=account,
        name=asked.name,
        email=values.email(asked.email),
        phone=asked.phone,
        role=contract.ROLE,
        region=None,
        active=True,
    )
    return session(runtime, request, await identity.begin(runtime, joined))


@post("/forgot-password", summary="Forgot password", opt={"public": True, "body": Forgotten}, status_code=200)
async def forgot(
    request: Request[Any, Any, Any], data: JSONBody[Forgotten], runtime: NamedDependency[Runtime]
) -> Done[Said]:
    """Have a link mailed with which another password can be set. The answer is the same whether there is such an
    account or not."""
    address = context.of(request.scope).address
    account = runtime.vault.blind(data.email.lower())
    checks = (contract.FORGOT_PER_ADDRESS, address), (contract.FORGOT_PER_ACCOUNT, account)
    await identity.limit(runtime, request, *checks)
    await asyncio.gather(recovery.ask(runtime, request, data.email, contract.ROLE), asyncio.sleep(FLOOR))
    return Done(data=Said(message=contract.LINK_SENT))


@post(
    "/reset-password",
    summary="Set another password",
    opt={"public": True, "body": NewPassword, "fails": (403,)},
    status_code=200,
)
async def reset(
    request: Request[Any, Any, Any], data: JSONBody[NewPassword], runtime: NamedDependency[Runtime]
) -> Done[Said]:
    """Set another password with the token of a mailed link. The token works once; every sign-in of the account ends."""
    await identity.limit(runtime, request, (contract.RESET_PER_ADDRESS, context.of(request.scope).address))
    identity.check_password(data.password)
    await recovery.redeem(runtime, request, data.token, data.password)
    return Done(data=Said(message=contract.PASSWORD_SET))


router = Router("/api/v1/auth", route_handlers=[register, forgot, reset], tags=["auth"])
