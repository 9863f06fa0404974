"""WhatsApp Scheduler: bulk messages to groups of contacts. One complete application, mounted at `/scheduler`."""

from __future__ import annotations

from typing import Any

from litestar import Litestar, Request, Response
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler

from api import commands, context, docs, frontend, identity
from api.runtime import Runtime
from api.scheduler import (
    analytics,
    auth,
    casing,
    contacts,
    contract,
    groups,
    health,
    imports,
    members,
    message_actions,
    message_figures,
    messages,
    notifications,
    realtime,
    reports,
    swagger,
    sync,
)
from api.whatsapp import WhatsApp


def build(runtime: Runtime) -> frontend.Frontend:
    """The application for this process."""
    whatsapp = WhatsApp(runtime.settings)
    runtime.at_end(whatsapp.close)
    live = realtime.Realtime(runtime, whatsapp)

    async def admit(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        """Every route is for signed-in staff unless it says that it is public; all of them are limited, and some have a
        limit of their own."""
        about = context.of(connection.scope)
        about.template = frontend.template(connection)
        if frontend.is_public(connection, handler):
            return
        caller = identity.authenticate(runtime, connection, identity.bearer(connection), contract.ROLES)
        policies = [contract.PER_USER, *handler.opt.get("limits", ())]
        await identity.limit(runtime, connection, *((policy, caller.subject) for policy in policies))

    async def repeated(request: Request[Any, Any, Any]) -> Response[None] | None:
        """A deletion that comes again with its key is answered as it was: what it was about is there no more."""
        if request.method != "DELETE" or not await commands.is_repeated(runtime, request):
            return None
        return Response(None, status_code=204, headers={"Idempotency-Replayed": "true"})

    application = Litestar(
        [
            auth.router,
            messages.router,
            message_actions.router,
            message_figures.router,
            groups.router,
            members.router,
            contacts.router,
            imports.router(runtime.settings.import_max_bytes),
            notifications.router,
            analytics.router,
            reports.router,
            sync.router,
            health.router,
            swagger.show,
            realtime.connect,
        ],
        guards=[admit],
        before_request=repeated,
        middleware=[contract.Caching, casing.SnakeQuery],
        dependencies={
            **frontend.dependencies(runtime),
            "whatsapp": Provide(lambda: whatsapp, sync_to_thread=False, use_cache=True),
            "realtime": Provide(lambda: live, sync_to_thread=False, use_cache=True),
        },
        request_class=casing.SnakeRequest,
        exception_handlers=contract.EXCEPTION_HANDLERS,
        cors_config=frontend.cors(runtime.settings),
        plugins=[docs.Structs()],
        openapi_config=docs.config("WhatsApp Scheduler", "Bulk messages to groups of contacts."),
        request_max_body_size=runtime.settings.max_body_bytes,
        logging_config=None,
    )
    docs.declare(application, contract.Failed, 422)
    return frontend.Frontend(application)
