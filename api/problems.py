"""Everything that can go wrong with a request, as one kind of thing.

Whatever is raised becomes a `Problem`: a status, a code, the facts, and the faults of single fields. A frontend's
contract gives one function that says it in its own envelope and language; `handlers` does the rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import psycopg
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from psycopg import errors

from api import context, faults
from api.access import Busy, Unauthorized
from api.faults import Fault
from api.identity import Inactive, LimitReached, WrongCredentials
from domain.model import Conflict, Forbidden, Invalid, NotFound, Refused
from eventstore.commit import KeyReused, LogUnavailable, OutcomeUnknown, Unstorable, VersionConflict

logger = logging.getLogger(__name__)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is a domain refusal's own (`GOAL_ALREADY_EXISTS`) or one of `CODES`; `facts` are its numbers and names;
    `faults` say which fields are wrong, when fields are."""

    status: int
    code: str
    facts: dict[str, Any] = {}
    faults: tuple[Fault, ...] = ()


AnyRequest = Request[Any, Any, Any]
Answer = Callable[[AnyRequest, Problem], Response[Any]]

MALFORMED = "MALFORMED"
"""The body or the query does not have the shape that the route asks for; `Problem.faults` says where."""

NOT_SHOWN = "STORED_NOT_SHOWN"
"""The command is stored, and what it made cannot be answered: the views are too far behind (promise 3), or one of them
left it out."""

HTTP_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}
PLAIN: dict[type[Exception], tuple[int, str]] = {
    Unauthorized: (401, "UNAUTHORIZED"),
    WrongCredentials: (401, "INVALID_CREDENTIALS"),
    Inactive: (403, "ACCOUNT_INACTIVE"),
    VersionConflict: (409, "CHANGED_MEANWHILE"),
    KeyReused: (409, "IDEMPOTENCY_KEY_REUSED"),
    Unstorable: (400, "UNSTORABLE"),
    Busy: (503, "UNAVAILABLE"),
    LogUnavailable: (503, "UNAVAILABLE"),
    OutcomeUnknown: (503, "OUTCOME_UNKNOWN"),
    psycopg.OperationalError: (503, "UNAVAILABLE"),
    psycopg.DataError: (400, "UNSTORABLE"),
}
CODES = (
    MALFORMED,
    NOT_SHOWN,
    "RATE_LIMITED",
    "INTERNAL_ERROR",
    *HTTP_CODES.values(),
    *(code for _, code in PLAIN.values()),
)
"""Every code that does not come from the domain."""


def handlers(answer: Answer) -> dict[Any, Any]:
    """The exception handlers of a frontend that says its problems with `answer`."""

    def refused(request: AnyRequest, error: Refused) -> Response[Any]:
        if isinstance(error, NotFound) and context.of(request.scope).made:  # by this request, only no view shows it
            return answer(request, Problem(status=503, code=NOT_SHOWN))
        status = {Invalid: 400, NotFound: 404, Conflict: 409, Forbidden: 403}[_kind(error)]
        fields = (Fault(str(error.facts["field"]), "out_of_range", error.code),) if "field" in error.facts else ()
        return answer(request, Problem(status=status, code=error.code, facts=error.facts, faults=fields))

    def malformed(request: AnyRequest, error: ValidationException) -> Response[Any]:
        handler = request.route_handler
        shape = handler.opt.get("body")
        found = faults.find(faults.body_of(request), shape) if shape else []
        found = found or faults.of_query(error, handler)
        return answer(request, Problem(status=400, code=MALFORMED, faults=tuple(found)))

    def http(request: AnyRequest, error: HTTPException) -> Response[Any]:
        if error.status_code >= 500:
            return unexpected(request, error)
        problem = Problem(status=error.status_code, code=HTTP_CODES.get(error.status_code, "BAD_REQUEST"))
        said = answer(request, problem)
        said.headers.update(error.headers or {})  # such as Allow
        return said

    def limited(request: AnyRequest, error: LimitReached) -> Response[Any]:
        facts = {"retry_after": error.verdict.retry_after, "limit": error.verdict.limit}
        return answer(request, Problem(status=429, code="RATE_LIMITED", facts=facts))

    def plain(request: AnyRequest, error: Exception) -> Response[Any]:
        status, code = next(PLAIN[kind] for kind in type(error).__mro__ if kind in PLAIN)
        if code == "UNAVAILABLE" and context.of(request.scope).appended:
            code = "OUTCOME_UNKNOWN"  # the command is stored, only its answer could not be read
        return answer(request, Problem(status=status, code=code))

    def unbuilt(request: AnyRequest, error: psycopg.Error) -> Response[Any]:
        """After a new release or a restore from the log, until the projector has built what is read."""
        logger.warning(
            "a view is not there yet", exc_info=error, extra={"request": context.of(request.scope).request_id}
        )
        return plain(request, LogUnavailable())

    def unexpected(request: AnyRequest, error: Exception) -> Response[Any]:
        logger.error("unexpected failure", exc_info=error, extra={"request": context.of(request.scope).request_id})
        return answer(request, Problem(status=500, code="INTERNAL_ERROR"))

    return {
        Refused: refused,
        ValidationException: malformed,
        HTTPException: http,
        LimitReached: limited,
        **dict.fromkeys(PLAIN, plain),
        **dict.fromkeys((errors.UndefinedTable, errors.UndefinedColumn), unbuilt),
        Exception: unexpected,
    }


def _kind(error: Refused) -> type[Refused]:
    return next(kind for kind in (Invalid, NotFound, Conflict, Forbidden) if isinstance(error, kind))
