"""Offline API documentation: Swagger UI from our own files, nothing from outside."""

from __future__ import annotations

from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme, Server


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


def place(application: Litestar, mount: str) -> None:
    """Say in the description where the frontend is served, for the pages that try its routes out."""
    assert application.openapi_config is not None
    application.openapi_config.servers = [Server(url=mount)]
