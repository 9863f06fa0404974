"""Analytics: the dashboard, messages over time, groups beside each other."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec
from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter

from api.context import Caller
from api.runtime import Runtime
from api.scheduler import contract, figures, periods
from api.scheduler.contract import iso
from api.scheduler.figures import Dashboard
from api.scheduler.message_figures import percent
from domain.model import Invalid
from projections import contacts, deliveries, groups

MOST_DAYS = 366
MOST_GROUPS = 200


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """One day where the users are: messages written and sent, and the copies of those sent."""

    date: str
    created: int
    sent: int
    recipients: int
    delivered: int
    failed: int


class MessageAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """Messages written or sent in a period. `by_status` counts them as they stand now."""

    since: str
    until: str
    total: int
    by_status: dict[str, int]
    by_day: list[Day]
    recipients: int
    sent: int
    delivered: int
    read: int
    failed: int
    delivery_rate: float
    read_rate: float
    failure_rate: float


class GroupAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """A group with what was sent to it in the last thirty days. A message to several groups counts for each."""

    id: str
    name: str
    contact_count: int
    active_count: int
    messages: int
    recipients: int
    sent: int
    delivered: int
    failed: int
    delivery_rate: float


class GroupsAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """The groups, by name; the first two hundred. `active` are those with contacts, as on the dashboard."""

    total: int
    active: int
    items: list[GroupAnalytics]


@get("/analytics/dashboard", summary="The dashboard")
async def show_dashboard(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Dashboard:
    """The caller's figures; an admin's are those of everybody."""
    async with runtime.connection() as connection:
        return await figures.dashboard(runtime, connection, caller.organization, contract.owner(caller))


@get("/messages/dashboard", summary="The dashboard")
async def show_message_dashboard(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> Dashboard:
    """The same as /api/analytics/dashboard, which the document names twice."""
    async with runtime.connection() as connection:
        return await figures.dashboard(runtime, connection, caller.organization, contract.owner(caller))


@get("/analytics/messages", summary="Messages over time", opt={"fails": [422]})
async def show_messages(
    caller: NamedDependency[Caller],
    runtime: NamedDependency[Runtime],
    since: FromQuery[Annotated[str | None, QueryParameter(name="from", max_length=40)]] = None,
    until: FromQuery[Annotated[str | None, QueryParameter(name="to", max_length=40)]] = None,
) -> MessageAnalytics:
    """Messages of a period, the last thirty days unless said otherwise, a year at most."""
    now, zone = runtime.clock(), ZoneInfo(runtime.settings.time_zone)
    asked = periods.period(runtime, since, until)
    end = asked.until or max(now + timedelta(seconds=1), (asked.since or now) + timedelta(days=1))
    begin = asked.since or end - figures.MONTH
    if end - begin > timedelta(days=MOST_DAYS):
        raise Invalid("PERIOD_TOO_LONG", field="from", days=MOST_DAYS)
    async with runtime.connection() as connection:
        rows = await figures.everything_within(connection, caller.organization, contract.owner(caller), begin, end)
        counts = await deliveries.counts(connection, caller.organization, [row.id for row in rows])
    by_status: dict[str, int] = {}
    written: dict[str, int] = {}
    sent: dict[str, list[deliveries.Counts]] = {}
    for row in rows:
        status = "sending" if row.status == "retry" else row.status
        by_status[status] = by_status.get(status, 0) + 1
        if begin <= row.created_at < end:
            day = row.created_at.astimezone(zone).date().isoformat()
            written[day] = written.get(day, 0) + 1
        if row.sent_at and begin <= row.sent_at < end:
            day = row.sent_at.astimezone(zone).date().isoformat()
            sent.setdefault(day, []).append(counts.get(row.id, deliveries.NOTHING))
    sums = figures.added([*counts.values()])
    return MessageAnalytics(
        since=iso(begin),
        until=iso(end),
        total=len(rows),
        by_status=by_status,
        by_day=[_day(day, written.get(day, 0), sent.get(day, [])) for day in sorted({*written, *sent})],
        recipients=sums.recipients,
        sent=sums.sent,
        delivered=sums.delivered,
        read=sums.read,
        failed=sums.failed,
        delivery_rate=sums.delivery_rate,
        read_rate=percent(sums.read, sums.sent),
        failure_rate=percent(sums.failed, sums.recipients),
    )


@get("/analytics/groups", summary="Groups beside each other")
async def show_groups(caller: NamedDependency[Caller], runtime: NamedDependency[Runtime]) -> GroupsAnalytics:
    """The caller's groups with what was sent to them."""
    now, owner = runtime.clock(), contract.owner(caller)
    async with runtime.connection() as connection:
        rows, total = await groups.page(connection, caller.organization, owner, "", "name", MOST_GROUPS, 0)
        ids = await groups.all_ids(connection, caller.organization, owner)
        members = await contacts.members(connection, caller.organization, ids)
        sent = await figures.everything_within(
            connection, caller.organization, owner, now - figures.MONTH, now + timedelta(seconds=1)
        )
        counts = await deliveries.counts(connection, caller.organization, [row.id for row in sent])
    items = []
    for row in rows:
        of = [counts[message.id] for message in sent if row.id in message.groups and message.id in counts]
        sums, held = figures.added(of), members.get(row.id, contacts.NOBODY)
        items.append(
            GroupAnalytics(
                id=row.id,
                name=row.name,
                contact_count=held.total,
                active_count=held.active,
                messages=len(of),
                recipients=sums.recipients,
                sent=sums.sent,
                delivered=sums.delivered,
                failed=sums.failed,
                delivery_rate=sums.delivery_rate,
            )
        )
    return GroupsAnalytics(total=total, active=len(members), items=items)


def _day(date: str, created: int, counts: list[deliveries.Counts]) -> Day:
    sums = figures.added(counts)
    return Day(
        date=date,
        created=created,
        sent=len(counts),
        recipients=sums.recipients,
        delivered=sums.delivered,
        failed=sums.failed,
    )


router = Router(
    "/api",
    route_handlers=[show_dashboard, show_message_dashboard, show_messages, show_groups],
    tags=["analytics"],
)
