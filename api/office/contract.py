"""The office's manners: plain JSON, snake_case, English; an error is `{"error": {"code", "message", "details"}}`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Response

from api import context, problems
from api.limits import Policy
from api.problems import AnyRequest, Problem
from domain import values

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


SENTENCES = {
    "MALFORMED": "some fields are wrong",
    "UNAUTHORIZED": "sign in first: the token is missing, expired or revoked",
    "INVALID_CREDENTIALS": "wrong e-mail address or password",
    "ACCOUNT_INACTIVE": "this account was deactivated",
    "CHANGED_MEANWHILE": "somebody else changed this at the same moment, try again",
    "IDEMPOTENCY_KEY_REUSED": "this idempotency key was used for another request",
    "UNSTORABLE": "the request holds data that cannot be stored",
    "UNAVAILABLE": "the service is overloaded or cannot reach its log; nothing was stored, try again",
    "OUTCOME_UNKNOWN": "outcome unknown, retry with the same key",
    "STORED_NOT_SHOWN": "stored, but the views do not show it yet; do not send it again, it appears by itself",
    "VERIFICATION_UNDER_WAY": "the log is being verified already: wait for the outcome of that",
    "STREAM_FAILED_AGAIN": "the view refused it again, and the stream stays parked: {reason}",
    "HEAD_MALFORMED": "a head is POSITION:HASH, as `bitacora audit publish` prints it",
    "RATE_LIMITED": "too many requests, retry in {retry_after} seconds",
    "TIME_INVALID": "must be a time with its zone: 2026-11-21T09:30:00Z",
    "ROLE_NOT_ALLOWED": "the role {role} may not do or see this",
    "OWN_ACCOUNT": "somebody else has to deactivate your account",
    "AMOUNT_OUT_OF_RANGE": "must be from {minimum} to {maximum}",
    "INTERNAL_ERROR": "something went wrong on our side, try again",
}


MONEY_CODES = {"AMOUNT_OUT_OF_RANGE"}
"""The refusals whose facts are amounts, in the smallest unit."""
LONGEST_FACT = 80


def answer(request: AnyRequest, problem: Problem) -> Response[Failed]:
    """A problem in the office's form. A refusal without a sentence of its own shows its code and its facts."""
    about = context.of(request.scope)
    told = {name: fact(value, problem.code in MONEY_CODES) for name, value in problem.facts.items() if name != "field"}
    sentence = SENTENCES.get(problem.code)
    said = sentence.format(**told) if sentence else problem.code.lower().replace("_", " ")
    listed = ", ".join(f"{name} {value}" for name, value in told.items())
    message = f"{said}: {listed}" if listed and not sentence else said
    details: dict[str, list[str]] = {}
    for fault in problem.faults:
        own = fault.detail if problem.code == problems.MALFORMED else message
        details.setdefault(fault.field or "body", []).append(own)
    error = Error(
        code=problem.code.lower(),
        message=message,
        request_id=about.request_id,
        at=datetime.now(UTC),
        details=details or None,
    )
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return Response(Failed(error), status_code=problem.status, media_type=MediaType.JSON, headers=headers)


def fact(value: Any, money: bool) -> str:
    """A fact as people read it: money in whole units, lists as words, nothing longer than a line."""
    if money and isinstance(value, int):
        return f"{values.units(value):,}"[:LONGEST_FACT]
    if isinstance(value, tuple | list):
        return " or ".join(str(part) for part in value)[: 5 * LONGEST_FACT]
    return str(value)[:LONGEST_FACT]


EXCEPTION_HANDLERS = problems.handlers(answer)
