"""Pazz: the dashboard of a car-leasing broker's partners. One complete application, mounted at `/pazz`."""

from __future__ import annotations

from functools import partial
from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from api import caching, context, cookies, docs, frontend, identity
from api.pazz import attention, auth, clients, commissions, contract, goals, profile, promotions, register
from api.pazz.realtime import Realtime
from api.runtime import Runtime


def build(runtime: Runtime) -> frontend.Frontend:
    """The application for this process."""

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Every route is for signed-in partners unless it says that it is public; all of them are limited."""
        about = context.of(connection.scope)
        about.template = frontend.template(connection)
        if frontend.is_public(connection, handler):
            return
        caller = cookies.authenticate(runtime, connection, {contract.ROLE})
        await identity.limit(runtime, connection, (contract.PER_USER, caller.subject))

    application = Litestar(
        [
            auth.router,
            register.router,
            profile.router,
            goals.router,
            promotions.router,
            attention.router,
            clients.router,
            commissions.router,
        ],
        guards=[admit],
        middleware=[caching.Revalidation],
        dependencies=frontend.dependencies(runtime),
        request_class=frontend.JsonRequest,
        exception_handlers=contract.EXCEPTION_HANDLERS,
        cors_config=frontend.cors(runtime.settings),
        plugins=[docs.Structs({goals.NewGoal: partial(goals.described, runtime)})],
        openapi_config=docs.config("Pazz", "The partner dashboard of a car-leasing broker."),
        request_max_body_size=runtime.settings.max_body_bytes,
        logging_config=None,
    )
    docs.declare(application, contract.Failed)
    return frontend.Frontend(application, sockets={"/socket.io": Realtime(runtime).application})
