"""Finding back in without the password: the same for every frontend, each saying it in its own words.

The token does not pass here on its way out: the log notes that a link was asked for, and the worker that mails the link
makes it.
"""

from __future__ import annotations

from typing import Any

from litestar import Request

from api import context
from api.runtime import Runtime
from domain import user, values
from domain.model import Command, Forbidden
from eventstore import execute, password_resets, sign_ins
from eventstore.mapper import Meta
from projections import users
from projections.users import User


async def ask(runtime: Runtime, request: Request[Any, Any, Any], email: str, role: str) -> None:
    """Have a link mailed to the account with this address, if there is one of this role. Nothing in the answer may tell
    whether there is, so nothing is added to it here."""
    async with runtime.connection() as connection:
        found = await users.by_email(connection, values.email(email))
    if found is not None and found.role == role:
        await _note(runtime, request, found, user.RequestPasswordReset(user=found.id, now=runtime.clock()))


async def redeem(runtime: Runtime, request: Request[Any, Any, Any], token: str, password: str) -> None:
    """Set another password and end every sign-in of the account. Raises `Forbidden` for a token that is not good."""
    hashed = await runtime.passwords.hash(password)
    async with runtime.connection() as connection:
        async with connection.transaction():
            account = await password_resets.redeem(connection, token)
            if account is None:
                raise Forbidden("RESET_TOKEN_INVALID")
            await sign_ins.set_password(connection, account, hashed)
            ended = await sign_ins.revoke_all(connection, account)
        runtime.tokens.revoke(*ended)
        found = await users.by_account(connection, account)
    if found is not None:
        await _note(runtime, request, found, user.ChangePassword(user=found.id, now=runtime.clock()))


async def _note(runtime: Runtime, request: Request[Any, Any, Any], found: User, command: Command) -> None:
    about = context.of(request.scope)
    meta = Meta(organization=found.organization, by=found.id, frontend=about.frontend, request=about.request_id)
    await runtime.store.execute(user.DECIDER, found.account, command, execute.Request(meta=meta))
