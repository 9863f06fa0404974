"""Pages as the console shows them: with strict headers, times on the organisation's clock, problems in plain words."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import MediaType, Response
from litestar.exceptions import NotFoundException
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect, Template
from litestar.template.config import TemplateConfig
from markupsafe import Markup

from api import context, cookies, problems
from api.access import Unauthorized
from api.office import audit, contract
from api.office.console import forms, session
from api.office.console.inside import Refused
from api.office.console.session import AnyRequest
from api.problems import Problem
from api.runtime import Runtime

FOLDER = Path(__file__).parent / "templates"
STYLE = FOLDER / "style.css"
VERSION = hashlib.sha256(STYLE.read_bytes()).hexdigest()[:12]
"""So that a browser keeps the stylesheet until there is another."""

HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
SECTIONS = (
    ("/", "Overview", contract.STAFF),
    ("/customers", "Customers", contract.STAFF),
    ("/deals", "Deals", contract.STAFF),
    ("/commissions", "Commissions", contract.STAFF),
    ("/promotions", "Promotions", contract.STAFF),
    ("/products", "Products", contract.STAFF),
    ("/shoppers", "Shoppers", contract.STAFF),
    ("/support", "Support", contract.STAFF),
    ("/users", "Users", contract.STAFF),
    ("/audit", "Audit", audit.AUDITORS),
    ("/whatsapp", "WhatsApp", contract.MANAGERS),
)
"""What leads everywhere, and whom it is shown to."""
TITLES = {
    400: "This could not be read",
    403: "Not for you",
    404: "There is nothing here",
    405: "That does not work here",
    413: "That is too much",
    415: "That is no form",
    429: "Too many requests",
    503: "Not at the moment",
}
SAID = {
    "FORM_NOT_OURS": "This form is too old, or was not shown by this console. Nothing was changed: go back, load the "
    "page again, and send it once more.",
    "NOT_FOUND": "No page has this address.",
}


async def guard(message: Any, scope: Any) -> None:
    """Put the headers of every page on whatever is answered."""
    if message["type"] == "http.response.start":
        known = {name.lower() for name, _ in message["headers"]}
        more = {**HEADERS, "cache-control": "no-store"}
        message["headers"] = [
            *message["headers"],
            *((name.encode(), value.encode()) for name, value in more.items() if name.encode() not in known),
        ]


def page(request: AnyRequest, runtime: Runtime, template: str, status: int = 200, **shown: Any) -> Template:
    """A page, with what every page needs."""
    caller = context.of(request.scope).caller
    known = {
        "root": request.scope.get("root_path", ""),
        "version": VERSION,
        "caller": caller,
        "proof": cookies.proof(runtime, caller.sign_in) if caller else "",
        "told": "",
        "sections": [section for section in SECTIONS if caller and caller.role in section[2]],
        "new_key": lambda: uuid.uuid4().hex,
    }
    return Template(template, context={**known, **shown}, status_code=status, media_type=MediaType.HTML)


def engine(runtime: Runtime) -> TemplateConfig[JinjaTemplateEngine]:
    """The templates, where everything that is shown is escaped and nothing that is missing passes for empty."""
    zone = ZoneInfo(runtime.settings.time_zone)
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def moment(at: str | datetime) -> Markup:
        found = (at if isinstance(at, datetime) else datetime.fromisoformat(at)).astimezone(zone)
        return Markup('<time datetime="{}">{}</time>').format(
            found.isoformat(timespec="seconds"), found.strftime("%d %b %Y %H:%M")
        )

    environment.filters |= {
        "moment": moment,
        "money": lambda amount: f"{amount:,.2f}".removesuffix(".00"),
        "pretty": lambda data: json.dumps(data, ensure_ascii=False, indent=2),
        "words": lambda name: name.replace("_", " ").replace("-", " "),
    }
    environment.globals |= {"zone": runtime.settings.time_zone}
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment))


def style() -> Response[bytes]:
    """The stylesheet."""
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(STYLE.read_bytes(), media_type="text/css; charset=utf-8", headers=kept)


def exception_handlers(runtime: Runtime) -> dict[Any, Any]:
    """What goes wrong, as pages."""

    def shown(request: AnyRequest, status: int, said: str) -> Template:
        title = TITLES.get(status, "Something went wrong")
        about = context.of(request.scope)
        return page(request, runtime, "problem.html", status, title=title, said=said, request_id=about.request_id)

    def answer(request: AnyRequest, problem: Problem) -> Any:
        known = SAID.get(problem.code) or contract.SENTENCES.get(problem.code) or problem.code.lower().replace("_", " ")
        return shown(request, problem.status, forms.sentence(known.format(**problem.facts)))

    def refused(request: AnyRequest, error: Refused) -> Template:
        found = error.answer.body["error"]
        said = SAID.get(found["code"].upper()) if found["code"] == "not_found" else None
        return shown(request, error.answer.status, forms.sentence(said or found["message"]))

    def unauthorized(request: AnyRequest, error: Unauthorized) -> Redirect:
        """Sign in, and come back to the page that was asked for."""
        if session.sent_along(request):
            session.forget(runtime, request)
        asked = request.scope["path"] + (f"?{request.url.query}" if request.url.query else "")
        query = {"done": "ended"} if request.method != "GET" else {"next": asked} if asked != "/" else {}
        place = f"{request.scope.get('root_path', '')}/sign-in"
        return Redirect(f"{place}?{urlencode(query)}" if query else place, status_code=303)

    def missing(request: AnyRequest, error: NotFoundException) -> Template:
        return shown(request, 404, SAID["NOT_FOUND"])

    return {
        **problems.handlers(answer),
        Refused: refused,
        Unauthorized: unauthorized,
        NotFoundException: missing,
    }
