"""Tests of times and spans as text."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.lib import times

NOW = datetime(2026, 11, 22, 14, 2, 11, tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
INSTANTS = st.datetimes(timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (NOW, "14:02:11 UTC"),
        (NOW.replace(hour=0, minute=0, second=0), "00:00:00 UTC"),
        (
            NOW.replace(hour=0, minute=0, second=0) - timedelta(microseconds=1),
            "21 Nov 2026, 23:59:59 UTC",
        ),
        (NOW + timedelta(days=1), "23 Nov 2026, 14:02:11 UTC"),
        (NOW.replace(year=2025), "22 Nov 2025, 14:02:11 UTC"),
        (datetime.max.replace(tzinfo=UTC), "31 Dec 9999, 23:59:59 UTC"),
    ],
)
def test_time_of_another_day_names_the_day(value: datetime, expected: str) -> None:
    assert times.instant(value, NOW) == expected


def test_time_is_in_utc_and_dated_if_asked() -> None:
    tokyo = timezone(timedelta(hours=9))

    assert times.instant(NOW.astimezone(tokyo), NOW.astimezone(tokyo)) == "14:02:11 UTC"
    assert times.dated(NOW) == "22 Nov 2026, 14:02:11 UTC"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (timedelta(seconds=-5), "0 s"),
        (timedelta(0), "0 s"),
        (timedelta(seconds=59, microseconds=999999), "59 s"),
        (timedelta(seconds=60), "1 min"),
        (timedelta(minutes=59, seconds=59), "59 min"),
        (timedelta(hours=1), "1 h"),
        (timedelta(hours=1, seconds=59), "1 h"),
        (timedelta(hours=5, minutes=3), "5 h 3 min"),
        (timedelta(hours=23, minutes=59, seconds=59), "23 h 59 min"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=1, hours=23), "1 day"),
        (timedelta(days=12), "12 days"),
        (timedelta(days=2_900_000), "2,900,000 days"),
    ],
)
def test_span_is_rounded_down_to_at_most_two_units(value: timedelta, expected: str) -> None:
    assert times.span(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "now"),
        (0.999999, "now"),
        (-0.999999, "now"),
        (1, "in 1 s"),
        (-1, "1 s ago"),
        (28 * 60, "in 28 min"),
        (-3 * 60, "3 min ago"),
        (86_399, "in 23 h 59 min"),
        (6.9 * 86_400, "in 7 days"),  # calendar days, as a list of days counts them
        (-6.9 * 86_400, "7 days ago"),
    ],
)
def test_distance_has_a_direction(seconds: float, expected: str) -> None:
    assert times.distance(NOW + timedelta(seconds=seconds), NOW) == expected


def test_both_is_time_and_distance() -> None:
    assert times.both(NOW - timedelta(minutes=3), NOW) == "13:59:11 UTC (3 min ago)"


@given(value=INSTANTS, now=INSTANTS)
@settings(deadline=None)
def test_every_time_has_a_text(value: datetime, now: datetime) -> None:
    assert " UTC (" in times.both(value, now)


@pytest.mark.parametrize(
    ("value", "span", "expected"),
    [
        (NOW, timedelta(minutes=30), NOW + timedelta(minutes=30)),
        (LAST - timedelta(seconds=1), timedelta(seconds=1), LAST),
        (LAST, timedelta(microseconds=1), LAST),
        (NOW, timedelta.max, LAST),
    ],
    ids=["before", "at the end", "after", "long after"],
)
def test_later_stops_at_the_end_of_the_calendar(
    value: datetime, span: timedelta, expected: datetime
) -> None:
    assert times.later(value, span) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (NOW, "2026-11-22T14:02:11Z"),
        (NOW.replace(microsecond=5), "2026-11-22T14:02:11.000005Z"),
        (NOW.astimezone(timezone(timedelta(hours=-8))), "2026-11-22T14:02:11Z"),
        (date(2026, 11, 22), "2026-11-22"),
    ],
)
def test_iso_text_ends_in_z(value: datetime | date | None, expected: str | None) -> None:
    assert times.iso(value) == expected


@given(value=INSTANTS)
@settings(deadline=None)
def test_iso_text_can_be_read_back(value: datetime) -> None:
    assert datetime.fromisoformat(str(times.iso(value))) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2026, 11, 22), "today"),
        (date(2026, 11, 23), "in 1 day"),
        (date(2026, 11, 21), "1 day ago"),
        (date(2027, 2, 20), "in 90 days"),
    ],
)
def test_day_is_a_number_of_days_away(value: date, expected: str) -> None:
    assert times.days_away(value, NOW) == expected


def test_days_are_utc_days() -> None:
    tokyo = datetime(2026, 11, 22, 8, tzinfo=timezone(timedelta(hours=9)))

    assert times.days_away(date(2026, 11, 21), tokyo) == "today"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T14:00", "2026-11-22T14:00:00Z"),
        ("2026-11-22 14:00+02:00", "2026-11-22T12:00:00Z"),
        ("2026-11-22T14:00Z", "2026-11-22T14:00:00Z"),
        ("noon", None),
        ("2026-13-01T00:00", None),
        ("0001-01-01T00:00+14:00", None),
        ("", None),
    ],
)
def test_parsed_time_is_utc_without_a_zone(text: str, expected: str | None) -> None:
    assert times.iso(times.parse(text)) == expected
