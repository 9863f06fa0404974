"""Staff accounts: partners and everybody else."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api import commands, identity
from api.context import Caller
from api.office import contract
from api.runtime import Runtime
from domain import user
from domain.model import Forbidden, NotFound
from domain.values import Role
from eventstore import sign_ins
from projections import users


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A staff account."""

    id: str
    name: str
    email: str | None
    phone: str | None
    role: str
    region: str | None
    active: bool


class NewUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A staff account to create. `role` partner makes somebody who uses the partner dashboard."""

    name: str
    email: str
    password: Annotated[str, msgspec.Meta(max_length=200)]
    role: Role
    phone: str | None = None
    region: str | None = None


class UserChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to correct about an account; a field that is absent stays as it is, null clears it. The region decides which
    promotions a partner is shown, from the next time that their tokens are refreshed."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    phone: str | msgspec.UnsetType | None = msgspec.UNSET
    region: str | msgspec.UnsetType | None = msgspec.UNSET


class Standing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether an account may sign in."""

    active: bool


class Users(msgspec.Struct, frozen=True, kw_only=True):
    """A page in order of id; `next` is the `after` of the following page, null on the last."""

    items: list[User]
    next: str | None


def shown(row: users.User) -> User:
    """A staff account as the office shows it."""
    return User(
        id=row.id,
        name=row.name,
        email=row.email,
        phone=row.phone,
        role=row.role,
        region=row.region,
        active=row.active,
    )


async def found(runtime: Runtime, organization: str, user_id: str) -> User:
    """The account by id. Raises `NotFound`."""
    async with runtime.connection() as connection:
        row = await users.by_id(connection, organization, user_id)
    if row is None:
        raise NotFound("USER_NOT_FOUND", user=user_id)
    return shown(row)


@post("/", summary="Create an account", opt={"body": NewUser})
async def create(
    request: Request[Any, Any, Any],
    data: JSONBody[NewUser],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> User:
    """Create a staff account. Its e-mail address must be free. Only an admin makes admins."""
    if data.role == "admin" and caller.role != "admin":
        raise Forbidden("ADMIN_ONLY")
    asked = user.AddUser(
        user=commands.new_id(runtime, request, "usr"),
        name=data.name,
        email=data.email,
        phone=data.phone,
        role=data.role,
        region=data.region,
        now=runtime.clock(),
    )
    await identity.add_user(runtime, request, caller.organization, asked, data.password)
    return await found(runtime, caller.organization, asked.user)


@get("/", summary="Accounts", opt={"roles": contract.STAFF})
async def list_page(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    role: FromQuery[Role | None] = None,
    after: FromQuery[Annotated[str, QueryParameter(max_length=100)]] = "",
    limit: FromQuery[Annotated[int, QueryParameter(ge=1, le=200)]] = 50,
) -> Users:
    """The organisation's accounts."""
    async with runtime.connection() as connection:
        rows = await users.page(connection, caller.organization, role, after, limit + 1)
    return Users(items=[shown(row) for row in rows[:limit]], next=rows[limit - 1].id if len(rows) > limit else None)


@get("/{user_id:str}", summary="One account", opt={"roles": contract.STAFF})
async def show(user_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> User:
    """One account of the organisation."""
    return await found(runtime, caller.organization, user_id)


@patch("/{user_id:str}", summary="Correct an account", opt={"body": UserChanges})
async def change(
    request: Request[Any, Any, Any],
    user_id: FromPath[str],
    data: JSONBody[UserChanges],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> User:
    """Correct what is known of somebody; who registered has no region yet. Only an admin corrects admins."""
    await _check_may_decide(runtime, caller, user_id)
    asked = user.ChangeUser(user=user_id, name=data.name, phone=data.phone, region=data.region, now=runtime.clock())
    await commands.run(runtime, request, user.DECIDER, user.stream(caller.organization, user_id), asked)
    return await found(runtime, caller.organization, user_id)


@post("/{user_id:str}/standing", summary="Deactivate or reactivate", opt={"body": Standing}, status_code=200)
async def set_standing(
    request: Request[Any, Any, Any],
    user_id: FromPath[str],
    data: JSONBody[Standing],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
) -> User:
    """A deactivated account cannot sign in, and its sign-ins end at once. Only an admin decides about admins, and
    nobody deactivates themselves: the last admin could never come back."""
    if user_id == caller.id and not data.active:
        raise Forbidden("OWN_ACCOUNT")
    await _check_may_decide(runtime, caller, user_id)
    now = runtime.clock()
    command = user.ReactivateUser(user=user_id, now=now) if data.active else user.DeactivateUser(user=user_id, now=now)
    account = user.stream(caller.organization, user_id)
    await commands.run(runtime, request, user.DECIDER, account, command)
    if not data.active:
        async with runtime.connection() as connection:
            runtime.tokens.revoke(*await sign_ins.revoke_all(connection, account))
    return await found(runtime, caller.organization, user_id)


async def _check_may_decide(runtime: Runtime, caller: Caller, user_id: str) -> None:
    if (await found(runtime, caller.organization, user_id)).role == "admin" and caller.role != "admin":
        raise Forbidden("ADMIN_ONLY")


router = Router("/users", route_handlers=[create, list_page, show, change, set_standing], tags=["users"])
