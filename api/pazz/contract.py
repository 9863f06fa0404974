"""Pazz's manners: envelope, error codes and sentences, month names. Wire keys are camelCase, people read Spanish.

Sources: the Pazz document (envelope, error sample, validation rules) and the Pazz contract (C1 to C19).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException

from api import context, faults, identity
from api.access import Unauthorized
from api.faults import Fault
from api.limits import Policy
from domain.model import Conflict, Forbidden, Invalid, NotFound, Refused
from domain.values import Month, units
from eventstore.commit import KeyReused, LogUnavailable, OutcomeUnknown, Unstorable, VersionConflict

logger = logging.getLogger(__name__)

ROLE = "partner"
PER_USER = Policy("pazz-user", 100, 60)
LOGIN_PER_ADDRESS = Policy("pazz-login-address", 30, 15 * 60)
LOGIN_PER_ACCOUNT = Policy("pazz-login-account", 10, 15 * 60)
REFRESH_PER_ADDRESS = Policy("pazz-refresh-address", 120, 60)

MONTHS = (
    "Enero", "Febrero", "Marzo", "Abril", "Mayo", "Junio",
    "Julio", "Agosto", "Septiembre", "Octubre", "Noviembre", "Diciembre",
)  # fmt: skip
MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)} | {"setiembre": 9}

T = TypeVar("T")


class Done(msgspec.Struct, Generic[T], frozen=True):
    """What every success looks like."""

    data: T
    success: bool = True


class Metadata(msgspec.Struct, frozen=True, rename="camel"):
    """When it went wrong (ISO 8601, UTC) and the request's id, as in the logs."""

    timestamp: datetime
    request_id: str


class Error(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`details` is a list of sentences for each field."""

    code: str
    message: str
    details: dict[str, list[str]] | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """What every failure looks like."""

    success: bool = False
    error: Error
    metadata: Metadata


def month_name(month: Month) -> str:
    """ "Octubre" (C6: always capitalised)."""
    return MONTHS[month.number - 1]


def month_of(name: str, year: int) -> Month:
    """The month that a name in any letter case means (C6). Raises `Invalid`."""
    number = MONTH_NUMBERS.get(name.strip().lower())
    if number is None:
        raise Invalid("MONTH_INVALID", field="month")
    return Month(year, number)


def pesos(centavos: int) -> str:
    """ "$1,000": an amount as the sentences write it."""
    return f"${units(centavos):,}"


def iso(moment: datetime) -> str:
    """2025-10-01T10:30:00Z, the way the document writes times."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


Sentence = Callable[[dict[str, Any]], str]

FIELD_SENTENCES: dict[str, Sentence] = {
    "AMOUNT_OUT_OF_RANGE": lambda facts: (
        f"Debe ser mayor o igual a {units(facts['minimum'])}"
        if facts["amount"] < facts["minimum"]
        else f"Debe ser menor o igual a {units(facts['maximum'])}"
    ),
    "AMOUNT_INVALID": lambda facts: "Debe ser una cantidad en pesos con dos decimales como máximo",
    "MONTH_INVALID": lambda facts: "Debe ser el nombre de un mes, de Enero a Diciembre",
    "YEAR_INVALID": lambda facts: "Debe ser un año válido",
    "MONTH_CLOSED": lambda facts: "No se puede fijar la meta de un mes que ya cerró",
    "MONTH_TOO_FAR": lambda facts: f"No puede ser posterior a {facts['last_year']}",
    "EMAIL_INVALID": lambda facts: "Debe ser un correo electrónico válido",
    "PHONE_INVALID": lambda facts: "Debe ser un número de teléfono válido",
    "TEXT_EMPTY": lambda facts: "No puede estar vacío",
    "TEXT_TOO_LONG": lambda facts: f"Debe tener {facts['maximum']} caracteres como máximo",
    "TEXT_UNPRINTABLE": lambda facts: "Contiene caracteres no permitidos",
    "PASSWORD_LENGTH": lambda facts: f"Debe tener entre {facts['minimum']} y {facts['maximum']} caracteres",
    "IDEMPOTENCY_KEY_MALFORMED": lambda facts: f"Debe tener entre 1 y {facts['maximum']} caracteres imprimibles",
}
FAULT_SENTENCES: dict[faults.Kind, str] = {
    "required": "Es obligatorio",
    "unknown": "No se reconoce este campo",
    "wrong_type": "El tipo de dato no es válido",
    "out_of_range": "El valor está fuera de los límites permitidos",
}

REFUSALS: dict[str, str] = {
    "GOAL_ALREADY_EXISTS": "Ya existe una meta para este mes",
    "ROLE_NOT_ALLOWED": "Tu cuenta no tiene acceso a este portal",
    "CLIENT_NOT_YOURS": "Este cliente está asignado a otro asociado",
}

NOT_FOUND = ("NOT_FOUND", "No se encontró lo que buscas")
STATUS_ERRORS: dict[int, tuple[str, str]] = {
    400: ("BAD_REQUEST", "La solicitud no es válida"),
    401: ("UNAUTHORIZED", "Tu sesión no es válida o ha expirado"),
    403: ("FORBIDDEN", "No tienes acceso a este recurso"),
    404: NOT_FOUND,
    405: ("METHOD_NOT_ALLOWED", "Este método no está permitido aquí"),
    413: ("PAYLOAD_TOO_LARGE", "La solicitud es demasiado grande"),
    415: ("UNSUPPORTED_MEDIA_TYPE", "El contenido debe ser JSON"),
}


def failure(
    request: Request[Any, Any, Any], status: int, code: str, message: str, details: dict[str, list[str]] | None = None
) -> Response[Failed]:
    """An error in Pazz's envelope."""
    about = context.of(request.scope)
    metadata = Metadata(datetime.now(UTC).replace(microsecond=0), about.request_id)
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    failed = Failed(error=Error(code=code, message=message, details=details), metadata=metadata)
    return Response(failed, status_code=status, media_type=MediaType.JSON, headers=headers)


def invalid(request: Request[Any, Any, Any], details: dict[str, list[str]], message: str) -> Response[Failed]:
    """400 with a sentence for each field; goals have the code that the document names."""
    goals = request.scope["path"].startswith("/api/v1/goals")
    return failure(request, 400, "GOAL_VALIDATION_FAILED" if goals else "VALIDATION_FAILED", message, details)


def _refused(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    assert isinstance(error, Refused)
    if isinstance(error, Invalid):
        sentence = FIELD_SENTENCES.get(error.code)
        text = sentence(error.facts) if sentence else "El valor no es válido"
        field = str(error.facts.get("field", "body"))
        message = text
        if error.code == "AMOUNT_OUT_OF_RANGE" and field == "amount":
            low = error.facts["amount"] < error.facts["minimum"]
            bound = pesos(error.facts["minimum"] if low else error.facts["maximum"])
            message = f"La meta debe ser {'mayor' if low else 'menor'} o igual a {bound}"
        return invalid(request, {field: [text]}, message)
    if isinstance(error, NotFound):
        return failure(request, 404, *NOT_FOUND)
    status = 403 if isinstance(error, Forbidden) else 409
    assert isinstance(error, (Forbidden, Conflict))
    return failure(
        request, status, error.code, REFUSALS.get(error.code, STATUS_ERRORS.get(status, ("", "Conflicto"))[1])
    )


def _http(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    assert isinstance(error, HTTPException)
    code, message = STATUS_ERRORS.get(error.status_code, STATUS_ERRORS[400])
    return failure(request, error.status_code, code, message)


def _malformed(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    """A body or a query that does not fit: every field with its fault."""
    assert isinstance(error, ValidationException)
    shape = request.scope["route_handler"].opt.get("body")
    found: list[Fault] = faults.find(faults.body_of(request), shape) if shape else []
    details: dict[str, list[str]] = {}
    for fault in found or faults.of_query(error):
        details.setdefault(fault.field or "body", []).append(FAULT_SENTENCES[fault.kind])
    return invalid(request, details, "Revisa los datos enviados")


def _limited(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    assert isinstance(error, identity.LimitReached)
    seconds = error.verdict.retry_after
    return failure(request, 429, "RATE_LIMITED", f"Demasiadas solicitudes. Intenta de nuevo en {seconds} segundos")


def _plain(status: int, code: str, message: str) -> Callable[[Request[Any, Any, Any], Exception], Response[Failed]]:
    return lambda request, error: failure(request, status, code, message)


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Failed]:
    about = context.of(request.scope)
    logger.error("unexpected failure", exc_info=error, extra={"request": about.request_id})
    return failure(request, 500, "INTERNAL_ERROR", "Algo salió mal de nuestro lado. Intenta de nuevo")


EXCEPTION_HANDLERS: dict[Any, Any] = {
    Refused: _refused,
    ValidationException: _malformed,
    HTTPException: _http,
    Unauthorized: _plain(401, *STATUS_ERRORS[401]),
    identity.WrongCredentials: _plain(401, "INVALID_CREDENTIALS", "Correo o contraseña incorrectos"),
    identity.Inactive: _plain(403, "ACCOUNT_INACTIVE", "Tu cuenta está desactivada"),
    identity.LimitReached: _limited,
    VersionConflict: _plain(409, "CONFLICT", "Alguien más hizo un cambio al mismo tiempo. Intenta de nuevo"),
    KeyReused: _plain(409, "IDEMPOTENCY_KEY_REUSED", "Esa clave ya se usó con otra solicitud"),
    Unstorable: _plain(400, "BAD_REQUEST", "La solicitud contiene datos que no se pueden guardar"),
    LogUnavailable: _plain(503, "UNAVAILABLE", "El servicio no está disponible. Intenta de nuevo"),
    OutcomeUnknown: _plain(503, "OUTCOME_UNKNOWN", "No sabemos si se guardó. Repite la solicitud con la misma clave"),
    Exception: _unexpected,
}
