"""Tienda's manners: Spanish paths, keys and sentences; an error says the same in `message` and in `detail` (T14).

`detail` is a text, or a list of `{loc, msg, type}` where the body does not have the shape that the route asks for: the
two forms that the document's client reads. Sources: the Tienda document and the Tienda contract (T1 to T25).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar import MediaType, Response

from api import faults, problems
from api.limits import Policy
from api.problems import AnyRequest, Problem

ROLE = "shopper"
ROLE_NAME = "cliente"
"""What the document's client calls that role."""

PER_USER = Policy("tienda-user", 1_200, 60)
"""A client that saves every half second makes 120 calls a minute, on each of its devices."""
LOGIN_PER_ADDRESS = Policy("tienda-login-address", 30, 15 * 60)
LOGIN_PER_ACCOUNT = Policy("tienda-login-account", 10, 15 * 60)
REGISTER_PER_ADDRESS = Policy("tienda-register-address", 20, 60 * 60)
FORGOT_PER_ADDRESS = Policy("tienda-forgot-address", 10, 15 * 60)
FORGOT_PER_ACCOUNT = Policy("tienda-forgot-account", 3, 15 * 60)
CODE_PER_ADDRESS = Policy("tienda-code-address", 30, 15 * 60)
CODE_PER_ACCOUNT = Policy("tienda-code-account", 10, 15 * 60)

MIN_PASSWORD = 6


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with one field, as a client of a FastAPI server reads it."""

    loc: list[str]
    msg: str
    type: str


class Failed(msgspec.Struct, frozen=True):
    """What every failure looks like."""

    message: str
    detail: str | list[Flaw]


class Said(msgspec.Struct, frozen=True):
    """What the person should be told."""

    message: str


# How texts are described. What is described here is told by the domain when it is broken, with a sentence of its own.
_PRINTED = "[^\\u0000-\\u001f\\u007f-\\u009f]"
_INK = "[^\\s\\u0000-\\u001f\\u007f-\\u009f]"
LINE = {"extra": {"pattern": f"^{_PRINTED}*$"}}
WORDS = {"extra": {"pattern": f"^{_PRINTED}*{_INK}{_PRINTED}*$"}}
USERNAME = {"extra": {"pattern": f"^{_INK}{_PRINTED}+{_INK}$"}}
PASSWORD = {"extra": {"pattern": f"^{_PRINTED}{{{MIN_PASSWORD},}}$"}}
LINES = {"extra": {"pattern": "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f]*$"}}
TYPED = "^[^\\u0000]*$"
"""Told right away: what no draft can hold."""
EMAIL = {"extra": {"pattern": "^$|^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,60}([.][A-Za-z0-9-]{1,30}){1,3}$"}}


def iso(moment: datetime) -> str:
    """2025-10-01T10:30:00.000Z, as JavaScript writes times."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


SENTENCES: dict[str, str] = {
    "MALFORMED": "Revisa los datos enviados",
    "BAD_REQUEST": "La solicitud no es válida",
    "UNSTORABLE": "La solicitud contiene datos que no se pueden guardar",
    "UNAUTHORIZED": "Tu sesión no es válida o ha expirado",
    "INVALID_CREDENTIALS": "Usuario o contraseña incorrectos",
    "ACCOUNT_INACTIVE": "Tu cuenta está inactiva",
    "FORBIDDEN": "No tienes acceso a este recurso",
    "OTHER_SHOPPER": "No puedes acceder a los datos de otro cliente",
    "REGISTRATION_CLOSED": "El registro no está disponible",
    "NOT_FOUND": "No se encontró lo que buscas",
    "CART_NOT_FOUND": "Carrito no encontrado",
    "SHOPPER_NOT_FOUND": "Cliente no encontrado",
    "METHOD_NOT_ALLOWED": "Este método no está permitido aquí",
    "PAYLOAD_TOO_LARGE": "La solicitud es demasiado grande",
    "UNSUPPORTED_MEDIA_TYPE": "El contenido debe ser JSON",
    "CHANGED_MEANWHILE": "Alguien más hizo un cambio al mismo tiempo. Intenta de nuevo",
    "IDEMPOTENCY_KEY_REUSED": "Esa clave ya se usó con otra solicitud",
    "IDEMPOTENCY_KEY_MALFORMED": "Idempotency-Key debe tener entre 1 y {maximum} caracteres imprimibles",
    "RATE_LIMITED": "Demasiadas solicitudes. Intenta de nuevo en {retry_after} segundos",
    "INTERNAL_ERROR": "Algo salió mal de nuestro lado. Intenta de nuevo",
    "UNAVAILABLE": "El servicio no está disponible. Intenta de nuevo",
    "OUTCOME_UNKNOWN": "No sabemos si se guardó. Repite la solicitud con la misma clave",
    "STORED_NOT_SHOWN": "Se guardó, pero tarda en mostrarse. No lo envíes otra vez: aparecerá en unos momentos",
    "ITEMS_UNKNOWN": "Estos artículos no existen en el inventario: {items}",
    "LINES_TOO_MANY": "El carrito admite {maximum} artículos como máximo",
    "QUANTITY_OUT_OF_RANGE": "La cantidad de {item} debe estar entre {minimum} y {maximum}",
    "SNAPSHOT_INVALID": "Los datos del artículo {item} no se pueden guardar",
    "SNAPSHOT_TOO_LARGE": "Los datos del artículo {item} ocupan más de {maximum} bytes",
    "CART_TOO_LARGE": "Los datos del carrito ocupan más de {maximum} bytes",
    "DRAFT_KIND_UNKNOWN": "El tipo debe ser reclamo o soporte",
    "CODE_INVALID": "El código no es válido o ya caducó",
    "PASSWORD_LENGTH": "La contraseña debe tener entre {minimum} y {maximum} caracteres",
    "USERNAME_LENGTH": "El usuario debe tener entre {minimum} y {maximum} caracteres",
    "EMAIL_INVALID": "El email no es válido",
    "TEXT_EMPTY": "El campo {field} no puede estar vacío",
    "TEXT_TOO_LONG": "El campo {field} debe tener {maximum} caracteres como máximo",
    "TEXT_UNPRINTABLE": "El campo {field} contiene caracteres no permitidos",
    "EXTRA_INVALID": "El campo {field} no se puede guardar",
    "EXTRA_TOO_LARGE": "El campo {field} ocupa más de {maximum} bytes",
}
TAKEN = {
    "shopper_username": "El usuario ya está registrado",
    "shopper_card": "La cédula ya está registrada",
    "shopper_email": "El email ya está registrado",
}
STATUS_CODES = {400: "BAD_REQUEST", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CHANGED_MEANWHILE", 422: "MALFORMED"}
STATUSES = {"VALUE_TAKEN": 400, "DRAFT_KIND_UNKNOWN": 400, "CODE_INVALID": 400}
"""Refusals whose status is another than that of their kind (T16; a taken value is 400, as the client knows it)."""

FIELDS = {
    "username": "usuario",
    "name": "nombre",
    "card": "cedula",
    "address": "direccion",
    "phone": "telefono",
    "title": "titulo",
    "text": "descripcion",
    "theme": "tema",
    "order": "pedido_id",
    "files": "archivos",
    "extra": "datos_adicionales",
}
"""What fields of the domain are called here."""

FLAWS: dict[faults.Kind, str] = {
    "required": "Es obligatorio",
    "unknown": "No se reconoce este campo",
    "wrong_type": "El tipo de dato no es válido",
    "out_of_range": "El valor está fuera de los límites permitidos",
}


LIMITS = {
    "NUMBER_OUT_OF_RANGE": "Debe estar entre {minimum} y {maximum}",
    "VALUE_NOT_ALLOWED": "Debe ser uno de: {allowed}",
    "TEXT_TOO_LONG": "Debe tener {maximum} caracteres como máximo",
}
"""What a field asks for, where its type says it."""


def answer(request: AnyRequest, problem: Problem) -> Response[Failed]:
    """A problem in Tienda's form. What cannot be right in any state is 422."""
    status = problem.status
    refused = bool(problem.facts) or bool(problem.faults)
    if problem.code == problems.MALFORMED or (status == 400 and refused):
        status = 422
    status = STATUSES.get(problem.code, status)
    message = sentence(problem)
    detail: str | list[Flaw] = message
    if problem.code == problems.MALFORMED and problem.faults:
        detail = [Flaw(_place(fault.field), _flaw(fault), fault.kind) for fault in problem.faults]
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return Response(Failed(message, detail), status_code=status, media_type=MediaType.JSON, headers=headers)


def sentence(problem: Problem) -> str:
    """What the person should be told."""
    if problem.code == "VALUE_TAKEN":
        return TAKEN.get(problem.facts["kind"], "Ese valor ya está registrado")
    known = SENTENCES.get(problem.code) or SENTENCES[STATUS_CODES.get(problem.status, "BAD_REQUEST")]
    return known.format(**{name: _fact(value) for name, value in problem.facts.items()})


def _flaw(fault: faults.Fault) -> str:
    said = LIMITS.get(fault.code, FLAWS[fault.kind])
    return said.format(**{name: _fact(value) for name, value in fault.facts.items()})


def _fact(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(part)[:100] for part in value[:50])
    return FIELDS.get(value, value) if isinstance(value, str) else str(value)


def _place(field: str) -> list[str]:
    return ["body", *field.split(".")] if field else ["body"]


EXCEPTION_HANDLERS = problems.handlers(answer)
