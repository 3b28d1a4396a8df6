"""Names of weeks, and the weeks that can have a report."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from pciops.reports import weeks
from pciops.reports.weeks import Week, WeekError
from tests.factories import NOW
from tests.reports.weekly import take_censuses

EARLY, LATE = (datetime(year, 1, 1) for year in (1990, 2200))  # noqa: DTZ001 drawn with a zone


@given(st.datetimes(min_value=EARLY, max_value=LATE, timezones=st.just(UTC)))
def test_an_instant_lies_in_its_week(instant: datetime) -> None:
    week = Week.of(instant)

    assert week.begins <= instant < week.ends
    assert week.after.before == week == week.before.after
    assert week.before.ends == week.begins


def test_a_week_begins_at_midnight_of_the_zone_and_may_have_an_hour_less(
    settings: Settings,
) -> None:
    settings.SITE_ZONE = ZoneInfo("Europe/Berlin")
    week = Week(2026, 13)

    assert week.begins == datetime(2026, 3, 22, 23, tzinfo=UTC)
    assert (week.ends - week.begins).total_seconds() == 167 * 3600


@pytest.fixture
def data() -> None:
    take_censuses(datetime(2026, 10, 1, tzinfo=UTC))


@pytest.mark.django_db
@pytest.mark.parametrize("words", ["2026-W40", "2026-W46"])
def test_weeks_with_data_are_accepted(words: str, data: None) -> None:
    assert str(weeks.parse(words, now=NOW)) == words


@pytest.mark.django_db
@pytest.mark.parametrize(
    "words",
    [
        *("2026-W47", "2026-W48", "2027-W01", "9999-W52", "2026-W39", "0000-W01", "0001-W01"),
        *("2026-W54", "2026-W00", "2025-W53", "2026W46", "2026-46", "W46", "", " 2026-W46"),
        *("2026-W4", "２０２６-W46", "2026-W46\n", "'; DROP TABLE", "2026-W460", "-026-W46"),
    ],
)
def test_other_weeks_are_refused_with_the_range(words: str, data: None) -> None:
    with pytest.raises(WeekError, match="from 2026-W40 to 2026-W46"):
        weeks.parse(words, now=NOW)


@pytest.mark.django_db
def test_the_current_week_is_accepted_for_a_preview(data: None) -> None:
    assert str(weeks.parse("2026-W47", now=NOW, unfinished=True)) == "2026-W47"


@pytest.mark.django_db
def test_without_a_whole_week_the_date_of_the_first_report_is_named() -> None:
    take_censuses(NOW)

    with pytest.raises(WeekError, match="2026-11-23"):
        weeks.parse("2026-W46", now=NOW)


@pytest.mark.django_db
def test_without_data_no_week_is_accepted() -> None:
    with pytest.raises(WeekError, match="no whole week"):
        weeks.parse("2026-W46", now=NOW)
