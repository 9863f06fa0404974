"""Products from a table: a CSV file that adds what is new and corrects what is known, all of it or nothing."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from litestar import Request, Router, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from api import commands
from api.context import Caller
from api.office import products as office
from api.runtime import Runtime
from domain import product
from domain.model import Conflict, Invalid, Refused
from domain.product import AddProduct, ChangeProduct, ProductAdded, ProductChanged
from eventstore.execute import Step
from projections import products

MOST = 2_000
COLUMNS: Mapping[str, str] = {
    **{name: name for name in ("code", "name", "description", "category", "price", "cost", "images", "active")},
    "codigo": "code",
    "código": "code",
    "nombre": "name",
    "descripcion": "description",
    "descripción": "description",
    "categoria": "category",
    "categoría": "category",
    "precio": "price",
    "costo": "cost",
    "imagenes": "images",
    "imágenes": "images",
    "activo": "active",
}
"""Names of columns, in the two languages of those who keep such tables."""
REQUIRED = ("code", "name", "price")
AMOUNT = re.compile(r"([0-9]{1,13})(?:[.,]([0-9]{1,2}))?")
YES, NO = {"", "1", "true", "yes", "si", "sí", "x"}, {"0", "false", "no"}


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """How many products came in, were corrected, or were like that already."""

    added: int
    changed: int
    unchanged: int


@dataclass
class TakesTable(Operation):
    """An operation whose body is a table; it is read as it comes, so that no parameter says so."""

    def __post_init__(self) -> None:
        table = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        self.request_body = RequestBody(content={"text/csv": table}, required=True)


@post(
    "/products/import",
    summary="Import products (text/csv)",
    status_code=200,
    tags=["products"],
    operation_class=TakesTable,
)
async def load(
    request: Request[Any, Any, Any], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]
) -> Imported:
    """Take a CSV file in UTF-8, at most 2,000 lines below its headings: `code`, `name` and `price`, and if wanted
    `description`, `category`, `cost`, `images` (with | between them) and `active`, or their names in Spanish; commas or
    semicolons between the columns. A known code is corrected in the columns that are there, any other is added. One
    wrong line stops all of it, and is named."""
    rows = list(parsed(await request.body()))
    async with runtime.connection() as connection:
        known = await products.by_codes(connection, caller.organization, [row["code"] for _, row in rows])
    now = runtime.clock()
    steps = [
        step
        for number, row in rows
        for step in _steps(runtime, request, caller.organization, number, row, known.get(row["code"]), now)
    ]
    try:
        outcome = await commands.run_all(runtime, request, steps)
    except Conflict as refusal:
        raise await _named(runtime, caller.organization, rows, refusal) from None
    added = sum(isinstance(event, ProductAdded) for event in outcome.events)
    changed = sum(isinstance(event, ProductChanged) for event in outcome.events)
    return Imported(added=added, changed=changed, unchanged=len(rows) - added - changed)


async def _named(
    runtime: Runtime, organization: str, rows: list[tuple[int, dict[str, Any]]], refusal: Conflict
) -> Conflict:
    """The refusal, with the line whose code the inventory knows in other letter case, if it is that."""
    async with runtime.connection() as connection:
        spelt = {product.compared(code): code for code in await products.codes(connection, organization)}
    for number, row in rows:
        code = spelt.get(product.compared(row["code"]))
        if refusal.code == "VALUE_TAKEN" and code is not None and code != row["code"]:
            return Conflict(refusal.code, **refusal.facts, line=number, known=code)
    return refusal


def _steps(
    runtime: Runtime,
    request: Request[Any, Any, Any],
    organization: str,
    number: int,
    row: dict[str, Any],
    known: products.Product | None,
    now: datetime,
) -> Iterable[Step]:
    """What a line asks for. Its rules are tried here already, so that a refusal can name the line."""
    asked = AddProduct(product=commands.new_document_id(runtime, request, number), now=now, **row)
    try:
        product.decide(product.State(), asked)
    except Refused as refusal:
        raise wrong(number, refusal.facts.get("field", "code"), refusal.code) from None
    if known is None:
        return office.adding(runtime, organization, asked)
    correction = ChangeProduct(product=known.id, known_code=known.code, now=now, **row)
    return office.changing(runtime, organization, known.code, correction)


def parsed(body: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a table with their numbers, each with the fields that it has. Raises `Invalid`."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("CSV_UNREADABLE", reason="not in UTF-8") from None
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        names = [COLUMNS.get(name.strip().lower(), "") for name in next(lines, [])]
        if missing := [name for name in REQUIRED if name not in names]:
            raise Invalid("CSV_COLUMNS_MISSING", columns=missing)
        seen: dict[str, int] = {}
        for cells in lines:
            if any(cell.strip() for cell in cells):
                number = lines.line_num
                row = fields(number, dict(zip(names, cells, strict=False)))
                if (before := seen.setdefault(product.compared(row["code"]), number)) != number:
                    raise wrong(number, "code", f"the same as in line {before}")
                if len(seen) > MOST:
                    raise Invalid("CSV_TOO_LONG", maximum=MOST)
                yield number, row
    except csv.Error as error:
        raise Invalid("CSV_UNREADABLE", reason=f"line {lines.line_num}: {error}") from None


def fields(number: int, cells: Mapping[str, str]) -> dict[str, Any]:
    """The fields of one line, as the commands want them."""
    row: dict[str, Any] = {"code": cells.get("code", "").strip(), "name": cells.get("name", "").strip()}
    for name in ("description", "category"):
        if name in cells:
            row[name] = cells[name].strip() or None
    row["price"] = _amount(number, "price", cells.get("price", ""))
    if "cost" in cells:
        row["cost"] = _amount(number, "cost", cells["cost"]) if cells["cost"].strip() else None
    if "images" in cells:
        row["images"] = tuple(image.strip() for image in cells["images"].split("|") if image.strip())
    if "active" in cells:
        word = cells["active"].strip().lower()
        if word not in YES | NO:
            raise wrong(number, "active", "neither yes nor no")
        row["active"] = word in YES
    return row


def _amount(number: int, field: str, cell: str) -> int:
    found = AMOUNT.fullmatch(cell.strip())
    if found is None:
        raise wrong(number, field, "not an amount")
    return int(found[1]) * 100 + int((found[2] or "0").ljust(2, "0"))


def wrong(number: int, field: str, reason: str) -> Invalid:
    """What is wrong with a line."""
    return Invalid("CSV_LINE_INVALID", line=number, column=field, reason=reason)


router = Router("/", route_handlers=[load])
