"""When a message may go out: not in the past, at most a year ahead, on the user's own clock.

Pure functions; the time zone's rules are passed in. Where a clock is put forward, some local times do not exist; where
it is put back, some come twice. Both are read as calendars do (RFC 5545): a time that does not exist counts on from the
offset before the gap, so 02:30 becomes 03:30, and a time that comes twice means the first one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from domain import values
from domain.model import Invalid

DAYS_AHEAD = 365
MAX_LATE = 365 * 24 * 3600
ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]{0,63}")


def instant(written: datetime, zone: tzinfo) -> datetime:
    """The moment that a user means: one that says its offset as it is, another on the clock of their zone."""
    return (written if written.tzinfo else written.replace(tzinfo=zone, fold=0)).astimezone(UTC)


def skipped(written: datetime, zone: tzinfo) -> bool:
    """Whether this local time does not exist in the zone, because the clock is put forward over it."""
    if written.tzinfo:
        return False
    return instant(written, zone).astimezone(zone).replace(tzinfo=None) != written.replace(fold=0)


def doubled(written: datetime, zone: tzinfo) -> bool:
    """Whether this local time comes twice in the zone, because the clock is put back over it."""
    if written.tzinfo or skipped(written, zone):
        return False
    second = written.replace(tzinfo=zone, fold=1)
    return second.utcoffset() != written.replace(tzinfo=zone, fold=0).utcoffset()


def latest(now: datetime, zone: tzinfo) -> datetime:
    """The last moment to which a message may be scheduled: the same time of day 365 days on, where the user is."""
    return instant(now.astimezone(zone).replace(tzinfo=None) + timedelta(days=DAYS_AHEAD), zone)


def check(moment: datetime, now: datetime, last: datetime | None = None, field: str = "scheduled_for") -> datetime:
    """The moment in UTC, when it is to come and not after `last` (a year from now, unless the caller knows better)."""
    if moment.tzinfo is None:
        raise Invalid("TIME_WITHOUT_ZONE", field=field)
    moment = moment.astimezone(UTC)
    if moment <= now:
        raise Invalid("SCHEDULE_IN_PAST", field=field, scheduled_for=moment, now=now)
    last = last or now + timedelta(days=DAYS_AHEAD)
    if moment > last:
        raise Invalid("SCHEDULE_TOO_FAR", field=field, scheduled_for=moment, latest=last)
    return moment


def zone_name(value: str | None, field: str = "timezone") -> str | None:
    """The name of a time zone, as far as its form goes; whether there is one of that name only its rules can tell."""
    if value and not ZONE.fullmatch(value):
        raise Invalid("ZONE_INVALID", field=field)
    return value or None


def is_missed(moment: datetime, now: datetime, late: int) -> bool:
    """Whether it is more than so many seconds past its time."""
    return now - moment > timedelta(seconds=values.number(late, "late", 0, MAX_LATE))
