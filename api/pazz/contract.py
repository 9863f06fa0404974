"""Pazz's manners: envelope, error codes and sentences, month names. Wire keys are camelCase, people read Spanish.

Sources: the Pazz document (envelope, error sample, validation rules) and the Pazz contract (C1 to C19).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from litestar import MediaType, Response

from api import context, faults, problems
from api.faults import Fault
from api.identity import MAX_PASSWORD, MIN_PASSWORD
from api.limits import Policy
from api.problems import AnyRequest, Problem
from domain import values
from domain.model import Invalid
from domain.values import Month, units

ROLE = "partner"
PER_USER = Policy("pazz-user", 100, 60)
LOGIN_PER_ADDRESS = Policy("pazz-login-address", 30, 15 * 60)
LOGIN_PER_ACCOUNT = Policy("pazz-login-account", 10, 15 * 60)
REFRESH_PER_ADDRESS = Policy("pazz-refresh-address", 120, 60)
REGISTER_PER_ADDRESS = Policy("pazz-register-address", 10, 60 * 60)
FORGOT_PER_ADDRESS = Policy("pazz-forgot-address", 10, 15 * 60)
FORGOT_PER_ACCOUNT = Policy("pazz-forgot-account", 3, 15 * 60)
RESET_PER_ADDRESS = Policy("pazz-reset-address", 30, 15 * 60)

MONTHS = (
    "Enero", "Febrero", "Marzo", "Abril", "Mayo", "Junio",
    "Julio", "Agosto", "Septiembre", "Octubre", "Noviembre", "Diciembre",
)  # fmt: skip
MONTH_NUMBERS = {name.lower(): number for number, name in enumerate(MONTHS, 1)} | {"setiembre": 9}


def pattern_of(numbers: Collection[int]) -> str:
    """What the names of these months look like, in any letter case."""
    names = (name for name, number in MONTH_NUMBERS.items() if number in numbers)
    return f"^({'|'.join(''.join(f'[{letter.upper()}{letter}]' for letter in name) for name in names)})$"


T = TypeVar("T")


class Done(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """What every success looks like."""

    success: bool = True
    data: T


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


def percent(part: int, whole: int) -> float:
    """How much of the whole it is, with one decimal, halves rounded up: 4,020,000 of 4,500,000 is 89.3."""
    return (2_000 * part + whole) // (2 * whole) / 10 if whole else 0.0


def digits(phone: str | None) -> str | None:
    """A phone number as wa.me links take it: country code first, no plus sign."""
    return phone.removeprefix("+") if phone else None


Sentence = Callable[[Mapping[str, Any]], str]

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
    "NUMBER_OUT_OF_RANGE": lambda facts: f"Debe estar entre {facts['minimum']} y {facts['maximum']}",
    "VALUE_NOT_ALLOWED": lambda facts: "Debe ser uno de: " + ", ".join(facts["allowed"]),
    "TEXT_UNPRINTABLE": lambda facts: "Contiene caracteres no permitidos",
    "PASSWORD_LENGTH": lambda facts: f"Debe tener entre {facts['minimum']} y {facts['maximum']} caracteres",
    "IDEMPOTENCY_KEY_MALFORMED": lambda facts: f"Debe tener entre 1 y {facts['maximum']} caracteres imprimibles",
}
SHAPE_SENTENCES = {
    "email": "Debe ser un correo electrónico válido",
    "fullName": f"Debe tener entre 3 y {values.MAX_NAME} caracteres",
    "password": f"Debe tener entre {MIN_PASSWORD} y {MAX_PASSWORD} caracteres, una mayúscula y un número",
    "phone": "Debe tener exactamente 10 dígitos",
}
"""What a field should be like, where its type alone does not say it."""
FAULT_SENTENCES: dict[faults.Kind, str] = {
    "required": "Es obligatorio",
    "unknown": "No se reconoce este campo",
    "wrong_type": "El tipo de dato no es válido",
    "out_of_range": "El valor está fuera de los límites permitidos",
}

SENTENCES: dict[str, str] = {
    "MALFORMED": "Revisa los datos enviados",
    "BAD_REQUEST": "La solicitud no es válida",
    "UNSTORABLE": "La solicitud contiene datos que no se pueden guardar",
    "UNAUTHORIZED": "Tu sesión no es válida o ha expirado",
    "INVALID_CREDENTIALS": "Correo o contraseña incorrectos",
    "FORBIDDEN": "No tienes acceso a este recurso",
    "ACCOUNT_INACTIVE": "Tu cuenta está desactivada",
    "ROLE_NOT_ALLOWED": "Tu cuenta no tiene acceso a este portal",
    "CSRF_TOKEN_INVALID": "La solicitud no trae el token de seguridad de tu sesión",
    "CLIENT_OF_ANOTHER_PARTNER": "Este cliente no está asignado a ti",
    "REGISTRATION_CLOSED": "El registro no está disponible",
    "RESET_TOKEN_INVALID": "El enlace no es válido o ya caducó. Solicita uno nuevo",
    "VALUE_TAKEN": "Ya existe una cuenta con este correo",
    "NOT_FOUND": "No se encontró lo que buscas",
    "METHOD_NOT_ALLOWED": "Este método no está permitido aquí",
    "GOAL_ALREADY_EXISTS": "Ya existe una meta para este mes",
    "CHANGED_MEANWHILE": "Alguien más hizo un cambio al mismo tiempo. Intenta de nuevo",
    "IDEMPOTENCY_KEY_REUSED": "Esa clave ya se usó con otra solicitud",
    "PAYLOAD_TOO_LARGE": "La solicitud es demasiado grande",
    "UNSUPPORTED_MEDIA_TYPE": "El contenido debe ser JSON",
    "RATE_LIMITED": "Demasiadas solicitudes. Intenta de nuevo en {retry_after} segundos",
    "INTERNAL_ERROR": "Algo salió mal de nuestro lado. Intenta de nuevo",
    "UNAVAILABLE": "El servicio no está disponible. Intenta de nuevo",
    "OUTCOME_UNKNOWN": "No sabemos si se guardó. Repite la solicitud con la misma clave",
    "STORED_NOT_SHOWN": "Se guardó, pero tarda en mostrarse. No lo envíes otra vez: aparecerá en unos momentos",
}
LINK_SENT = "Si existe una cuenta con ese correo, enviamos un enlace para restablecer la contraseña"
PASSWORD_SET = "Tu contraseña cambió. Inicia sesión con la nueva"
CODES = {"VALUE_TAKEN": "EMAIL_ALREADY_REGISTERED"}
"""Codes of the domain that are called otherwise here."""
STATUS_SENTENCES = {400: "BAD_REQUEST", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CHANGED_MEANWHILE"}


def answer(request: AnyRequest, problem: Problem) -> Response[Failed]:
    """A problem in Pazz's envelope. Wrong fields are 400 with a sentence for each; goals have the code that the
    document names for that."""
    about = context.of(request.scope)
    code, details = problem.code, None
    goals = request.scope["path"].startswith("/api/v1/goals")
    sentence = SENTENCES.get(code) or SENTENCES[STATUS_SENTENCES.get(problem.status, "BAD_REQUEST")]
    message = sentence.format(**problem.facts)
    if problem.faults:
        details = {}
        for fault in problem.faults:
            details.setdefault(fault.field or "body", []).append(_field_sentence(problem, fault))
        message = _goal_sentence(problem) or message
        code = "GOAL_VALIDATION_FAILED" if goals else "VALIDATION_FAILED"
    elif problem.status == 404:
        code = "NOT_FOUND"
    elif goals and code == "CHANGED_MEANWHILE":  # C1: one code for every 409 that the document knows
        code = "GOAL_ALREADY_EXISTS"
    failed = Failed(
        error=Error(code=CODES.get(code, code), message=message, details=details),
        metadata=Metadata(datetime.now(UTC).replace(microsecond=0), about.request_id),
    )
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    return Response(failed, status_code=problem.status, media_type=MediaType.JSON, headers=headers)


def _field_sentence(problem: Problem, fault: Fault) -> str:
    sentence = FIELD_SENTENCES.get(problem.code)
    if sentence:
        return sentence(problem.facts)
    shape = SHAPE_SENTENCES.get(fault.field) if fault.kind == "out_of_range" else None
    if shape is None and fault.code:
        return FIELD_SENTENCES[fault.code](fault.facts)
    return shape or FAULT_SENTENCES[fault.kind]


def _goal_sentence(problem: Problem) -> str | None:
    """The document's error sample speaks of the goal itself (C12: the minimum is allowed)."""
    facts = problem.facts
    if problem.code != "AMOUNT_OUT_OF_RANGE" or facts["field"] != "amount":
        return None
    low = facts["amount"] < facts["minimum"]
    bound = pesos(facts["minimum"] if low else facts["maximum"])
    return f"La meta debe ser {'mayor' if low else 'menor'} o igual a {bound}"


EXCEPTION_HANDLERS = problems.handlers(answer)
