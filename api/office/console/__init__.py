"""The console: pages over the office's routes, for staff without a frontend of their own. At `/office/console`.

What a page shows and what a form does is asked of the routes themselves, in this process, as whoever is signed in: the
console decides nothing and knows no tables. It works without scripts.
"""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler

from api import context, cookies, frontend
from api.office.console import (
    audit,
    commissions,
    customers,
    deals,
    entrance,
    overview,
    pages,
    products,
    promotions,
    session,
    shoppers,
    support,
    users,
    whatsapp,
)
from api.office.console.inside import Routes
from api.office.console.visit import Visit
from api.runtime import Runtime


def build(runtime: Runtime, office: Litestar) -> Litestar:
    """The console over an office application."""
    routes = Routes(office)

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Every page is for whoever is signed in; every form has to be one that they were shown."""
        about = context.of(connection.scope)
        about.template = "/console" + frontend.template(connection)
        if frontend.is_public(connection, handler):
            return
        assert isinstance(connection, Request)
        caller = await session.resume(runtime, routes, connection)
        if connection.method not in cookies.SAFE:
            await session.check(runtime, connection, caller.sign_in)

    def visit(request: Request[Any, Any, Any], runtime: NamedDependency[Runtime]) -> Visit:
        return Visit(runtime, routes, request)

    return Litestar(
        [
            entrance.router,
            overview.router,
            customers.router,
            deals.router,
            commissions.router,
            promotions.router,
            products.router,
            shoppers.router,
            support.router,
            users.router,
            audit.router,
            whatsapp.router,
        ],
        guards=[admit],
        dependencies={
            "runtime": Provide(lambda: runtime, sync_to_thread=False, use_cache=True),
            "routes": Provide(lambda: routes, sync_to_thread=False, use_cache=True),
            "visit": Provide(visit, sync_to_thread=False),
        },
        template_config=pages.engine(runtime),
        exception_handlers=pages.exception_handlers(runtime),
        before_send=[pages.guard],
        openapi_config=None,
        request_max_body_size=runtime.settings.max_body_bytes,
        logging_config=None,
    )
