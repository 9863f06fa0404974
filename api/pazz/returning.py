"""Dashboards that come back: their connection was cut, and the access token they were opened with has expired since.

The document's client hands over that token each time, for it knows no other. So one of ours that is merely too old is
taken from a page that was connected with the same sign-in before, while that sign-in lives and is refreshed. A page
proves it by the `pid` it was given then, which socket.io-client hands back by itself (decision 8).
"""

from __future__ import annotations

import hashlib
import hmac

from api.access import Unauthorized
from api.context import Caller
from api.runtime import Runtime
from eventstore import sign_ins
from projections import users


def pid(runtime: Runtime, sign_in: str, sid: str) -> str:
    """What proves that the connection `sid` was let in by this sign-in. Another one for each: by the same, the client
    would believe that it missed nothing."""
    return f"{sid}.{_seal(runtime, sign_in, sid)}"


async def caller(runtime: Runtime, token: object, shown: object) -> Caller:
    """Who comes back with an expired token and the `pid` of their last connection. Raises `Unauthorized`."""
    held = runtime.tokens.holder(token if isinstance(token, str) else "")
    sid, _, seal = shown.rpartition(".") if isinstance(shown, str) else ("", "", "")
    if not hmac.compare_digest(seal.encode(), _seal(runtime, held.sign_in, sid).encode()):
        raise Unauthorized("expired")
    whose = await sign_ins.alive(runtime.views, held.sign_in, runtime.settings.pazz_return_seconds)
    found = await users.by_id(runtime.views, *whose) if whose else None
    if found is None or not found.active:
        raise Unauthorized("over")
    runtime.tokens.refuse_ended(held)  # it may have ended while we asked
    return Caller(
        id=found.id,
        organization=found.organization,
        role=found.role,
        account=found.account,
        sign_in=held.sign_in,
        region=found.region,
    )


def _seal(runtime: Runtime, sign_in: str, sid: str) -> str:
    return hmac.new(runtime.settings.secret.encode(), f"socket/{sign_in}/{sid}".encode(), hashlib.sha256).hexdigest()
