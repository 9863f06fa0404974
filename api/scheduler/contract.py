"""The WhatsApp Scheduler's manners: snake_case, bare bodies, pages, and errors as `{error: {code, message, details},
detail}`, in Spanish.

Sources: its document (statuses, schemas, rules) and its settled contract (W1 to W26).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from litestar import MediaType, Response

from api import caching, faults, problems
from api.context import Caller
from api.limits import Policy
from api.problems import AnyRequest, Problem
from api.whatsapp import Away, Broken
from domain.model import Forbidden

ROLES = frozenset({"admin", "manager", "sales", "agent"})
PER_USER = Policy("scheduler-user", 600, 60)
LOGIN_PER_ADDRESS = Policy("scheduler-login-address", 5, 15 * 60)
REFRESH_PER_ADDRESS = Policy("scheduler-refresh-address", 120, 60)
SENDS = Policy("scheduler-sends", 10, 60)
GROUPS = Policy("scheduler-groups", 5, 60)
IMPORTS = Policy("scheduler-imports", 10, 60)
EXPORTS = Policy("scheduler-exports", 10, 60)

USER_CACHE = {"Cache-Control": "private, max-age=300", "Vary": "Authorization"}
"""Of an answer about nobody but the caller, as the document has it."""


class Caching(caching.Revalidation):
    """What changes may be kept and has to be asked about again, in the document's words."""

    kept = (b"cache-control", b"private, no-cache, must-revalidate")


MAX_PAGE_SIZE = 100
LAST_PAGE = 1_000_000

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A page of a list, and where it lies in the whole (W2)."""

    items: list[T]
    total: int
    page: int
    page_size: int
    pages: int


class Error(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`details` are sentences for each field that is wrong, or the facts of a conflict."""

    code: str
    message: str
    details: dict[str, Any] | None = None


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """What every failure looks like (W10)."""

    error: Error
    detail: str


def page_of(items: list[T], total: int, page: int, page_size: int) -> Page[T]:
    """These items as the page that they are."""
    return Page(items=items, total=total, page=page, page_size=page_size, pages=-(-total // page_size))


def iso(moment: datetime) -> str:
    """2025-01-27T10:00:00Z, the way the document writes times."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def iso_or_none(moment: datetime | None) -> str | None:
    """The same, for a time that may not be known."""
    return None if moment is None else iso(moment)


def sees_all(caller: Caller) -> bool:
    """Whether this is an admin, who sees what belongs to everybody in the organisation."""
    return caller.role == "admin"


def owner(caller: Caller, asked: str | None = None) -> str | None:
    """Whose things a list shows: the caller's own; an admin's shows everybody's, or those of whom it asks for."""
    return asked if sees_all(caller) else caller.id


def check_owner(caller: Caller, whose: str) -> None:
    """Raise `Forbidden` for what belongs to somebody else."""
    if whose != caller.id and not sees_all(caller):
        raise Forbidden("NOT_YOURS")


Sentence = Callable[[Mapping[str, Any]], str]

FIELDS: dict[str, Sentence] = {
    "TEXT_EMPTY": lambda facts: "No puede estar vacío",
    "TEXT_TOO_LONG": lambda facts: (
        f"Debe tener {facts['maximum']} caracteres como máximo" if facts["maximum"] else "Es demasiado largo"
    ),
    "COPY_TOO_LONG": lambda facts: (
        f"Con la marca {facts['mark']} la copia tendría {facts['length']} caracteres y caben {facts['maximum']}: "
        "acorta el mensaje, o crea uno nuevo con su texto"
    ),
    "TEXT_UNPRINTABLE": lambda facts: "Contiene caracteres no permitidos",
    "MARKUP_NOT_ALLOWED": lambda facts: "No puede contener HTML ni scripts",
    "SPAM_SUSPECTED": lambda facts: "Parece spam: " + ", ".join(SPAM[reason] for reason in facts["reasons"]),
    "PHONE_INVALID": lambda facts: "Debe ser un número internacional, como +5215512345678",
    "EMAIL_INVALID": lambda facts: "Debe ser un correo electrónico válido",
    "SCHEDULE_IN_PAST": lambda facts: "Debe ser una fecha futura",
    "SCHEDULE_TOO_FAR": lambda facts: "No puede ser dentro de más de 365 días",
    "SCHEDULE_MISSING": lambda facts: "Indica cuándo se debe enviar",
    "TIME_WITHOUT_ZONE": lambda facts: "Indica la zona horaria",
    "TIME_INVALID": lambda facts: "Debe ser una fecha válida",
    "ZONE_INVALID": lambda facts: "Debe ser una zona horaria, como America/Mexico_City",
    "GROUPS_MISSING": lambda facts: "Elige al menos un grupo",
    "TOO_MANY": lambda facts: f"Puede tener {facts['maximum']} como máximo" if facts["maximum"] else "Son demasiados",
    "TOO_MANY_RECIPIENTS": lambda facts: (
        f"Llegaría a {facts['recipients']} destinatarios y un mensaje admite {facts['maximum']}: divide los grupos"
    ),
    "VALUE_NOT_ALLOWED": lambda facts: "Debe ser uno de: " + ", ".join(facts["allowed"]),
    "NUMBER_OUT_OF_RANGE": lambda facts: f"Debe estar entre {facts['minimum']} y {facts['maximum']}",
    "PERIOD_INVALID": lambda facts: "El inicio debe ser anterior al final",
    "PERIOD_TOO_LONG": lambda facts: f"El periodo puede ser de {facts['days']} días como máximo",
    "CLIENT_ID_TWICE": lambda facts: "Cada operación necesita un client_id distinto",
    "CLIENT_ID_INVALID": lambda facts: "client_id solo puede tener caracteres ASCII visibles",
    "PATH_NOT_ALLOWED": lambda facts: "Esta operación no se puede sincronizar",
    "IDEMPOTENCY_KEY_MALFORMED": lambda facts: f"Debe tener entre 1 y {facts['maximum']} caracteres imprimibles",
    "FILE_MISSING": lambda facts: "Adjunta un archivo CSV o XLSX",
    "FILE_UNREADABLE": lambda facts: "El archivo no es CSV ni XLSX, o está dañado",
    "FILE_EXPANDS_TOO_MUCH": lambda facts: "El archivo ocupa demasiado al descomprimirse",
    "TOO_MANY_ROWS": lambda facts: "El archivo tiene demasiadas filas",
    "COLUMNS_MISSING": lambda facts: "Faltan las columnas name y phone (o nombre y teléfono)",
    "FILE_EMPTY": lambda facts: "El archivo está vacío",
    "COUNTRY_CODE_INVALID": lambda facts: "Debe ser la clave de un país, como 52",
    "DUPLICATE_IN_FILE": lambda facts: "Este número ya está en otra fila del archivo",
    "TAKEN_MEANWHILE": lambda facts: "Este número se agregó al mismo tiempo por otra vía",
}
SPAM = {
    "ALL_CAPS": "casi todo en mayúsculas",
    "LINK_FLOOD": "demasiados enlaces",
    "REPEATED_CHARACTERS": "caracteres repetidos",
    "REPEATED_CONTENT": "el mismo texto a los mismos grupos varias veces en un día",
}
FAULTS: dict[faults.Kind, str] = {
    "required": "Es obligatorio",
    "unknown": "No se reconoce este campo",
    "wrong_type": "El tipo de dato no es válido",
    "out_of_range": "El valor está fuera de los límites permitidos",
}
SENTENCES: dict[str, str] = {
    "MALFORMED": "Revisa los datos enviados",
    "VALIDATION_FAILED": "Revisa los datos enviados",
    "BAD_REQUEST": "La solicitud no es válida",
    "UNSTORABLE": "La solicitud contiene datos que no se pueden guardar",
    "UNAUTHORIZED": "Tu sesión no es válida o ha expirado",
    "INVALID_CREDENTIALS": "Correo o contraseña incorrectos",
    "ACCOUNT_INACTIVE": "Tu cuenta está desactivada",
    "FORBIDDEN": "No tienes permiso para hacer esto",
    "ROLE_NOT_ALLOWED": "Tu cuenta no tiene acceso a esta aplicación",
    "NOT_YOURS": "Esto pertenece a otra persona",
    "NOT_FOUND": "No se encontró lo que buscas",
    "METHOD_NOT_ALLOWED": "Este método no está permitido aquí",
    "CONFLICT": "No se puede hacer en el estado actual",
    "INVALID_STATE": "No se puede hacer con un mensaje {standing}",
    "SCHEDULE_PASSED": "La hora programada ya pasó: indica una nueva",
    "RECIPIENTS_LISTED": "Los destinatarios ya están fijados: no se pueden cambiar los grupos",
    "GROUP_IN_USE": "Este grupo es de mensajes que aún no terminan: {messages}",
    "PHONE_EXISTS": "Ya tienes un contacto con este número",
    "NAME_EXISTS": "Ya tienes un grupo con este nombre",
    "CHANGED_MEANWHILE": "Alguien más hizo un cambio al mismo tiempo. Intenta de nuevo",
    "IDEMPOTENCY_KEY_REUSED": "Esa clave ya se usó con otra solicitud",
    "PAYLOAD_TOO_LARGE": "La solicitud es demasiado grande",
    "UNSUPPORTED_MEDIA_TYPE": "Este tipo de contenido no se acepta",
    "RATE_LIMITED": "Demasiadas solicitudes. Intenta de nuevo en {retry_after} segundos",
    "WHATSAPP_DISCONNECTED": "WhatsApp no está conectado",
    "WHATSAPP_ERROR": "WhatsApp no respondió como se esperaba. Intenta de nuevo",
    "INTERNAL_ERROR": "Algo salió mal de nuestro lado. Intenta de nuevo",
    "UNAVAILABLE": "El servicio no está disponible. Intenta de nuevo",
    "OUTCOME_UNKNOWN": "No sabemos si se guardó. Repite la solicitud con la misma clave",
    "STORED_NOT_SHOWN": "Se guardó, pero tarda en mostrarse. No lo envíes otra vez: aparecerá en unos momentos",
}
STANDING = {
    "draft": "en borrador",
    "scheduled": "programado",
    "sending": "que se está enviando",
    "sent": "enviado",
    "paused": "en pausa",
    "cancelled": "cancelado",
    "failed": "fallido",
}
BY_STATUS = {400: "BAD_REQUEST", 403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT", 422: "VALIDATION_FAILED"}
TAKEN = {"phone": "PHONE_EXISTS", "group_name": "NAME_EXISTS"}
STAYS_400 = {"UNSTORABLE", "BAD_REQUEST"}


def answer(request: AnyRequest, problem: Problem) -> Response[Failed]:
    """A problem in this frontend's form: what can be read but is wrong is 422, what cannot be read is 400."""
    headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
    status = problem.status
    if status == 400 and problem.code not in STAYS_400 and not _is_unreadable(problem):
        status = 422
    return Response(failed(problem, status), status_code=status, media_type=MediaType.JSON, headers=headers)


def failed(problem: Problem, status: int) -> Failed:
    """The body of a failure."""
    facts = {_shown(name): _shown(value) for name, value in problem.facts.items()}
    code = TAKEN.get(str(facts.get("kind")), "CONFLICT") if problem.code == "VALUE_TAKEN" else problem.code
    details: dict[str, Any] = {}
    if problem.faults:
        for fault in problem.faults:
            details.setdefault(fault.field or "body", []).append(_field_sentence(problem, fault))
        if "reasons" in facts:
            details["reasons"] = facts["reasons"]
        code = "BAD_REQUEST" if status == 400 else "VALIDATION_FAILED" if code == problems.MALFORMED else code
    elif status not in (401, 429):
        details = {name: value for name, value in facts.items() if name != "kind"}
    sentence = SENTENCES.get(code) or SENTENCES[BY_STATUS.get(status, "CONFLICT")]
    standing = STANDING.get(str(facts.get("status")), "")
    message = sentence.format_map({"standing": standing, "retry_after": "", **facts})
    return Failed(error=Error(code=code, message=message, details=details or None), detail=message)


def sentence_of(code: str) -> str:
    """What a code of a single field means, for rows of a file, of which no more is known than that."""
    said = FIELDS.get(code)
    return said({"maximum": "", "minimum": "", "allowed": (), "reasons": ()}) if said else SENTENCES["BAD_REQUEST"]


def _field_sentence(problem: Problem, fault: faults.Fault) -> str:
    if fault.code:
        return FIELDS[fault.code](fault.facts)
    said = FIELDS.get(problem.code)
    return said(problem.facts) if said else FAULTS[fault.kind]


def _is_unreadable(problem: Problem) -> bool:
    """Whether the body is no JSON object at all."""
    return problem.code == problems.MALFORMED and any(fault.field == "" for fault in problem.faults)


def _shown(value: Any) -> Any:
    """A fact as the wire has it: a message's status under its plain name, `retry` as sending (W5)."""
    if value == "message_status":
        return "status"
    if value == "retry":
        return "sending"
    return iso(value) if isinstance(value, datetime) else value


def _away(request: AnyRequest, _: Away) -> Response[Failed]:
    return answer(request, Problem(status=503, code="WHATSAPP_DISCONNECTED"))


def _broken(request: AnyRequest, _: Broken) -> Response[Failed]:
    return answer(request, Problem(status=502, code="WHATSAPP_ERROR"))


EXCEPTION_HANDLERS = {**problems.handlers(answer), Away: _away, Broken: _broken}
