"""The client's profile."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api import shoppers as accounts
from api.context import Caller
from api.runtime import Runtime
from api.tienda import contract
from domain import values
from domain.model import NotFound
from domain.shopper import MAX_ADDRESS, MAX_CARD, MAX_PHONE, MAX_USERNAME, ChangeShopper
from eventstore.reading import Source
from projections import shoppers


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What to correct. What is absent or null stays as it is; an empty text clears what may be missing."""

    usuario: Annotated[str, msgspec.Meta(max_length=MAX_USERNAME, extra_json_schema=contract.USERNAME)] | None = None
    nombre: Annotated[str, msgspec.Meta(max_length=values.MAX_NAME, extra_json_schema=contract.WORDS)] | None = None
    cedula: Annotated[str, msgspec.Meta(max_length=MAX_CARD, extra_json_schema=contract.WORDS)] | None = None
    direccion: Annotated[str, msgspec.Meta(max_length=MAX_ADDRESS, extra_json_schema=contract.LINES)] | None = None
    telefono: Annotated[str, msgspec.Meta(max_length=MAX_PHONE, extra_json_schema=contract.LINE)] | None = None
    email: Annotated[str, msgspec.Meta(max_length=values.MAX_EMAIL, extra_json_schema=contract.EMAIL)] | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A client, their id under both names (T21)."""

    document_id: str = msgspec.field(name="_id")
    id: str
    usuario: str
    nombre: str
    cedula: str
    direccion: str | None
    telefono: str | None
    email: str | None
    activo: bool
    fecha_creacion: str


class SavedProfile(Profile, frozen=True, kw_only=True):
    """The profile as it is now."""

    message: str = "Perfil actualizado exitosamente"


def shown(row: shoppers.Shopper) -> Profile:
    """A profile as every answer shows it."""
    return Profile(
        document_id=row.id,
        id=row.id,
        usuario=row.username,
        nombre=row.name,
        cedula=row.card,
        direccion=row.address,
        telefono=row.phone,
        email=row.email,
        activo=row.active,
        fecha_creacion=contract.iso(row.registered_at),
    )


async def found(source: Source, organization: str, shopper: str) -> shoppers.Shopper:
    """The account. Raises `NotFound`."""
    row = await shoppers.by_id(source, organization, shopper)
    if row is None:
        raise NotFound("SHOPPER_NOT_FOUND", shopper=shopper)
    return row


def _given(written: str | None) -> str | msgspec.UnsetType:
    return msgspec.UNSET if written is None else written


@get("/", summary="The profile")
async def show(
    cliente_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Profile:
    """Who the client is."""
    return shown(await found(runtime.views, caller.organization, caller.id))


@put("/", summary="Correct the profile", opt={"body": Changes, "fails": (422,)})
async def save(
    request: Request[Any, Any, Any],
    cliente_id: FromPath[str],
    data: JSONBody[Changes],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> SavedProfile:
    """Correct what the body mentions. A username, identity card or e-mail address of somebody else is refused with
    400."""
    row = await found(runtime.views, caller.organization, caller.id)
    asked = ChangeShopper(
        shopper=caller.id,
        known=accounts.known(row),
        username=_given(data.usuario),
        name=_given(data.nombre),
        card=_given(data.cedula),
        address=_given(data.direccion),
        phone=_given(data.telefono),
        email=_given(data.email),
        now=runtime.clock(),
    )
    await accounts.change(runtime, request, row, asked)
    profile = shown(await found(runtime.views, caller.organization, caller.id))
    return SavedProfile(**msgspec.structs.asdict(profile))


router = Router("/clientes/{cliente_id:str}", route_handlers=[show, save], tags=["perfil"])
