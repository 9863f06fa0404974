"""Offline API documentation: Swagger UI from our own files, nothing from outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from litestar import Litestar
from litestar._openapi.schema_generation import SchemaCreator
from litestar._openapi.schema_generation.plugins.struct import StructSchemaPlugin
from litestar.openapi import OpenAPIConfig, ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, Operation, RequestBody, Schema, SecurityScheme, Server
from litestar.typing import FieldDefinition


def config(title: str, description: str) -> OpenAPIConfig:
    """The documentation of one frontend at `/docs` below its mount, its description at `/docs/openapi.json`."""
    return OpenAPIConfig(
        title=title,
        version="1",
        description=description,
        path="/docs",
        use_handler_docstrings=True,
        security=[{"bearer": []}],
        components=Components(
            security_schemes={"bearer": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")}
        ),
        render_plugins=[
            SwaggerRenderPlugin(
                js_url="/docs-assets/swagger-ui-bundle.js",
                css_url="/docs-assets/swagger-ui.css",
                standalone_preset_js_url="/docs-assets/swagger-ui-standalone-preset.js",
                favicon='<link rel="icon" href="data:,">',
                path="/",
            ),
            JsonRenderPlugin(),
        ],
    )


DESCRIPTIONS = {
    304: "Nothing changed since the answer with that ETag",
    400: "The request is wrong; which fields, when fields are",
    401: "No token, or one that is not good any more",
    403: "Not for this caller",
    404: "There is no such thing",
    409: "It conflicts with what is there",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "The request can be read and makes no sense",
    429: "Too many requests; Retry-After says when to come back",
    500: "Something went wrong here",
    502: "Another service answers with errors",
    503: "Nothing can be stored or read at the moment, or what was stored is not shown yet",
}


class Structs(StructSchemaPlugin):
    """Structs as their schemas say them: one that forbids unknown fields says so, and `more` adds to single ones what
    their types do not say."""

    def __init__(self, more: Mapping[type, Callable[[], Mapping[str, Any]]] | None = None) -> None:
        self._more = more or {}

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """The schema of a struct."""
        schema = super().to_openapi_schema(field_definition, schema_creator)
        struct: Any = field_definition.origin or field_definition.annotation
        if struct.__struct_config__.forbid_unknown_fields:
            schema.additional_properties = False
        for name, value in self._more.get(struct, dict)().items():
            setattr(schema, name, value)
        return schema


@dataclass
class Bodiless(Operation):
    """An operation whose body may be left out."""

    def __post_init__(self) -> None:
        assert isinstance(self.request_body, RequestBody)
        self.request_body.required = False


def declare(application: Litestar, failed: type, *more: int) -> None:
    """Describe, for every route, the failures that it may answer with, all of one shape. A route says in its
    `opt["fails"]` what else can go wrong there."""
    for route in application.routes:
        for handler in getattr(route, "route_handlers", ()):
            if not handler.include_in_schema:
                continue
            statuses = {400, 429, 500, 503, *more, *handler.opt.get("fails", ())}
            statuses |= set() if handler.opt.get("public") else {401, 403}
            statuses |= {304} if "GET" in handler.http_methods else {409, 413, 415}
            statuses |= {404} if getattr(route, "path_parameters", None) else set()
            if handler.opt.get("public"):
                handler.security = [{}]
            if handler.opt.get("bodiless"):
                handler.operation_class = Bodiless
            handler.responses = {
                **{
                    status: ResponseSpec(
                        None if status == 304 else failed, generate_examples=False, description=DESCRIPTIONS[status]
                    )
                    for status in sorted(statuses)
                },
                **(handler.responses or {}),
            }


def place(application: Litestar, mount: str) -> None:
    """Say in the description where the frontend is served, for the pages that try its routes out."""
    assert application.openapi_config is not None
    application.openapi_config.servers = [Server(url=mount)]
