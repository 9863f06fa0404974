"""The figures of dashboard and analytics: read once, shown on several pages (W26)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from api.runtime import Runtime
from api.scheduler.message_figures import percent
from eventstore.connect import AsyncConnection
from projections import contacts, deliveries, groups, scheduled_messages
from projections.deliveries import Counts
from projections.scheduled_messages import ScheduledMessage

MONTH = timedelta(days=30)
AT_ONCE = 5_000


class Card(msgspec.Struct, frozen=True):
    """A figure, and how it differs from the period before: in percent, rates in points."""

    value: float
    change: float


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Copies, added up over messages."""

    recipients: int = 0
    sent: int = 0
    delivered: int = 0
    read: int = 0
    failed: int = 0

    @property
    def delivery_rate(self) -> float:
        """Of those that WhatsApp took, how many reached the phone."""
        return percent(self.delivered, self.sent)


def added(counts: Sequence[Counts]) -> Sums:
    """These counts as one."""
    return Sums(
        recipients=sum(count.total for count in counts),
        sent=sum(count.out for count in counts),
        delivered=sum(count.confirmed for count in counts),
        read=sum(count.read for count in counts),
        failed=sum(count.failed for count in counts),
    )


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """The four cards, and the totals beside them. Rates are of the last thirty days."""

    scheduled: Card
    sent_this_month: Card
    delivery_rate: Card
    active_groups: Card
    total_messages: int
    draft_messages: int
    scheduled_messages: int
    sending_messages: int
    sent_messages: int
    paused_messages: int
    cancelled_messages: int
    failed_messages: int
    total_groups: int
    total_contacts: int
    active_contacts: int
    recipients: int
    delivered: int
    failed: int


async def dashboard(runtime: Runtime, connection: AsyncConnection, organization: str, owner: str | None) -> Dashboard:
    """The dashboard of an owner, or of everybody."""
    now, whose = runtime.clock(), (connection, organization, owner)
    by_status = await scheduled_messages.status_counts(*whose)
    begin, before = month_begins(now, ZoneInfo(runtime.settings.time_zone))
    written = await everything_within(*whose, min(before, now - 2 * MONTH), now + timedelta(seconds=1))
    newer, older = await rates(connection, organization, written, now)
    group_ids = await groups.all_ids(*whose)
    members = await contacts.members(connection, organization, group_ids)
    people = await contacts.count(connection, organization, contacts.Filter(owner=owner))
    active = await contacts.count(connection, organization, contacts.Filter(owner=owner, active=True))
    this_month = _sent(written, begin, now)
    made = sum(row.created_at >= begin for row in written if row.status == "scheduled")
    waits = by_status.get("scheduled", 0)
    return Dashboard(
        scheduled=Card(waits, percent(made, waits - made)),
        sent_this_month=Card(this_month, change(this_month, _sent(written, before, begin))),
        delivery_rate=Card(newer.delivery_rate, round(newer.delivery_rate - older.delivery_rate, 1)),
        active_groups=Card(len(members), 0.0),
        total_messages=sum(by_status.values()),
        draft_messages=by_status.get("draft", 0),
        scheduled_messages=waits,
        sending_messages=by_status.get("sending", 0) + by_status.get("retry", 0),
        sent_messages=by_status.get("sent", 0),
        paused_messages=by_status.get("paused", 0),
        cancelled_messages=by_status.get("cancelled", 0),
        failed_messages=by_status.get("failed", 0),
        total_groups=len(group_ids),
        total_contacts=people,
        active_contacts=active,
        recipients=newer.recipients,
        delivered=newer.delivered,
        failed=newer.failed,
    )


async def everything_within(
    connection: AsyncConnection, organization: str, owner: str | None, since: datetime, until: datetime
) -> list[ScheduledMessage]:
    """Every message written or sent in a period, however many there are."""
    found: list[ScheduledMessage] = []
    after = None
    while True:
        rows = await scheduled_messages.within(connection, organization, owner, since, until, after, AT_ONCE)
        found += rows
        if len(rows) < AT_ONCE:
            return found
        after = (rows[-1].created_at, rows[-1].id)


async def rates(
    connection: AsyncConnection, organization: str, rows: Sequence[ScheduledMessage], now: datetime
) -> tuple[Sums, Sums]:
    """What became of the copies of messages that were sent in the last thirty days, and in the thirty before."""
    started = {row.id: now - row.started_at for row in rows if row.started_at}
    counts = await deliveries.counts(connection, organization, [*started])
    newer = [counts[message] for message, ago in started.items() if message in counts and ago <= MONTH]
    older = [counts[message] for message, ago in started.items() if message in counts and MONTH < ago <= 2 * MONTH]
    return added(newer), added(older)


def change(value: float, before: float) -> float:
    """The difference in percent; from nothing to something it is 100."""
    return round((value - before) / before * 100, 1) if before else 100.0 if value else 0.0


def month_begins(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When this month began where the users are, and when the one before did."""
    begin = now.astimezone(zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begin, (begin - timedelta(days=1)).replace(day=1)


def _sent(rows: Sequence[ScheduledMessage], since: datetime, until: datetime) -> int:
    return sum(row.sent_at is not None and since <= row.sent_at < until for row in rows)
