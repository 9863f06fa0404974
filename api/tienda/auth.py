"""Opening an account in the shop's client area, signing in to it, signing out."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from api import commands, context, identity, shoppers
from api.context import Caller
from api.runtime import Runtime
from api.tienda import contract
from api.tienda.contract import Said
from domain import values
from domain.model import Forbidden
from domain.shopper import MAX_ADDRESS, MAX_CARD, MAX_PHONE, MAX_USERNAME, RegisterShopper
from projections import shoppers as accounts


class NewShopper(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who opens an account. `usuario`, `cedula` and `email` must be free."""

    usuario: Annotated[str, msgspec.Meta(max_length=MAX_USERNAME, extra_json_schema=contract.USERNAME)]
    password: Annotated[str, msgspec.Meta(max_length=identity.MAX_PASSWORD, extra_json_schema=contract.PASSWORD)]
    nombre: Annotated[str, msgspec.Meta(max_length=values.MAX_NAME, extra_json_schema=contract.WORDS)]
    cedula: Annotated[str, msgspec.Meta(max_length=MAX_CARD, extra_json_schema=contract.WORDS)]
    direccion: Annotated[str, msgspec.Meta(max_length=MAX_ADDRESS, extra_json_schema=contract.LINES)] | None = None
    telefono: Annotated[str, msgspec.Meta(max_length=MAX_PHONE, extra_json_schema=contract.LINE)] | None = None
    email: Annotated[str, msgspec.Meta(max_length=values.MAX_EMAIL, extra_json_schema=contract.EMAIL)] | None = None


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The new account's id."""

    message: str
    cliente_id: str


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """A username and its password."""

    usuario: Annotated[str, msgspec.Meta(max_length=254)]
    password: Annotated[str, msgspec.Meta(max_length=identity.MAX_PASSWORD)]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """The token to send as `Authorization: Bearer`, under both names that clients read (T3)."""

    message: str
    cliente_access_token: str
    access_token: str
    token_type: str = "bearer"
    expires_in: int
    cliente_id: str
    usuario: str
    nombre: str
    rol: str = contract.ROLE_NAME


@post("/register", summary="Register", opt={"public": True, "body": NewShopper, "fails": (403, 422)}, status_code=200)
async def register(
    request: Request[Any, Any, Any], data: JSONBody[NewShopper], runtime: NamedDependency[Runtime]
) -> Registered:
    """Open an account. A username, identity card or e-mail address that has one is refused with 400."""
    organization = runtime.settings.tienda_organization
    if not organization:
        raise Forbidden("REGISTRATION_CLOSED")
    await identity.limit(runtime, request, (contract.REGISTER_PER_ADDRESS, context.of(request.scope).address))
    identity.check_password(data.password, contract.MIN_PASSWORD)
    asked = RegisterShopper(
        shopper=commands.new_document_id(runtime, request),
        username=data.usuario,
        name=data.nombre,
        card=data.cedula,
        address=data.direccion,
        phone=data.telefono,
        email=data.email,
        now=runtime.clock(),
    )
    await shoppers.register(runtime, request, organization, asked, data.password)
    return Registered(message="Cliente registrado exitosamente", cliente_id=asked.shopper)


@post("/login", summary="Sign in", opt={"public": True, "body": Credentials, "fails": (401, 403, 422)}, status_code=200)
async def login(
    request: Request[Any, Any, Any], data: JSONBody[Credentials], runtime: NamedDependency[Runtime]
) -> Session:
    """Trade username and password for a token. 401 for a wrong pair, 403 for an account that is inactive."""
    organization, address = runtime.settings.tienda_organization, context.of(request.scope).address
    account = runtime.vault.blind(data.usuario.strip().casefold())
    checks = (contract.LOGIN_PER_ADDRESS, address), (contract.LOGIN_PER_ACCOUNT, account)
    await identity.limit(runtime, request, *checks)
    proven, begun = await identity.enter(
        runtime,
        lambda connection: accounts.by_username(connection, organization, data.usuario),
        data.password,
        {contract.ROLE},
    )
    handed = identity.hand(runtime, proven, begun, runtime.settings.tienda_token_seconds)
    return Session(
        message="Inicio de sesión exitoso",
        cliente_access_token=handed.access_token,
        access_token=handed.access_token,
        expires_in=handed.expires_in,
        cliente_id=proven.id,
        usuario=proven.username,
        nombre=proven.name,
    )


@post("/logout", summary="Sign out", status_code=200)
async def logout(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Said:
    """End this sign-in: its token works no longer. What was saved stays saved."""
    await identity.sign_out(runtime, caller)
    return Said("Sesión cerrada")


router = Router("/auth/clientes", route_handlers=[register, login, logout], tags=["auth"])
