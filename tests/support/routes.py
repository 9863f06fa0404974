"""The routes of every frontend, read from the applications, so that a test of all routes covers the next one too.

What cannot be read from them stands in `FRONTENDS`: which roles a frontend is for, and what its refusals look like.
A test fails as long as a frontend is missing there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from msgspec import inspect

from api.app import FrontDoor
from api.office import contract as office
from api.scheduler import contract as scheduler
from domain.values import ROLES
from tests.support.http import Answer, Client, World

ROLE_NAMES: tuple[Any, ...] = (*ROLES, "shopper")
"""Who may be signed in: the roles of the staff, and who buys in the shop."""


@dataclass(frozen=True)
class Route:
    """One method of one path. `path` has its mount in front and its parameters as `{name}`."""

    frontend: str
    method: str
    path: str
    handler: HTTPRouteHandler
    numbers: Collection[str] = ()
    """Those of its parameters that only a number fits."""

    @property
    def is_public(self) -> bool:
        """Whether it may be called without signing in."""
        return bool(self.handler.opt.get("public")) or f"/{self.frontend}/docs" in self.path

    @property
    def body(self) -> type[msgspec.Struct] | None:
        """The shape of the body that it takes."""
        return self.handler.opt.get("body")

    @property
    def takes_body(self) -> bool:
        return "data" in self.handler.parsed_fn_signature.parameters

    @property
    def may_be_bodiless(self) -> bool:
        """Whether its body may be left out, so that nothing and null are no fault."""
        return bool(self.handler.opt.get("bodiless"))

    @property
    def parameters(self) -> list[str]:
        """The names in its path."""
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    def at(self, ids: Mapping[str, str], unknown: str = "nobody_1") -> str:
        """Its path with these ids in it, and `unknown` where there is none."""
        return self.path.format(
            **{name: ids.get(name, "1" if name in self.numbers else unknown) for name in self.parameters}
        )

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes(door: FrontDoor) -> Iterator[Route]:
    """Every route of every frontend that is known here."""
    for frontend in FRONTENDS:
        application = door.applications[frontend]
        for route in application.routes:
            if isinstance(route, HTTPRoute):
                numbers = [name for name, found in route.path_parameters.items() if found.type is int]
                for method, (handler, _) in route.route_handler_map.items():
                    if method != "OPTIONS":
                        yield Route(frontend, method, f"/{frontend}{route.path_format}", handler, numbers)


@cache
def _described(application: Litestar) -> dict[str, Any]:
    return application.openapi_schema.to_schema()


def query_names(door: FrontDoor, route: Route) -> list[str]:
    """The names of its query parameters."""
    described = _described(door.applications[route.frontend])
    path = route.path.removeprefix(f"/{route.frontend}") or "/"
    operation = described["paths"].get(path, {}).get(route.method.lower(), {})
    return [found["name"] for found in operation.get("parameters", ()) if found["in"] == "query"]


# --- what a frontend's refusals look like


@dataclass(frozen=True)
class Manners:
    """`roles` says who may call a route. `code` checks that a refusal has the frontend's form, and gives what it says
    for programs; `codes` are those words for the statuses that every route may answer. Then the status for another
    role, and those for a body that is not JSON, or not of the right shape."""

    roles: Callable[[Route], Collection[str]]
    code: Callable[[Answer], str]
    codes: Mapping[int, str]
    other_role: int = 403
    wrong: frozenset[int] = frozenset({400})
    cleaned: frozenset[str] = frozenset()
    """Fields from which it takes what nobody can read, or which it ignores, instead of refusing them."""


def pazz_code(answer: Answer) -> str:
    assert set(answer.json) == {"success", "error", "metadata"}, answer
    assert answer.json["success"] is False
    assert set(answer.json["error"]) <= {"code", "message", "details"}
    assert answer.json["metadata"]["requestId"] == answer.headers["x-request-id"]
    assert answer.json["metadata"]["timestamp"].endswith("Z")
    details = answer.json["error"].get("details", {})
    assert all(isinstance(said, list) and all(isinstance(one, str) for one in said) for said in details.values())
    return answer.json["error"]["code"]


def office_code(answer: Answer) -> str:
    assert set(answer.json) == {"error"}, answer
    assert {"code", "message", "request_id", "at"} <= set(answer.json["error"])
    assert answer.json["error"]["request_id"] == answer.headers["x-request-id"]
    return answer.json["error"]["code"]


def scheduler_code(answer: Answer) -> str:
    assert set(answer.json) == {"error", "detail"}, answer
    assert set(answer.json["error"]) <= {"code", "message", "details"}
    assert answer.json["detail"] == answer.json["error"]["message"]
    return answer.json["error"]["code"]


def tienda_code(answer: Answer) -> str:
    assert set(answer.json) == {"message", "detail"}, answer
    detail = answer.json["detail"]
    if isinstance(detail, str):
        assert detail == answer.json["message"]
    else:
        assert all(set(flaw) == {"loc", "msg", "type"} and flaw["loc"][0] == "body" for flaw in detail), answer
    return answer.json["message"]


FRONTENDS: Mapping[str, Manners] = {
    "scheduler": Manners(
        roles=lambda route: scheduler.ROLES,
        code=scheduler_code,
        codes={
            401: "UNAUTHORIZED",
            403: "ROLE_NOT_ALLOWED",
            404: "NOT_FOUND",
            405: "METHOD_NOT_ALLOWED",
            413: "PAYLOAD_TOO_LARGE",
            415: "UNSUPPORTED_MEDIA_TYPE",
        },
        wrong=frozenset({400, 422}),
        cleaned=frozenset({"content", "temp_id", "created_by", "saved_at"}),
    ),
    "pazz": Manners(
        roles=lambda route: {"partner"},
        code=pazz_code,
        codes={
            401: "UNAUTHORIZED",
            403: "ROLE_NOT_ALLOWED",
            404: "NOT_FOUND",
            405: "METHOD_NOT_ALLOWED",
            413: "PAYLOAD_TOO_LARGE",
            415: "UNSUPPORTED_MEDIA_TYPE",
        },
    ),
    "tienda": Manners(
        roles=lambda route: {"shopper"},
        code=tienda_code,
        codes={
            401: "Tu sesión no es válida o ha expirado",
            404: "No se encontró lo que buscas",
            405: "Este método no está permitido aquí",
            413: "La solicitud es demasiado grande",
            415: "El contenido debe ser JSON",
        },
        other_role=401,
        wrong=frozenset({400, 422}),
    ),
    "office": Manners(
        roles=lambda route: route.handler.opt.get("roles", office.MANAGERS),
        code=office_code,
        codes={
            401: "unauthorized",
            403: "role_not_allowed",
            404: "not_found",
            405: "method_not_allowed",
            413: "payload_too_large",
            415: "unsupported_media_type",
        },
    ),
}


def manners(path: str) -> Manners:
    """Those of the frontend that the path leads to."""
    return FRONTENDS[path.split("/")[1]]


def may(route: Route) -> str:
    """A role that may call the route."""
    allowed = FRONTENDS[route.frontend].roles(route)
    return next(role for role in ROLE_NAMES if role in allowed)


def signed_in(world: World, role: Any) -> Client:
    """Somebody new with this role."""
    return world.signed_in(world.shopper() if role == "shopper" else world.user(role))


# --- bodies

BY_NAME: Mapping[str, Any] = {
    "amount": 30_000,
    "month": "diciembre",
    "year": 2030,
    "email": "somebody@example.mx",
    "phone": "+5215598772310",
    "password": "a long secret",
    "stage": "documentation",
    "image_url": "https://cdn.example.mx/a.jpg",
    "terms_url": "https://example.mx/terms",
    "valid_from": "2030-01-01T00:00:00Z",
    "valid_to": "2030-02-01T00:00:00Z",
    "vehicle_year": 2026,
}
"""Values that the domain takes, for fields whose type says too little."""


def sample(shape: type[msgspec.Struct]) -> dict[str, Any]:
    """A body that the route takes, with every field."""
    info = inspect.type_info(shape)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: BY_NAME.get(field.name, _value(field.type)) for field in info.fields}


def fields(shape: type[msgspec.Struct]) -> dict[str, inspect.Type]:
    """The types of a body's fields, by their names on the wire."""
    info = inspect.type_info(shape)
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: field.type for field in info.fields}


def is_text(kind: inspect.Type) -> bool:
    """Whether a field takes any text."""
    if isinstance(kind, inspect.Metadata):
        return is_text(kind.type)
    return isinstance(kind, inspect.StrType) or (isinstance(kind, inspect.UnionType) and any(map(is_text, kind.types)))


def _value(kind: inspect.Type) -> Any:
    match kind:
        case inspect.StrType():
            return "word"
        case inspect.BoolType():
            return True
        case inspect.IntType():
            return max(1, kind.ge or 0)
        case inspect.FloatType():
            return 1
        case inspect.LiteralType():
            return kind.values[0]
        case inspect.EnumType():
            return next(iter(kind.cls)).value
        case inspect.UnionType():
            return _value(next(part for part in kind.types if not isinstance(part, inspect.NoneType)))
        case inspect.ListType() | inspect.VarTupleType():
            return [_value(kind.item_type)]
        case inspect.StructType():
            return sample(kind.cls)
        case inspect.DictType():
            return {}
        case inspect.DateTimeType():
            return "2030-01-01T00:00:00Z"
        case inspect.AnyType():
            return "anything"
        case inspect.Metadata():
            return _value(kind.type)
    raise TypeError(f"no value is known for {kind}: teach tests/support/routes.py")
