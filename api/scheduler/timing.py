"""What a user means by a time: one with an offset as it is, another on the clock of their zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from api.runtime import Runtime
from domain import schedule
from domain.model import Invalid


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """A moment, the zone's name as far as one was given, the last moment that may be chosen there, and what is odd
    about the time as it was written."""

    moment: datetime | None
    timezone: str | None
    last: datetime
    warnings: list[str]


def meant(runtime: Runtime, written: datetime | None, timezone: str | None, known: str | None = None) -> Meant:
    """Read a time in the zone given with it, else in the one known, else in that of the settings. Raises `Invalid`."""
    zone = _zone(timezone or known or runtime.settings.time_zone)
    warnings: list[str] = []
    moment = None
    if written is not None:
        try:
            moment = schedule.instant(written, zone)
            if schedule.skipped(written, zone):
                warnings.append("LOCAL_TIME_SKIPPED")
            elif schedule.doubled(written, zone):
                warnings.append("LOCAL_TIME_DOUBLED")
        except (OverflowError, ValueError):
            raise Invalid("TIME_INVALID", field="scheduled_for") from None
    last = schedule.latest(runtime.clock(), zone)
    return Meant(moment=moment, timezone=timezone or None, last=last, warnings=warnings)


def _zone(name: str) -> ZoneInfo:
    schedule.zone_name(name)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise Invalid("ZONE_INVALID", field="timezone") from None
