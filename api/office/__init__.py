"""The office: staff, auditors and machines. Plain JSON, mounted at `/office`; pages over it at `/office/console`."""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api import context, docs, frontend, identity
from api.office import (
    audit,
    auth,
    carts,
    commissions,
    console,
    contract,
    customers,
    deal_work,
    deals,
    product_import,
    products,
    promotions,
    shoppers,
    support_requests,
    system,
    users,
    verification,
    whatsapp,
)
from api.runtime import Runtime


def build(runtime: Runtime) -> frontend.Frontend:
    """The application for this process."""

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Every route is for the roles that it names, for managers when it names none."""
        about = context.of(connection.scope)
        about.template = frontend.template(connection)
        if frontend.is_public(connection, handler):
            return
        roles = handler.opt.get("roles", contract.MANAGERS)
        caller = identity.authenticate(runtime, connection, identity.bearer(connection), roles)
        await identity.limit(runtime, connection, (contract.PER_USER, caller.subject))

    application = Litestar(
        [
            audit.router,
            auth.router,
            users.router,
            customers.router,
            deals.router,
            deal_work.router,
            commissions.router,
            promotions.router,
            products.router,
            product_import.router,
            shoppers.router,
            carts.router,
            support_requests.router,
            system.router,
            verification.router(runtime),
            whatsapp.router(runtime),
        ],
        guards=[admit],
        dependencies=frontend.dependencies(runtime),
        request_class=frontend.JsonRequest,
        exception_handlers=contract.EXCEPTION_HANDLERS,
        cors_config=frontend.cors(runtime.settings),
        plugins=[docs.Structs()],
        openapi_config=docs.config("Office", "Staff, auditors and machines."),
        request_max_body_size=runtime.settings.max_body_bytes,
        logging_config=None,
    )
    docs.declare(application, contract.Failed)
    return frontend.Frontend(application, inner={"console": console.build(runtime, application)})
