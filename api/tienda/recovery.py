"""Finding back in without the password: ask for a code, verify it, set another password with it.

The code does not pass here on its way out: the log notes that one was asked for, and the worker that mails it makes it.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api import context, identity
from api.limits import Policy
from api.runtime import Runtime
from api.tienda import contract
from api.tienda.contract import Said
from domain import shopper
from domain.model import Command, Invalid
from eventstore import execute, recovery_codes, sign_ins
from eventstore.mapper import Meta
from projections import shoppers
from projections.shoppers import Shopper

FLOOR = 0.3
"""Seconds that asking for a code takes at least, so that its time does not tell who has an account."""

Name = Annotated[str, msgspec.Meta(max_length=254)]
Code = Annotated[str, msgspec.Meta(max_length=20)]
Password = Annotated[str, msgspec.Meta(max_length=identity.MAX_PASSWORD, extra_json_schema=contract.PASSWORD)]


PUBLIC = {"public": True, "fails": (422,)}


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """Whose password is forgotten: `usuario`, or else `email` (T20)."""

    usuario: Name | None = None
    email: Name | None = None


class Guess(Forgotten, frozen=True, kw_only=True):
    """The code that was mailed."""

    codigo: Code


class NewPassword(Guess, frozen=True, kw_only=True):
    """The code that was verified, and another password: `nueva_password`, or else `new_password` (T20)."""

    nueva_password: Password | None = None
    new_password: Password | None = None


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """The code is right."""

    message: str
    valido: bool = True


@post(
    "/forgot-password",
    summary="Forgot password",
    opt={"public": True, "body": Forgotten, "fails": (422,)},
    status_code=200,
)
async def forgot(request: Request[Any, Any, Any], data: JSONBody[Forgotten], runtime: NamedDependency[Runtime]) -> Said:
    """Have a code of six digits mailed, good for 15 minutes and one use. The answer is the same whether there is such
    an account or not."""
    await _limit(runtime, request, data, contract.FORGOT_PER_ADDRESS, contract.FORGOT_PER_ACCOUNT)
    await asyncio.gather(_ask(runtime, request, data), asyncio.sleep(FLOOR))
    return Said("Si la cuenta existe, te enviamos un código a su correo")


@post("/verify-code", summary="Verify a code", opt=PUBLIC | {"body": Guess}, status_code=200)
async def verify(request: Request[Any, Any, Any], data: JSONBody[Guess], runtime: NamedDependency[Runtime]) -> Verified:
    """Say whether the code is right; a password can then be set with it. Five wrong guesses end it."""
    await _limit(runtime, request, data, contract.CODE_PER_ADDRESS, contract.CODE_PER_ACCOUNT)
    found = await _found(runtime, data)
    async with runtime.connection() as connection:
        right = found is not None and await recovery_codes.verify(
            connection, runtime.vault, found.account, data.codigo.strip(), runtime.clock()
        )
    if not right:
        raise Invalid("CODE_INVALID", field="codigo")
    return Verified(message="Código verificado")


@post(
    "/reset-password",
    summary="Set another password",
    opt={"public": True, "body": NewPassword, "fails": (422,)},
    status_code=200,
)
async def reset(
    request: Request[Any, Any, Any], data: JSONBody[NewPassword], runtime: NamedDependency[Runtime]
) -> Said:
    """Set another password with a verified code. The code works once; every sign-in of the account ends."""
    await _limit(runtime, request, data, contract.CODE_PER_ADDRESS, contract.CODE_PER_ACCOUNT)
    password = data.nueva_password or data.new_password or ""
    identity.check_password(password, contract.MIN_PASSWORD)
    found = await _found(runtime, data)
    hashed = await runtime.passwords.hash(password)
    if found is None or not await _redeemed(runtime, found, data.codigo.strip(), hashed):
        raise Invalid("CODE_INVALID", field="codigo")
    await _note(runtime, request, found, shopper.RecoverAccount(shopper=found.id, now=runtime.clock()))
    return Said("Contraseña actualizada exitosamente")


async def _redeemed(runtime: Runtime, found: Shopper, code: str, hashed: str) -> bool:
    """Use up the code and set the password, both or neither. A wrong guess is counted."""
    async with runtime.connection() as connection, connection.transaction():
        if not await recovery_codes.redeem(connection, runtime.vault, found.account, code, runtime.clock()):
            return False
        await sign_ins.set_password(connection, found.account, hashed)
        ended = await sign_ins.revoke_all(connection, found.account)
    runtime.tokens.revoke(*ended)
    return True


async def _ask(runtime: Runtime, request: Request[Any, Any, Any], data: Forgotten) -> None:
    found = await _found(runtime, data)
    if found is not None:
        await _note(runtime, request, found, shopper.RequestRecovery(shopper=found.id, now=runtime.clock()))


async def _found(runtime: Runtime, data: Forgotten) -> Shopper | None:
    organization = runtime.settings.tienda_organization
    async with runtime.connection() as connection:
        if data.usuario:
            return await shoppers.by_username(connection, organization, data.usuario)
        return await shoppers.by_email(connection, organization, data.email) if data.email else None


async def _limit(
    runtime: Runtime, request: Request[Any, Any, Any], data: Forgotten, per_address: Policy, per_account: Policy
) -> None:
    account = runtime.vault.blind((data.usuario or data.email or "").strip().casefold())
    await identity.limit(runtime, request, (per_address, context.of(request.scope).address), (per_account, account))


async def _note(runtime: Runtime, request: Request[Any, Any, Any], found: Shopper, command: Command) -> None:
    about = context.of(request.scope)
    meta = Meta(organization=found.organization, by=found.id, frontend=about.frontend, request=about.request_id)
    await runtime.store.execute(shopper.DECIDER, found.account, command, execute.Request(meta=meta))


router = Router("/auth/clientes", route_handlers=[forgot, verify, reset], tags=["auth"])
