"""The office's manners: plain JSON, snake_case, English; an error is `{"error": {"code", "message", "details"}}`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException

from api import context, faults, identity
from api.access import Unauthorized
from api.limits import Policy
from domain.model import Forbidden, Invalid, NotFound, Refused
from eventstore.commit import KeyReused, LogUnavailable, OutcomeUnknown, Unstorable, VersionConflict

logger = logging.getLogger(__name__)

MANAGERS = frozenset({"admin", "manager"})
STAFF = frozenset({"admin", "manager", "sales", "agent", "viewer", "auditor"})

LOGIN_PER_ADDRESS = Policy("office-login-address", 30, 15 * 60)
LOGIN_PER_ACCOUNT = Policy("office-login-account", 10, 15 * 60)
REFRESH_PER_ADDRESS = Policy("office-refresh-address", 120, 60)
PER_USER = Policy("office-user", 600, 60)


class Error(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`code` for machines, `message` for people, `details` by field, `request_id` as in the logs."""

    code: str
    message: str
    request_id: str
    at: datetime
    details: dict[str, list[str]] | None = None


class Failed(msgspec.Struct, frozen=True):
    """What every failure looks like."""

    error: Error


STATUS_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "payload_too_large",
    415: "unsupported_media_type",
}


def failure(
    request: Request[Any, Any, Any], status: int, code: str, message: str, details: dict[str, list[str]] | None = None
) -> Response[Failed]:
    """An error in the office's form."""
    about = context.of(request.scope)
    error = Error(code=code, message=message, request_id=about.request_id, at=datetime.now(UTC), details=details)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(Failed(error), status_code=status, media_type=MediaType.JSON, headers=headers)


def _refused(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    assert isinstance(error, Refused)
    facts = {key: value for key, value in error.facts.items() if key != "field"}
    sentence = error.code.lower().replace("_", " ")
    said = f"{sentence}: {', '.join(f'{key} {value}' for key, value in facts.items())}" if facts else sentence
    if isinstance(error, Invalid):
        return failure(request, 400, error.code.lower(), said, {str(error.facts.get("field", "body")): [said]})
    status = 404 if isinstance(error, NotFound) else 403 if isinstance(error, Forbidden) else 409
    return failure(request, status, error.code.lower(), said)


def _http(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    assert isinstance(error, HTTPException)
    code = STATUS_CODES.get(error.status_code, "bad_request")
    return failure(request, error.status_code, code, code.replace("_", " "))


def _malformed(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    assert isinstance(error, ValidationException)
    shape = request.scope["route_handler"].opt.get("body")
    found = faults.find(faults.body_of(request), shape) if shape else []
    details: dict[str, list[str]] = {}
    for fault in found or faults.of_query(error):
        details.setdefault(fault.field or "body", []).append(fault.detail)
    return failure(request, 400, "invalid", "some fields are wrong", details)


def _limited(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    assert isinstance(error, identity.LimitReached)
    return failure(request, 429, "rate_limited", f"too many requests, retry in {error.verdict.retry_after} seconds")


def _plain(status: int, code: str, message: str) -> Callable[[Request[Any, Any, Any], Exception], Response[Failed]]:
    return lambda request, error: failure(request, status, code, message)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    logger.error("unexpected failure", exc_info=error, extra={"request": context.of(request.scope).request_id})
    return failure(request, 500, "internal_error", "something went wrong on our side, try again")


EXCEPTION_HANDLERS: dict[Any, Any] = {
    Refused: _refused,
    ValidationException: _malformed,
    HTTPException: _http,
    Unauthorized: _plain(401, "unauthorized", "sign in first: the token is missing, expired or revoked"),
    identity.WrongCredentials: _plain(401, "invalid_credentials", "wrong e-mail address or password"),
    identity.Inactive: _plain(403, "account_inactive", "this account was deactivated"),
    identity.LimitReached: _limited,
    VersionConflict: _plain(409, "conflict", "somebody else changed this at the same moment, try again"),
    KeyReused: _plain(409, "idempotency_key_reused", "this idempotency key was used for another request"),
    Unstorable: _plain(400, "unstorable", "the request holds data that cannot be stored"),
    LogUnavailable: _plain(503, "unavailable", "the log cannot be reached; nothing was stored, try again"),
    OutcomeUnknown: _plain(503, "outcome_unknown", "outcome unknown, retry with the same key"),
    Exception: _unexpected,
}
