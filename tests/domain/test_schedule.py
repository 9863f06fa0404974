"""When a message may go out, where clocks are put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import schedule
from domain.model import Invalid

NOW = datetime(2025, 1, 27, 10, 0, tzinfo=UTC)

PLAIN, SKIPPED, TWICE = "plain", "skipped", "twice"
TABLE = [
    ("Europe/Madrid", "2025-01-27T14:30", "2025-01-27T13:30", PLAIN),
    ("Europe/Madrid", "2025-03-30T01:59", "2025-03-30T00:59", PLAIN),
    ("Europe/Madrid", "2025-03-30T02:00", "2025-03-30T01:00", SKIPPED),
    ("Europe/Madrid", "2025-03-30T02:30", "2025-03-30T01:30", SKIPPED),
    ("Europe/Madrid", "2025-03-30T03:00", "2025-03-30T01:00", PLAIN),
    ("Europe/Madrid", "2025-10-26T02:00", "2025-10-26T00:00", TWICE),
    ("Europe/Madrid", "2025-10-26T02:30", "2025-10-26T00:30", TWICE),
    ("Europe/Madrid", "2025-10-26T03:00", "2025-10-26T02:00", PLAIN),
    ("America/New_York", "2025-03-09T02:30", "2025-03-09T07:30", SKIPPED),
    ("America/New_York", "2025-11-02T01:30", "2025-11-02T05:30", TWICE),
    ("America/Santiago", "2025-09-07T00:30", "2025-09-07T04:30", SKIPPED),
    ("America/Santiago", "2025-04-05T23:30", "2025-04-06T02:30", TWICE),
    ("Australia/Lord_Howe", "2025-10-05T02:15", "2025-10-04T15:45", SKIPPED),
    ("Australia/Lord_Howe", "2025-04-06T01:45", "2025-04-05T14:45", TWICE),
    ("America/Mexico_City", "2025-04-06T02:30", "2025-04-06T08:30", PLAIN),
    ("Asia/Riyadh", "2025-03-30T02:30", "2025-03-29T23:30", PLAIN),
]


@pytest.mark.parametrize(("zone", "written", "meant", "kind"), TABLE)
def test_a_local_time_is_read_as_calendars_do(zone: str, written: str, meant: str, kind: str) -> None:
    local, rules = datetime.fromisoformat(written), ZoneInfo(zone)
    assert schedule.instant(local, rules) == datetime.fromisoformat(meant).replace(tzinfo=UTC)
    assert schedule.skipped(local, rules) == (kind == SKIPPED)
    assert schedule.doubled(local, rules) == (kind == TWICE)


@given(
    zone=st.sampled_from(
        [*sorted({zone for zone, *_ in TABLE}), "Africa/Casablanca", "Asia/Kathmandu", "America/Havana"]
    ),
    written=st.one_of(
        st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),
        st.sampled_from([datetime.fromisoformat(written) for _, written, _, kind in TABLE if kind != PLAIN]).flatmap(
            lambda moment: st.timedeltas(timedelta(hours=-3), timedelta(hours=3)).map(lambda apart: moment + apart)
        ),
    ),
)
@settings(max_examples=600, deadline=None, database=None, derandomize=True)
def test_a_local_time_is_the_first_moment_at_which_the_clock_shows_it(zone: str, written: datetime) -> None:
    """Looked for among all moments that any offset of the zone makes of it, rather than worked out."""
    rules = ZoneInfo(zone)
    near = [(written + timedelta(hours=hours)).replace(tzinfo=UTC).astimezone(rules) for hours in range(-48, 49)]
    offsets = {moment.utcoffset() for moment in near}
    moments = sorted((written - offset).replace(tzinfo=UTC) for offset in offsets if offset is not None)
    showing = [moment for moment in moments if moment.astimezone(rules).replace(tzinfo=None) == written]
    assert schedule.skipped(written, rules) == (not showing)
    assert schedule.doubled(written, rules) == (len(showing) == 2)
    if showing:
        assert schedule.instant(written, rules) == showing[0]
    else:  # as if the clock had not been put forward yet
        assert schedule.instant(written, rules) in moments
        assert schedule.instant(written, rules).astimezone(rules).replace(tzinfo=None) > written


def test_a_time_with_an_offset_means_itself_wherever_the_user_is() -> None:
    written = datetime.fromisoformat("2025-03-30T02:30:00+05:30")
    assert schedule.instant(written, ZoneInfo("Europe/Madrid")) == datetime(2025, 3, 29, 21, 0, tzinfo=UTC)
    assert not schedule.skipped(written, ZoneInfo("Europe/Madrid"))


def test_a_year_ahead_is_365_days_on_the_users_clock() -> None:
    now = datetime(2025, 3, 29, 12, 0, tzinfo=UTC)  # 13:00 in Madrid, a day before the clocks go forward
    last = schedule.latest(now, ZoneInfo("Europe/Madrid"))
    assert last == datetime(2026, 3, 29, 11, 0, tzinfo=UTC)  # 13:00 there, in summer time by then
    assert schedule.check(last, now, last) == last
    with pytest.raises(Invalid, match="SCHEDULE_TOO_FAR"):
        schedule.check(last + timedelta(seconds=1), now, last)


def test_only_what_is_to_come_can_be_scheduled() -> None:
    assert schedule.check(NOW + timedelta(microseconds=1), NOW) > NOW
    for moment in (NOW, NOW - timedelta(seconds=1)):
        with pytest.raises(Invalid, match="SCHEDULE_IN_PAST"):
            schedule.check(moment, NOW)
    with pytest.raises(Invalid, match="TIME_WITHOUT_ZONE"):
        schedule.check(NOW.replace(tzinfo=None), NOW)


def test_a_message_that_is_later_than_allowed_has_missed_its_time() -> None:
    assert not schedule.is_missed(NOW, NOW + timedelta(hours=1), 3_600)
    assert schedule.is_missed(NOW, NOW + timedelta(hours=1, microseconds=1), 3_600)


@pytest.mark.parametrize("name", ["Europe/Madrid", "Etc/GMT+5", "UTC", None, ""])
def test_names_of_zones_are_taken(name: str | None) -> None:
    assert schedule.zone_name(name) == (name or None)


@pytest.mark.parametrize("name", ["../../etc/passwd", "a b", "x" * 65, "1"])
def test_what_is_no_name_of_a_zone_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="ZONE_INVALID"):
        schedule.zone_name(name)
