"""Where gateways report: `/webhooks/whatsapp`. What is not signed with the gateway's secret is not believed.

An answer other than 2xx asks the gateway to report again.
"""

from __future__ import annotations

import logging
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from api.runtime import Runtime
from domain.model import Refused
from workers.gateways import receipts, whatsapp
from workers.gateways.whatsapp import BadSignature, Receipt

logger = logging.getLogger(__name__)

MAX_BODY = 4 * 1024 * 1024
"""Meta gathers statuses into one report of up to 3 MB; one that is refused for its size never gets smaller."""


def routes(runtime: Runtime) -> list[HTTPRouteHandler]:
    """The routes. One address serves every number: a report names the message that it is about."""
    gateway = whatsapp.gateway(runtime.settings, "")

    @post("/webhooks/whatsapp", status_code=200, media_type=MediaType.TEXT, request_max_body_size=MAX_BODY)
    async def hear(request: Request[Any, Any, Any]) -> Response[str]:
        """Take a report about messages."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            heard = gateway.heard(headers, await request.body())
        except BadSignature:
            return Response("", status_code=401)
        again = False
        for said in heard:
            if isinstance(said, Receipt):
                try:
                    taken = await receipts.take(runtime.store, runtime.settings, said, receipts.moment())
                    again = again or not taken
                except Refused as refusal:
                    logger.info("a report was refused: %s", refusal)
            else:
                logger.info("the gateway says that %s is %s", said.session, said.state)
        return Response("", status_code=503 if again else 200, headers={"Retry-After": "1"} if again else None)

    @get("/webhooks/whatsapp", media_type=MediaType.TEXT)
    async def vouch(request: Request[Any, Any, Any]) -> Response[str]:
        """Answer a gateway that asks whether this address is ours."""
        answer = gateway.challenge(dict(request.query_params))
        return Response(answer or "", status_code=200 if answer is not None else 403)

    return [hear, vouch]
