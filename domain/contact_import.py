"""An import: a file of contacts, taken into an owner's phone book part by part.

The file itself is kept beside the log until it is done. What became of each row is here: one letter for each (`c`
created, `u` updated, `s` skipped, `e` error), and for an error which field was wrong and why.
"""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

import msgspec
from msgspec.structs import replace

from domain import values
from domain.model import Command, Conflict, Decider, Event, Invalid, NotFound

MAX_FILE_NAME = 200
MAX_PART = 5_000
MAX_ROW = 2**31 - 1
OUTCOMES = frozenset("cuse")
ENCODINGS = ("utf-8", "utf-16", "cp1252", "cp1256")
"""What a file may be said to be written in, when that cannot be seen."""


class RowError(msgspec.Struct, frozen=True):
    """A row that was not taken: its number in the file, the column that is wrong, and the code of what is wrong."""

    row: int
    field: str
    code: str


class ImportRequested(Event):
    """Somebody handed in a file."""

    contact_import: str
    owner: str
    file_name: str
    size: int
    at: datetime


class ImportRead(Event):
    """The file could be read, and has so many rows with something in them."""

    contact_import: str
    owner: str
    rows: int
    at: datetime


class RowsImported(Event):
    """The next part of the rows was taken. `part` counts from 1; `outcomes` has a letter for each of its rows, `first`
    is the number of the first one among the rows with something in them, counted from 0."""

    contact_import: str
    owner: str
    part: int
    first: int
    outcomes: str
    errors: tuple[RowError, ...]
    at: datetime


class ImportFinished(Event):
    """Every row was taken."""

    contact_import: str
    owner: str
    rows: int
    created: int
    updated: int
    skipped: int
    failed: int
    at: datetime


class ImportRefused(Event):
    """The file cannot be taken. `reason` is a code."""

    contact_import: str
    owner: str
    reason: str
    at: datetime


class RequestImport(Command):
    """Hand in a file."""

    contact_import: str
    owner: str
    file_name: str
    size: int
    now: datetime


class NoteImportRead(Command):
    """Note how many rows the file has."""

    contact_import: str
    rows: int
    now: datetime


class NoteRowsImported(Command):
    """Note what became of the next part of the rows."""

    contact_import: str
    part: int
    outcomes: str
    errors: tuple[RowError, ...] = ()
    now: datetime


class RefuseImport(Command):
    """Note that the file cannot be taken."""

    contact_import: str
    reason: str
    now: datetime


class State(msgspec.Struct, frozen=True, kw_only=True):
    owner: str = ""
    file_name: str = ""
    status: str | None = None
    requested_at: datetime | None = None
    rows: int = 0
    parts: int = 0
    taken: int = 0
    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0


def evolve(state: State, event: ImportRequested | ImportRead | RowsImported | ImportFinished | ImportRefused) -> State:
    match event:
        case ImportRequested():
            return State(owner=event.owner, file_name=event.file_name, status="queued", requested_at=event.at)
        case ImportRead():
            return replace(state, status="running", rows=event.rows)
        case RowsImported():
            count = event.outcomes.count
            return replace(
                state,
                parts=event.part,
                taken=state.taken + len(event.outcomes),
                created=state.created + count("c"),
                updated=state.updated + count("u"),
                skipped=state.skipped + count("s"),
                failed=state.failed + count("e"),
            )
        case ImportFinished():
            return replace(state, status="finished")
        case ImportRefused():
            return replace(state, status="refused")
        case _:
            assert_never(event)


def decide(state: State, command: RequestImport | NoteImportRead | NoteRowsImported | RefuseImport) -> list[Event]:
    """Refuses with TEXT_*, NUMBER_OUT_OF_RANGE, OUTCOMES_INVALID (Invalid), IMPORT_NOT_FOUND (NotFound), IMPORT_EXISTS,
    IMPORT_NOT_RUNNING and PART_OUT_OF_ORDER (Conflict)."""
    if isinstance(command, RequestImport):
        return request(state, command)
    if state.status is None:
        raise NotFound("IMPORT_NOT_FOUND", contact_import=command.contact_import)
    match command:
        case NoteImportRead():
            if state.status != "queued":
                return []
            rows = values.number(command.rows, "rows", 0, 10_000_000)
            read = ImportRead(contact_import=command.contact_import, owner=state.owner, rows=rows, at=command.now)
            return [read] if rows else [read, _finished(evolve(state, read), command.contact_import, command.now)]
        case NoteRowsImported():
            return take(state, command)
        case RefuseImport():
            if state.status in ("finished", "refused"):
                return []
            reason = values.text(command.reason, "reason", 80)
            return [
                ImportRefused(contact_import=command.contact_import, owner=state.owner, reason=reason, at=command.now)
            ]
        case _:
            assert_never(command)


def request(state: State, command: RequestImport) -> list[Event]:
    requested = ImportRequested(
        contact_import=command.contact_import,
        owner=command.owner,
        file_name=values.text(command.file_name, "file", MAX_FILE_NAME),
        size=values.number(command.size, "file", 0, 2**40),
        at=command.now,
    )
    if state.status is None:
        return [requested]
    if (state.owner, state.file_name, state.requested_at) == (requested.owner, requested.file_name, requested.at):
        return []
    raise Conflict("IMPORT_EXISTS", contact_import=command.contact_import)


def take(state: State, command: NoteRowsImported) -> list[Event]:
    if 0 < command.part <= state.parts:  # noted before
        return []
    if state.status != "running":
        raise Conflict("IMPORT_NOT_RUNNING", contact_import=command.contact_import)
    if command.part != state.parts + 1:
        raise Conflict("PART_OUT_OF_ORDER", part=command.part, expected=state.parts + 1)
    count = len(command.outcomes)
    if not 1 <= count <= min(MAX_PART, state.rows - state.taken) or not OUTCOMES.issuperset(command.outcomes):
        raise Invalid("OUTCOMES_INVALID", field="outcomes")
    for error in command.errors:
        values.number(error.row, "row", 1, MAX_ROW)
    taken = RowsImported(
        contact_import=command.contact_import,
        owner=state.owner,
        part=command.part,
        first=state.taken,
        outcomes=command.outcomes,
        errors=tuple(command.errors),
        at=command.now,
    )
    after = evolve(state, taken)
    if after.taken < after.rows:
        return [taken]
    return [taken, _finished(after, command.contact_import, command.now)]


def _finished(state: State, contact_import: str, now: datetime) -> ImportFinished:
    return ImportFinished(
        contact_import=contact_import,
        owner=state.owner,
        rows=state.rows,
        created=state.created,
        updated=state.updated,
        skipped=state.skipped,
        failed=state.failed,
        at=now,
    )


def stream(organization: str, contact_import: str) -> str:
    return values.stream_name("contact_import", organization, contact_import)


DECIDER = Decider(initial=State(), evolve=evolve, decide=decide)
