"""Importing contacts: a file is taken at once and worked on in the background; here is how far it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from litestar import Request, Router, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.utils.scope.state import ScopeState

from api import commands
from api.context import Caller
from api.runtime import Runtime
from api.scheduler import casing, contract
from api.scheduler.contract import Page, iso, iso_or_none
from api.scheduler.message_figures import percent
from domain import contact_import
from domain.contact_import import ENCODINGS
from domain.model import Invalid, NotFound
from eventstore import import_files
from projections import contact_imports

COUNTRY_CODE = re.compile(r"[1-9][0-9]{0,2}")
PARTS = 64 * 1024
"""Room for what stands around a file in a form."""
SHOWN_ERRORS = 100
OUTCOMES = {"c": "created", "u": "updated", "s": "skipped", "e": "error"}
DEFAULT_NAME = "contactos"


class RowError(msgspec.Struct, frozen=True):
    """A row that was not taken: its number in the file, the column that is wrong, and why."""

    row: int
    field: str
    code: str
    message: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an import is. `status` is queued, running, finished or refused; `progress` in percent."""

    import_id: str
    status: str
    total: int
    processed: int
    progress: float
    created: int
    updated: int
    skipped: int
    failed: int


class Import(Progress, frozen=True, kw_only=True):
    """An import with the first hundred of its errors; `error` says why a file was refused."""

    id: str
    file_name: str
    errors: list[RowError]
    error: str | None
    created_at: str
    finished_at: str | None
    created_by: str


class RowOutcome(msgspec.Struct, frozen=True):
    """What became of a row. `number` counts the rows with something in them, from 1, without the head."""

    number: int
    outcome: str


@dataclass
class Upload(Operation):
    """A form with a file in it, for the documentation."""

    def __post_init__(self) -> None:
        form = Schema(
            type=OpenAPIType.OBJECT,
            required=["file"],
            properties={
                "file": Schema(
                    type=OpenAPIType.STRING, content_media_type="application/octet-stream", description="CSV or XLSX"
                ),
                "country_code": Schema(type=OpenAPIType.STRING, description="For numbers without one, such as 52"),
                "encoding": Schema(
                    type=OpenAPIType.STRING, description="If it cannot be told: " + ", ".join(ENCODINGS)
                ),
            },
        )
        self.request_body = RequestBody(
            content={
                "multipart/form-data": OpenAPIMediaType(schema=form),
                "text/csv": OpenAPIMediaType(),
            },
            required=True,
        )


def progress(row: contact_imports.ContactImport) -> Progress:
    """How far an import is, as pushes say it."""
    return Progress(
        import_id=row.id,
        status=row.status,
        total=row.rows,
        processed=row.taken,
        progress=100.0 if row.status == "finished" else percent(row.taken, row.rows),
        created=row.created,
        updated=row.updated,
        skipped=row.skipped,
        failed=row.failed,
    )


def shown(row: contact_imports.ContactImport, errors: list[contact_imports.RowError]) -> Import:
    """An import as every answer shows it."""
    return Import(
        **msgspec.structs.asdict(progress(row)),
        id=row.id,
        file_name=row.file_name,
        errors=[shown_error(error) for error in errors],
        error=contract.sentence_of(row.reason) if row.reason else None,
        created_at=iso(row.requested_at),
        finished_at=iso_or_none(row.ended_at),
        created_by=row.owner,
    )


def shown_error(error: contact_imports.RowError) -> RowError:
    """A row that was not taken, with the reason in words."""
    return RowError(error.row, error.field, error.code, contract.sentence_of(error.code))


async def found(runtime: Runtime, caller: Caller, import_id: str) -> contact_imports.ContactImport:
    """The import by id. Raises `NotFound`, and `Forbidden` for somebody else's."""
    async with runtime.connection() as connection:
        row = await contact_imports.by_id(connection, caller.organization, import_id)
    if row is None:
        raise NotFound("IMPORT_NOT_FOUND", contact_import=import_id)
    contract.check_owner(caller, row.owner)
    return row


@post(
    "/",
    summary="Import contacts",
    opt={"limits": [contract.IMPORTS], "fails": [422]},
    status_code=202,
    operation_class=Upload,
)
async def begin(
    request: Request[Any, Any, Any], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Import:
    """Hand in a CSV or XLSX file with the columns name, phone, email, groups: as `file` of a form, or as the body. It
    is worked on in the background; `GET /api/contacts/import/{id}` and the websocket say how far it is. Contacts that
    are there already are brought up to date, so the same file may be handed in again."""
    name, data, fields = await _handed_in(request)
    ScopeState.from_scope(request.scope).body = data  # by which a retry is told, whatever the form around it
    if len(data) > runtime.settings.import_max_bytes:
        raise RequestEntityTooLarge
    if not data:
        raise Invalid("FILE_MISSING", field="file")
    asked = contact_import.RequestImport(
        contact_import=commands.new_id(runtime, request, "imp"),
        owner=caller.id,
        file_name=name,
        size=len(data),
        now=runtime.clock(),
    )
    stream = contact_import.stream(caller.organization, asked.contact_import)
    options = _options(fields)
    async with runtime.connection() as connection:  # before the event, since a worker looks for it at once
        if await contact_imports.by_id(connection, caller.organization, asked.contact_import) is None:
            await import_files.keep(connection, runtime.vault, stream, options, data)
    await commands.run(runtime, request, contact_import.DECIDER, stream, asked)
    return shown(await found(runtime, caller, asked.contact_import), [])


@get("/", summary="Imports")
async def list_newest(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> list[Import]:
    """The caller's last fifty imports, newest first, without their errors; an admin sees everybody's."""
    async with runtime.connection() as connection:
        rows = await contact_imports.newest(connection, caller.organization, contract.owner(caller), 50)
    return [shown(row, []) for row in rows]


@get("/{import_id:str}", summary="One import")
async def show(import_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Import:
    """How far an import is, with its first errors."""
    row = await found(runtime, caller, import_id)
    async with runtime.connection() as connection:
        errors = await contact_imports.errors(connection, caller.organization, import_id, SHOWN_ERRORS, 0)
    return shown(row, errors)


@get("/{import_id:str}/errors", summary="Errors of an import")
async def show_errors(
    import_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=1_000)]] = 100,
) -> Page[RowError]:
    """The rows that were not taken, and the numbers that came twice, in the order of the file."""
    await found(runtime, caller, import_id)
    async with runtime.connection() as connection:
        rows = await contact_imports.errors(
            connection, caller.organization, import_id, page_size, (page - 1) * page_size
        )
        total = await contact_imports.count_errors(connection, caller.organization, import_id)
    return contract.page_of([shown_error(row) for row in rows], total, page, page_size)


@get("/{import_id:str}/rows", summary="Rows of an import")
async def show_rows(
    import_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=1_000)]] = 100,
) -> Page[RowOutcome]:
    """What became of each row."""
    await found(runtime, caller, import_id)
    async with runtime.connection() as connection:
        outcomes = await contact_imports.outcomes(connection, caller.organization, import_id)
    first = (page - 1) * page_size
    items = [
        RowOutcome(number, OUTCOMES[letter])
        for number, letter in enumerate(outcomes[first : first + page_size], first + 1)
    ]
    return contract.page_of(items, len(outcomes), page, page_size)


async def _handed_in(request: Request[Any, Any, Any]) -> tuple[str, bytes, dict[str, str]]:
    """The file's name, the file, and what stands beside it."""
    body = await request.body()  # all of it first: a form that ends in the middle leaves its files open
    kind = request.content_type[0]
    if kind.endswith("json"):
        raise Invalid("FILE_MISSING", field="file")
    if kind != RequestEncodingType.MULTI_PART:
        return _name(request.query_params.get("file_name")), body, dict(request.query_params)
    form = await request.form()
    fields = {casing.snake(name): value for name, value in form.items() if isinstance(value, str)}
    for value in form.values():
        if isinstance(value, UploadFile):
            return _name(value.filename), await value.read(), fields
    if "file" in fields:  # a part without a file name
        return DEFAULT_NAME, fields["file"].encode(), fields
    raise Invalid("FILE_MISSING", field="file")


def _name(given: str | None) -> str:
    plain = "".join(character for character in given or "" if character.isprintable()).strip()
    return plain[-contact_import.MAX_FILE_NAME :].strip() or DEFAULT_NAME


def _options(fields: dict[str, str]) -> dict[str, str]:
    options: dict[str, str] = {}
    if code := fields.get("country_code", "").strip().removeprefix("+"):
        if not COUNTRY_CODE.fullmatch(code):
            raise Invalid("COUNTRY_CODE_INVALID", field="country_code")
        options["country_code"] = code
    if encoding := fields.get("encoding", "").strip().lower():
        if encoding not in ENCODINGS:
            raise Invalid("VALUE_NOT_ALLOWED", field="encoding", allowed=ENCODINGS)
        options["encoding"] = encoding
    return options


def router(max_bytes: int) -> Router:
    """These routes, of which the first takes larger bodies than others do."""
    return Router(
        "/api/contacts/import",
        route_handlers=[begin, list_newest, show, show_errors, show_rows],
        tags=["contacts"],
        request_max_body_size=max_bytes + PARTS,
    )
