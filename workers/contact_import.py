"""When a file of contacts was handed in, it is read and taken apart; then its parts are taken one after the other, each
because the one before it is done. A worker that dies is followed by another, and a part that is taken twice changes
nothing: a row leads to the same contact each time, and a number stands once in a phone book."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import UNSET

from domain import claim, contact, contact_import, group
from domain.contact_import import ImportFinished, ImportRead, ImportRefused, ImportRequested, RowError, RowsImported
from domain.model import Command, Conflict, Invalid, NotFound
from eventstore import import_files
from eventstore.execute import Request, Step
from eventstore.mapper import Meta, Recorded
from projections import contacts, groups
from settings import Settings
from workers import contact_rows
from workers.contact_rows import Entry
from workers.reaction import Call, Outside

EVENTS = (ImportRequested, ImportRead, RowsImported, ImportFinished, ImportRefused)
PART = 1_000
AT_ONCE = 64


def react(recorded: Recorded, settings: Settings) -> Iterable[Call]:
    organization = recorded.meta.organization
    match recorded.event:
        case ImportRequested() as event:
            yield Call(read, (organization, event.contact_import))
        case ImportRead() as event:
            yield Call(take, (organization, event.contact_import, event.owner, "1"))
        case RowsImported() as event:
            yield Call(take, (organization, event.contact_import, event.owner, str(event.part + 1)))
        case ImportFinished() | ImportRefused() as event:
            yield Call(forget, (organization, event.contact_import))
        case _:
            pass


async def read(outside: Outside, organization: str, found: str) -> None:
    """Take the file apart, and note how many rows it has."""
    stream = contact_import.stream(organization, found)
    async with outside.connection() as connection:
        kept = await import_files.find(connection, outside.store.log.vault, stream)
    if kept is None:  # done before
        return
    options, file = kept
    now = datetime.now(UTC)
    try:
        entries = await contact_rows.read_apart(file, outside.settings.import_max_rows, options)
    except Invalid as fault:
        refused = contact_import.RefuseImport(contact_import=found, reason=fault.code, now=now)
        await _note(outside, organization, stream, refused)
        return
    parts = [entries[first : first + PART] for first in range(0, len(entries), PART)]
    async with outside.connection() as connection:
        await import_files.take_apart(connection, outside.store.log.vault, stream, parts)
    noted = contact_import.NoteImportRead(contact_import=found, rows=len(entries), now=now)
    await _note(outside, organization, stream, noted)


async def take(outside: Outside, organization: str, found: str, owner: str, part: str) -> None:
    """Take one part into the phone book, and note what became of its rows."""
    stream = contact_import.stream(organization, found)
    async with outside.connection() as connection:
        kept = await import_files.part(connection, outside.store.log.vault, stream, int(part))
    if kept is None:  # there are no more
        return
    rows = [Entry(*row) for row in kept]
    taking = Taking(outside, organization, owner, found)
    outcomes = await taking.all(rows)
    noted = contact_import.NoteRowsImported(
        contact_import=found,
        part=int(part),
        outcomes="".join(letter for letter, _ in outcomes),
        errors=tuple(error for _, error in outcomes if error),
        now=datetime.now(UTC),
    )
    await _note(outside, organization, stream, noted)


async def forget(outside: Outside, organization: str, found: str) -> None:
    """Let go of what is left of the file."""
    async with outside.connection() as connection:
        stream = contact_import.stream(organization, found)
        await import_files.forget(connection, outside.store.log.vault, stream)


async def _note(outside: Outside, organization: str, stream: str, command: Command) -> None:
    request = Request(meta=Meta(organization=organization, by="reaction:contact_import"))
    await outside.store.execute(contact_import.DECIDER, stream, command, request)


Outcome = tuple[str, RowError | None]


class Taking:
    """Rows on their way into one phone book."""

    def __init__(self, outside: Outside, organization: str, owner: str, source: str) -> None:
        self._outside = outside
        self._store = outside.store
        self._organization = organization
        self._owner = owner
        self._source = source
        self._now = datetime.now(UTC)
        self._groups: dict[str, str] = {}
        self._known: dict[str, contacts.Contact] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def all(self, rows: Sequence[Entry]) -> list[Outcome]:
        """What became of each of them, in their order."""
        names: dict[str, str] = {}
        for name in (name for row in rows for name in row.groups):
            names.setdefault(group.folded(name), name)
        async with self._outside.connection() as connection:
            whose = (connection, self._organization, self._owner)
            self._known = await contacts.by_phones(*whose, (row.phone for row in rows if row.phone))
            self._groups = await groups.by_names(*whose, names.values())
        for folded, name in names.items():
            if folded not in self._groups:
                self._groups[folded] = await self._create_group(folded, name)
        new = [row for row in rows if not row.code and row.phone not in self._known]
        streams = [contact.stream(self._organization, self._identity("cnt", str(row.row))) for row in new]
        await self._store.expect_new(contact.DECIDER, streams, personal=True)
        await self._store.expect_new(claim.DECIDER, [self._claimed("phone", self._unique(row)) for row in new])
        return await asyncio.gather(*(self._one(row) for row in rows))

    async def _one(self, row: Entry) -> Outcome:
        if row.code:
            return ("s" if row.code == "DUPLICATE_IN_FILE" else "e"), RowError(row.row, row.field, row.code)
        async with self._turns:
            new = self._identity("cnt", str(row.row))
            known = self._known.get(row.phone)
            if known is not None:
                return await self._change(known.id, row, new)
            try:
                return await self._add(new, row)
            except Conflict as refusal:  # the number is taken, though the view did not show it
                holder = await self._holder("phone", self._unique(row))
                if refusal.code != "VALUE_TAKEN" or holder is None:
                    return "e", RowError(row.row, "phone", "TAKEN_MEANWHILE")
                return await self._change(holder, row, new)

    async def _add(self, new: str, row: Entry) -> Outcome:
        stream = contact.stream(self._organization, new)
        asked = contact.AddContact(
            contact=new,
            owner=self._owner,
            name=row.name,
            phone=row.phone,
            email=row.email,
            groups=self._ids(row),
            source=self._source,
            now=self._now,
        )
        held = self._claim("phone", self._unique(row), stream)
        await self._store.execute_all([Step(contact.DECIDER, stream, asked), held], self._request())
        return "c", None

    async def _change(self, found: str, row: Entry, new: str) -> Outcome:
        """Bring a contact that is there up to date. What a first try of this part added counts as created."""
        known = self._known.get(row.phone)
        same = known is not None and known.name == row.name and row.email in (None, known.email)
        if known is not None and same and {*self._ids(row)} <= {*known.groups}:
            return ("c" if found == new else "s"), None
        asked = contact.ChangeContact(
            contact=found,
            name=row.name,
            email=row.email or UNSET,
            join=self._ids(row),
            source=self._source,
            now=self._now,
        )
        try:
            stream = contact.stream(self._organization, found)
            outcome = await self._store.execute(contact.DECIDER, stream, asked, self._request())
        except (Conflict, NotFound, Invalid) as refusal:
            code = refusal.code if isinstance(refusal, Invalid) else "TAKEN_MEANWHILE"
            return "e", RowError(row.row, str(refusal.facts.get("field", "phone")), code)
        return ("c" if found == new else "u" if outcome.events else "s"), None

    async def _create_group(self, folded: str, name: str) -> str:
        new = self._identity("grp", folded)
        stream = group.stream(self._organization, new)
        asked = group.CreateGroup(group=new, owner=self._owner, name=name, now=self._now)
        unique = group.unique(self._organization, self._owner, name)
        try:
            await self._store.execute_all(
                [Step(group.DECIDER, stream, asked), self._claim("group_name", unique, stream)], self._request()
            )
        except Conflict:  # a first try made it, or somebody else did
            return await self._holder("group_name", unique) or new
        return new

    def _ids(self, row: Entry) -> tuple[str, ...]:
        return tuple(self._groups[group.folded(name)] for name in row.groups)

    def _identity(self, prefix: str, what: str) -> str:
        """The same each time this import comes to the same thing."""
        return f"{prefix}_{self._store.log.vault.blind(f'{self._source}/{what}')[:20]}"

    def _unique(self, row: Entry) -> str:
        return contact.unique(self._organization, self._owner, row.phone)

    def _claimed(self, kind: str, unique: str) -> str:
        """The stream in which a value is claimed."""
        return claim.stream(kind, self._store.log.vault.blind(unique))

    def _claim(self, kind: str, unique: str, owner: str) -> Step:
        digest = self._store.log.vault.blind(unique)
        command = claim.ClaimValue(kind=kind, digest=digest, owner=owner, now=self._now)
        return Step(claim.DECIDER, claim.stream(kind, digest), command)

    async def _holder(self, kind: str, unique: str) -> str | None:
        """The id of who holds a value."""
        state: claim.State = await self._store.state(claim.DECIDER, self._claimed(kind, unique))
        return state.owner.split("-", 2)[2] if state.owner else None

    def _request(self) -> Request:
        return Request(meta=Meta(organization=self._organization, by=self._owner, correlation=self._source))
