"""Tests of storing, reading and thinning out censuses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connections
from pytest_django import DjangoAssertNumQueries

from pciops.accounts.census import census
from pciops.accounts.census.counting import DAYS, CensusTally
from pciops.accounts.models import Census, CensusAttention, CensusCount, CensusDay
from pciops.keystone.database import KeystoneDatabaseDownError
from tests.factories import (
    MICROSECOND,
    NOW,
    POLICY,
    grant,
    make_ldap_user,
    make_locked_user,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

TODAY = NOW.date()
LOCKED = {("", "", ""): 9, ("corp", "", ""): 4, ("", "locked", ""): 3, ("corp", "locked", ""): 1}


def keep(
    counted_at: datetime = NOW,
    numbers: Mapping[tuple[str, str, str], int] = LOCKED,
    *,
    days: Mapping[tuple[str, date, str], int] | None = None,
    attention: list[tuple[str, str]] | None = None,
) -> Census:
    """Store a census with these counts."""
    tally = CensusTally(
        counted_at=counted_at,
        took=timedelta(milliseconds=1234),
        numbers=numbers,
        days=days or {},
        attention=attention or [],
    )
    return census.keep(tally)


# --- Taking -------------------------------------------------------------------------------------
def test_census_is_taken_and_read() -> None:
    make_locked_user("ann", at=NOW)
    make_user("bob")
    make_ldap_user("lena")

    census_row = census.take(policy=POLICY, now=NOW)
    counted = census.latest(scope=None)

    assert counted is not None
    assert counted.counted_at == census_row.counted_at == NOW
    assert counted.accounts == 3
    assert counted.domains == 2
    assert [counted.number(name) for name in ("locked", "not_covered", "expired")] == [1, 1, 0]


def test_privileged_accounts_are_counted_by_kind() -> None:
    both_kinds, administrator = make_locked_user("root", at=NOW), make_user("ann")
    for user, role in ((both_kinds, "admin"), (both_kinds, "service"), (administrator, "admin")):
        grant(user, role)
    make_locked_user("bob", at=NOW)
    census.take(policy=POLICY, now=NOW)
    counted = census.latest(scope=None)

    assert counted is not None
    assert [counted.number("", kind) for kind in ("", "administrator", "service")] == [3, 2, 1]
    assert [counted.number("locked", kind) for kind in ("administrator", "service")] == [1, 1]
    assert counted.attention == [both_kinds.id]


def test_census_that_fails_stores_nothing() -> None:
    make_user()
    answered = itertools.count()

    def fails_in_the_end(execute: Callable[..., Any], *statement: Any) -> Any:
        if next(answered) > 8:
            raise OperationalError("gone away")
        return execute(*statement)

    with (
        connections["keystone"].execute_wrapper(fails_in_the_end),
        pytest.raises(KeystoneDatabaseDownError, match="gone away"),
    ):
        census.take(policy=POLICY, now=NOW)

    assert Census.objects.count() == 0


def test_there_is_only_one_census_at_a_time() -> None:
    keep()

    with pytest.raises(IntegrityError):
        keep()


# --- Reading ------------------------------------------------------------------------------------
def test_there_is_no_census_at_first() -> None:
    assert census.latest(scope=None) is None


@pytest.mark.parametrize(
    ("scope", "accounts", "locked", "domains"), [(None, 9, 3, 1), ("corp", 4, 1, 1), ("x", 0, 0, 1)]
)
def test_newest_census_is_read_for_a_scope(
    scope: str | None, accounts: int, locked: int, domains: int
) -> None:
    keep(NOW - timedelta(minutes=5), {("", "locked", ""): 77})
    keep()
    counted = census.latest(scope=scope)

    assert counted is not None
    assert (counted.accounts, counted.number("locked")) == (accounts, locked)
    assert (counted.domains, counted.took) == (domains, timedelta(milliseconds=1234))


def test_kinds_have_their_own_numbers() -> None:
    keep(numbers={("", "locked", ""): 3, ("", "locked", "service"): 2})
    counted = census.latest(scope=None)

    assert counted is not None
    assert [counted.number("locked", kind) for kind in ("", "service", "administrator")] == [
        3,
        2,
        0,
    ]


def test_forecast_has_every_day() -> None:
    tomorrow = TODAY + timedelta(days=1)
    keep(days={("", tomorrow, "expired"): 2, ("corp", tomorrow, "inactive"): 1})
    cloud, corp = census.latest(scope=None), census.latest(scope="corp")

    assert cloud is not None
    assert corp is not None
    assert [day.day for day in cloud.days] == [TODAY + timedelta(days=n) for n in range(DAYS)]
    assert [(day.inactive, day.expired) for day in cloud.days[:3]] == [(0, 0), (0, 2), (0, 0)]
    assert (corp.days[1].inactive, corp.days[1].expired) == (1, 0)


def test_attention_is_in_order_and_in_scope() -> None:
    keep(attention=[("corp", "u3"), ("default", "u1"), ("corp", "u2")])
    cloud, corp = census.latest(scope=None), census.latest(scope="corp")

    assert cloud is not None
    assert corp is not None
    assert cloud.attention == ["u3", "u1", "u2"]
    assert corp.attention == ["u3", "u2"]


def test_only_the_newest_census_has_forecast_and_attention() -> None:
    for minutes in (10, 5, 0):
        keep(
            NOW - timedelta(minutes=minutes),
            days={("", TODAY, "expired"): 1},
            attention=[("corp", "u1")],
        )

    assert (Census.objects.count(), CensusDay.objects.count()) == (3, 1)
    assert CensusAttention.objects.count() == 1


@pytest.mark.parametrize(("scope", "queries"), [(None, 5), ("corp", 4)])
def test_number_of_queries_is_constant(
    scope: str | None, queries: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for minutes in range(5):
        keep(NOW - timedelta(minutes=minutes))

    # The census, the domains of the cloud, numbers, attention, days.
    with django_assert_num_queries(queries):
        census.latest(scope=scope)


# --- Trend --------------------------------------------------------------------------------------
def at(text: str) -> datetime:
    """Return a UTC time in November 2026: `22T14:02`."""
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=UTC)


def test_trend_has_the_last_census_of_each_utc_day() -> None:
    for number, text in enumerate(["22T14:00", "20T00:00", "20T23:59:59", "22T13:00"]):
        keep(at(text), {("", "locked", ""): number, ("", "", ""): 40})
    points = census.trend(scope=None, since=at("01T00:00"), until=NOW)

    assert [(point.counted_at, point.numbers) for point in points] == [
        (at("20T23:59:59"), {"locked": 2, "": 40}),
        (at("22T14:00"), {"": 40}),
    ]


@pytest.mark.parametrize(
    ("text", "number"),
    [("20T00:00", 1), ("21T12:00", 1), ("19T23:59:59", 0), ("21T12:00:01", 0)],
)
def test_trend_includes_both_ends(text: str, number: int) -> None:
    keep(at(text))

    assert len(census.trend(scope=None, since=at("20T00:00"), until=at("21T12:00"))) == number


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [({**LOCKED, ("corp", "locked", "service"): 1}, {"": 4, "locked": 1}), ({}, {})],
    ids=["all kinds", "no accounts"],
)
def test_trend_has_the_numbers_of_its_scope(
    numbers: dict[tuple[str, str, str], int], expected: dict[str, int]
) -> None:
    keep(numbers=numbers)
    [point] = census.trend(scope="corp", since=NOW, until=NOW)

    assert point.numbers == expected


def test_trend_takes_three_queries(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for days in range(9):
        keep(NOW - timedelta(days=days))

    with django_assert_num_queries(3):  # the days, their censuses, the numbers
        census.trend(scope=None, since=NOW - timedelta(days=90), until=NOW)


# --- Thinning -----------------------------------------------------------------------------------
ALL, HOURLY, DAILY = census.KEEP_ALL, census.KEEP_HOURLY, census.KEEP_DAILY


@pytest.mark.parametrize(
    ("counted", "kept"),
    [
        # Two days: all of them.
        ([NOW - ALL, NOW - ALL + MICROSECOND, NOW], [0, 1, 2]),
        # Then the last of an hour.
        ([at("20T12:00"), at("20T12:59:59"), at("20T13:00")], [1, 2]),
        ([at("20T14:02:10"), at("20T14:02:11")], [0, 1]),
        ([NOW - HOURLY, NOW - HOURLY + timedelta(hours=1)], [0, 1]),
        # Then the last of a day.
        ([NOW - HOURLY - MICROSECOND, NOW - HOURLY - timedelta(hours=1)], [0]),
        ([at("22T00:00") - timedelta(days=60), at("22T23:59") - timedelta(days=60)], [1]),
        ([at("22T23:59") - timedelta(days=60), at("23T00:00") - timedelta(days=60)], [0, 1]),
        # After two years none.
        ([NOW - DAILY], [0]),
        ([NOW - DAILY - MICROSECOND], []),
        # A clock that was ahead.
        ([NOW + timedelta(hours=1)], [0]),
    ],
)
def test_censuses_are_kept_by_age(counted: list[datetime], kept: list[int]) -> None:
    for time in counted:
        keep(time)

    assert census.thin(NOW) == len(counted) - len(kept)
    left = set(Census.objects.values_list("counted_at", flat=True))
    assert left == {counted[number] for number in kept}


def test_thinning_deletes_numbers_and_nothing_more_when_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(census, "BATCH", 2)
    for number in range(5):
        keep(NOW - DAILY - timedelta(days=1, seconds=number))
    keep()

    assert census.thin(NOW) == 5
    assert census.thin(NOW) == 0
    assert (Census.objects.count(), CensusCount.objects.count()) == (1, len(LOCKED))


def test_thinning_daily_equals_thinning_once() -> None:
    times = [NOW - timedelta(minutes=100 * number) for number in range(24 * 40)]
    for time in times:
        keep(time, {})
    for days in range(40, -1, -1):
        census.thin(NOW - timedelta(days=days))
    daily = set(Census.objects.values_list("counted_at", flat=True))
    Census.objects.all().delete()
    for time in times:
        keep(time, {})
    census.thin(NOW)

    assert daily == set(Census.objects.values_list("counted_at", flat=True))
