"""The period that `from` and `to` of a query mean: dates, in the zone of the settings and both included, or times."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec

from api.runtime import Runtime
from domain.model import Invalid

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EARLIEST, LATEST = 1970, 9000


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From `since` until just before `until`, as far as they are given."""

    since: datetime | None
    until: datetime | None


def period(runtime: Runtime, since: str | None, until: str | None) -> Period:
    """Read both ends. Raises `Invalid`."""
    zone = ZoneInfo(runtime.settings.time_zone)
    found = Period(since=_moment(since, "from", zone, 0), until=_moment(until, "to", zone, 1))
    if found.since and found.until and found.since >= found.until:
        raise Invalid("PERIOD_INVALID", field="to")
    return found


def _moment(written: str | None, field: str, zone: ZoneInfo, days: int) -> datetime | None:
    """The moment, or where a date begins, `days` later."""
    if not written or not written.strip():
        return None
    text = written.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("TIME_INVALID", field=field) from None
    if not EARLIEST <= moment.year <= LATEST:
        raise Invalid("TIME_INVALID", field=field)
    if DATE.fullmatch(text):
        moment += timedelta(days=days)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
