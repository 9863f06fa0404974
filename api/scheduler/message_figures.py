"""What a message would do, and what became of it: preview, figures, recipient by recipient."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract, messages, phrases
from api.scheduler.contract import Page, iso_or_none
from api.whatsapp import WhatsApp
from domain import audience as audiences
from domain import message_text
from projections import contacts, deliveries

Standing = Literal["pending", "sent", "delivered", "read", "failed"]
STANDINGS = {"claimed": "pending", "unknown": "pending"}
"""Copies that a sender is busy with, or asks the provider about, are still to come for whoever looks on."""


class Warning(msgspec.Struct, frozen=True):
    """Something to know before it goes out."""

    code: str
    message: str


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sent, and to how many. A number that is in several groups gets it once: `duplicates` of the
    `entries` are left out for that, `inactive` because the contact takes no messages."""

    id: str
    content: str
    characters: int
    scheduled_for: str | None
    recipient_count: int
    entries: int
    duplicates: int
    inactive: int
    warnings: list[Warning]


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """How far a message got. `total` = `pending` + `sent` + `failed`; `sent` were taken by WhatsApp, of which
    `delivered` reached the phone, of which `read` were read. Rates in percent with one decimal."""

    message_id: str
    status: str
    total: int
    pending: int
    sent: int
    delivered: int
    read: int
    failed: int
    progress: float
    success_rate: float
    delivery_rate: float
    read_rate: float
    errors: dict[str, int]
    attempt: int
    started_at: str | None
    sent_at: str | None
    duration_seconds: int | None


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient's copy. Name and phone are empty once the contact was deleted."""

    contact_id: str
    name: str
    phone: str
    status: str
    error: str | None
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None


def percent(part: int, whole: int) -> float:
    """With one decimal; of nothing it is 0."""
    return round(part / whole * 100, 1) if whole else 0.0


@get("/{message_id:str}/preview", summary="Preview")
async def preview(
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    whatsapp: NamedDependency[WhatsApp],
) -> Preview:
    """What would be sent to whom, and what to mind."""
    row = await messages.found(runtime, caller, message_id)
    async with runtime.connection() as connection:
        audience = await contacts.audience(connection, caller.organization, row.groups)
    again = await messages.repeated(runtime, row, caller.organization, row.content)
    duplicates = audience.entries - audience.inactive_entries - audience.recipients
    waits = row.status in ("draft", "scheduled", "paused")
    passed = row.scheduled_for is not None and row.scheduled_for <= runtime.clock() and waits
    connected = (await whatsapp.connection(caller.organization)).status == "connected"
    too_many = not row.recipient_count and audience.recipients > audiences.MAX_RECIPIENTS
    codes = [
        *(["SCHEDULE_MISSING"] if row.scheduled_for is None else ["SCHEDULE_PASSED"] if passed else []),
        *(["GROUPS_MISSING"] if not row.groups else []),
        *(["NO_RECIPIENTS"] if row.groups and not audience.recipients else []),
        *(["TOO_MANY_RECIPIENTS"] if too_many else []),
        *(["DUPLICATES_MERGED"] if duplicates else []),
        *(["INACTIVE_SKIPPED"] if audience.inactive else []),
        *message_text.spam(row.content, again),
        *([] if connected else ["WHATSAPP_DISCONNECTED"]),
    ]
    return Preview(
        id=row.id,
        content=row.content,
        characters=len(row.content),
        scheduled_for=iso_or_none(row.scheduled_for),
        recipient_count=row.recipient_count or audience.recipients,
        entries=audience.entries,
        duplicates=duplicates,
        inactive=audience.inactive,
        warnings=[Warning(code, phrases.WARNINGS[code]) for code in codes],
    )


@get("/{message_id:str}/stats", summary="Figures of a message")
async def stats(message_id: FromPath[str], caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Stats:
    """How far a message got, and why copies failed."""
    row = await messages.found(runtime, caller, message_id)
    async with runtime.connection() as connection:
        counts = await deliveries.counts_of(connection, caller.organization, message_id)
        errors = await deliveries.reasons(connection, caller.organization, message_id)
    return Stats(
        message_id=row.id,
        status=messages.status(row),
        total=counts.total,
        pending=counts.open,
        sent=counts.out,
        delivered=counts.confirmed,
        read=counts.read,
        failed=counts.failed,
        progress=percent(counts.out + counts.failed, counts.total),
        success_rate=percent(counts.out, counts.total),
        delivery_rate=percent(counts.confirmed, counts.out),
        read_rate=percent(counts.read, counts.out),
        errors=errors,
        attempt=row.attempt,
        started_at=iso_or_none(row.started_at),
        sent_at=iso_or_none(row.sent_at),
        duration_seconds=_seconds(row.started_at, row.sent_at),
    )


@get("/{message_id:str}/recipients", summary="Recipients of a message")
async def recipients(
    message_id: FromPath[str],
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    page: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.LAST_PAGE)]] = 1,
    page_size: FromQuery[Annotated[int, QueryParameter(ge=1, le=contract.MAX_PAGE_SIZE)]] = 10,
    status: FromQuery[Standing | None] = None,
) -> Page[Recipient]:
    """What became of each recipient's copy. An extension of the document, for its error view."""
    await messages.found(runtime, caller, message_id)
    async with runtime.connection() as connection:
        counts = await deliveries.counts_of(connection, caller.organization, message_id)
        asked = (status, *(kept for kept, shown in STANDINGS.items() if shown == status)) if status else ()
        rows = await deliveries.page(
            connection, caller.organization, message_id, asked, page_size, (page - 1) * page_size
        )
        people = await contacts.by_ids(connection, caller.organization, (row.recipient for row in rows))
    items = [_recipient(row, people.get(row.recipient)) for row in rows]
    total = counts.total if status is None else counts.open if status == "pending" else getattr(counts, status)
    return contract.page_of(items, total, page, page_size)


def _recipient(row: deliveries.Delivery, person: contacts.Contact | None) -> Recipient:
    return Recipient(
        contact_id=row.recipient,
        name=person.name if person else "",
        phone=(person.phone if person else None) or "",
        status=STANDINGS.get(row.status, row.status),
        error=row.reason if row.status == "failed" else None,
        sent_at=iso_or_none(row.sent_at),
        delivered_at=iso_or_none(row.delivered_at),
        read_at=iso_or_none(row.read_at),
    )


def _seconds(since: datetime | None, until: datetime | None) -> int | None:
    return round((until - since).total_seconds()) if since and until else None


router = Router("/api/messages", route_handlers=[preview, stats, recipients], tags=["messages"])
