"""Tienda: the client area of a shop. One complete application, mounted at `/tienda`."""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api import caching, context, docs, frontend, identity
from api.access import Revoked, Unauthorized
from api.context import Caller
from api.identity import Inactive
from api.runtime import Runtime
from api.tienda import (
    auth,
    autosave,
    cart,
    contract,
    dashboard,
    drafts,
    inventory,
    preferences,
    profile,
    recovery,
    support_requests,
)
from domain.model import Forbidden
from projections import shoppers


def build(runtime: Runtime) -> frontend.Frontend:
    """The application for this process."""

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Every route is for a signed-in client, and one whose path names a client for that one alone: that is settled
        before anything of the request is looked at."""
        about = context.of(connection.scope)
        about.template = frontend.template(connection)
        if frontend.is_public(connection, handler):
            return
        try:
            caller = identity.authenticate(runtime, connection, identity.bearer(connection), {contract.ROLE})
        except Revoked as over:
            await _refuse(runtime, over.caller)
            raise
        except Forbidden:  # a good token of somebody who is no client (T15)
            raise Unauthorized("not a client") from None
        if connection.path_params.get("cliente_id", caller.id) != caller.id:
            raise Forbidden("OTHER_SHOPPER")
        await identity.limit(runtime, connection, (contract.PER_USER, caller.subject))

    application = Litestar(
        [
            auth.router,
            recovery.router,
            dashboard.router,
            profile.router,
            cart.router,
            drafts.router,
            preferences.router,
            autosave.router,
            support_requests.router,
            inventory.router,
        ],
        guards=[admit],
        middleware=[caching.Revalidation],
        dependencies=frontend.dependencies(runtime),
        request_class=frontend.JsonRequest,
        exception_handlers=contract.EXCEPTION_HANDLERS,
        cors_config=frontend.cors(runtime.settings),
        plugins=[docs.Structs({support_requests.NewTicket: support_requests.described})],
        openapi_config=docs.config("Tienda", "The client area of a shop."),
        request_max_body_size=runtime.settings.max_body_bytes,
        logging_config=None,
    )
    docs.declare(application, contract.Failed)
    return frontend.Frontend(application)


async def _refuse(runtime: Runtime, caller: Caller) -> None:
    """Tell somebody whose sign-in is over when that is because the account is inactive."""
    found = await shoppers.by_id(runtime.views, caller.organization, caller.id)
    if found is not None and not found.active and not found.erased:
        raise Inactive
