"""What a user means by a time: one with an offset as it is, another on the clock of their zone."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import msgspec

from api.runtime import Runtime
from domain import schedule
from domain.model import Invalid

Time = Annotated[str, msgspec.Meta(max_length=40, extra_json_schema={"format": "date-time"})]
"""A time as a client writes it: with an offset or without one; without seconds too, as a browser's field has it."""
WRITTEN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?", re.I
)


class Meant(msgspec.Struct, frozen=True, kw_only=True):
    """A moment, the zone's name as far as one was given, the last moment that may be chosen there, and what is odd
    about the time as it was written."""

    moment: datetime | None
    timezone: str | None
    last: datetime
    warnings: list[str]


def meant(runtime: Runtime, written: str | None, timezone: str | None, known: str | None = None) -> Meant:
    """Read a time in the zone given with it, else in the one known, else in that of the settings. Raises `Invalid`."""
    zone = _zone(timezone or known or runtime.settings.time_zone)
    warnings: list[str] = []
    moment = None
    if written is not None:
        try:
            if not WRITTEN.fullmatch(written):
                raise ValueError
            local = datetime.fromisoformat(written.upper())
            moment = schedule.instant(local, zone)
            if schedule.skipped(local, zone):
                warnings.append("LOCAL_TIME_SKIPPED")
            elif schedule.doubled(local, zone):
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
