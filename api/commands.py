"""From a route to the log and back: run a command, wait until the views show it, say where it is."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from litestar import Request

from api import context
from api.runtime import Runtime
from domain.model import Command, Decider, Invalid
from eventstore import execute
from eventstore.execute import Outcome, Step
from eventstore.mapper import Meta

MAX_KEY = 200


async def run(
    runtime: Runtime, request: Request[Any, Any, Any], decider: Decider[Any], stream: str, command: Command
) -> Outcome:
    """Run one command for the caller of this request."""
    return await run_all(runtime, request, [Step(decider, stream, command)])


async def run_all(
    runtime: Runtime, request: Request[Any, Any, Any], steps: list[Step], organization: str = ""
) -> Outcome:
    """Run commands on several streams, all or none. The answer's headers say the position and, when the views could not
    show it in time, the lag. A command with an `Idempotency-Key` that was accepted before answers as it did then."""
    about = context.of(request.scope)
    caller = about.caller
    organization = caller.organization if caller else organization
    outcome = await runtime.store.execute_all(
        steps,
        execute.Request(
            meta=Meta(
                organization=organization,
                by=caller.id if caller else None,
                frontend=about.frontend,
                request=about.request_id,
            ),
            key=_key(request, about),
            fingerprint=await _fingerprint(runtime, request),
        ),
    )
    about.appended = True
    about.add_header("Bitacora-Position", outcome.position)
    if outcome.replayed:
        about.add_header("Idempotency-Replayed", "true")
    lag = await runtime.horizon.reached(outcome.position, runtime.settings.view_wait_seconds)
    about.made |= bool(lag or (outcome.events and not outcome.replayed))
    if lag:
        about.add_header("Bitacora-Lag", lag)
    return outcome


async def is_repeated(runtime: Runtime, request: Request[Any, Any, Any]) -> bool:
    """Whether this request was accepted before, as its `Idempotency-Key` says: then it is answered as it was, whatever
    would keep a new one from being tried."""
    key = _key(request, context.of(request.scope))
    return key is not None and await runtime.store.was_accepted(key, await _fingerprint(runtime, request))


def new_id(runtime: Runtime, request: Request[Any, Any, Any], prefix: str) -> str:
    """An identity that nobody can guess: `goal_` and twenty hex digits. The same for a request that comes again with
    its `Idempotency-Key`, so that the answer speaks of what the first one made."""
    key = _key(request, context.of(request.scope))
    return f"{prefix}_{runtime.vault.blind(key)[:20] if key else uuid.uuid4().hex[:20]}"


def new_document_id(runtime: Runtime, request: Request[Any, Any, Any], number: int = 0) -> str:
    """As `new_id`, in the form that some frontends want: 24 hex digits and nothing else. A request that makes several
    things numbers them."""
    key = _key(request, context.of(request.scope))
    return runtime.vault.blind(f"{key}/{number}")[:24] if key else uuid.uuid4().hex[:24]


def _key(request: Request[Any, Any, Any], about: context.Context) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY or not key.isprintable():
        raise Invalid("IDEMPOTENCY_KEY_MALFORMED", field="Idempotency-Key", maximum=MAX_KEY)
    subject = about.caller.subject if about.caller else about.address
    return f"{about.frontend}/{subject}/{key}"


async def _fingerprint(runtime: Runtime, request: Request[Any, Any, Any]) -> str:
    """What tells a request from another one. A body may hold a password: nobody can try some against what is kept."""
    if "idempotency-key" not in request.headers:
        return ""
    body = await request.body()
    asked = hashlib.sha256(b"\n".join([request.method.encode(), request.url.path.encode(), body])).hexdigest()
    return runtime.vault.blind(asked)
