"""The section about periods in which the worker or the consumer was not running."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pciops.accounts.census import census
from pciops.accounts.models import CensusGap
from pciops.accounts.policy import policy
from pciops.events.models import ConsumerSession
from pciops.reports.value import Gap
from tests.factories import NOW
from tests.reports.weekly import IN_WEEK, WEEK, figures, sources, statements, take_censuses

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NO_TIME = timedelta(0)


def since_monday(gaps: list[Gap]) -> list[tuple[timedelta, timedelta]]:
    return [(gap.begins - WEEK.begins, gap.ends - WEEK.begins) for gap in gaps]


def schedule_gaps() -> list[tuple[timedelta, timedelta]]:
    return since_monday(sources().schedule_gaps)


def connected(since: timedelta, until: timedelta) -> None:
    """A consumer was connected in this part of the week."""
    ConsumerSession.objects.create(
        consumer="a", connected=True, since=WEEK.begins + since, until=WEEK.begins + until
    )


# --- The schedule --------------------------------------------------------------------------------
def test_a_late_census_records_the_gap() -> None:
    for minutes in (0, 5, 50, 55):
        census.take(policy=policy.current(), now=IN_WEEK + timedelta(minutes=minutes))

    [gap] = CensusGap.objects.all()
    assert (gap.begins, gap.ends) == (
        IN_WEEK + timedelta(minutes=5),
        IN_WEEK + timedelta(minutes=50),
    )


def test_a_gap_is_cut_to_the_week() -> None:
    take_censuses(WEEK.begins - 3 * DAY, NOW)
    CensusGap.objects.create(begins=WEEK.begins - HOUR, ends=WEEK.begins + HOUR)
    CensusGap.objects.create(begins=WEEK.ends - HOUR, ends=WEEK.ends + HOUR)

    assert schedule_gaps() == [(NO_TIME, HOUR), (7 * DAY - HOUR, 7 * DAY)]


def test_a_schedule_that_has_not_run_since_is_a_gap() -> None:
    take_censuses(WEEK.begins - DAY, WEEK.begins + DAY)

    assert schedule_gaps() == [(DAY, 7 * DAY)]


def test_the_time_before_the_first_census_is_a_gap() -> None:
    take_censuses(WEEK.begins + 3 * DAY, NOW)

    assert schedule_gaps() == [(NO_TIME, 3 * DAY)]


def test_a_schedule_without_a_gap_ran_all_week() -> None:
    take_censuses(WEEK.begins - DAY, WEEK.ends - timedelta(minutes=5))

    assert schedule_gaps() == []
    assert "all week" in statements("gaps")[0]


# --- The consumer --------------------------------------------------------------------------------
def test_times_without_a_consumer_are_gaps() -> None:
    connected(NO_TIME, 2 * DAY)
    connected(3 * DAY, 7 * DAY)
    [gap] = sources().consumer_gaps

    assert (gap.source, since_monday([gap])) == ("consumer", [(2 * DAY, 3 * DAY)])
    assert figures("gaps")["consumer_gaps"] == 24 * 60
    assert "1 day" in statements("gaps")[1]


def test_a_consumer_without_a_gap_was_connected_all_week() -> None:
    connected(NO_TIME, 7 * DAY)

    assert "all week" in statements("gaps")[1]
    assert figures("gaps")["consumer_gaps"] == 0


def test_a_week_that_is_not_over_has_no_gap_in_the_future() -> None:
    connected(NO_TIME, 2 * DAY)

    assert sources(now=WEEK.begins + 2 * DAY).consumer_gaps == []


def test_a_gap_says_that_no_consumer_was_ever_connected() -> None:
    [gap] = sources().consumer_gaps

    assert "ever" in gap.words
