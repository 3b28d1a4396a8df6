"""Tests of Keystone's two formats of times, read and filtered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from pciops.keystone.fields import EPOCH, DateTimeInt
from pciops.keystone.models import LocalUser, Password
from tests.factories import MICROSECOND, NOW, PasswordRow, make_user
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["keystone"])

# Both sides of a whole second and of the epoch, and the end of a DATETIME.
TIMES = [
    EPOCH,
    EPOCH + MICROSECOND,
    NOW - MICROSECOND,
    NOW,
    NOW + MICROSECOND,
    NOW + timedelta(milliseconds=500),
    NOW + timedelta(seconds=1) - MICROSECOND,
    NOW + timedelta(seconds=1),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    datetime.max.replace(tzinfo=UTC),
]


def raw(sql: str, *values: str) -> list[tuple[object, ...]]:
    """Run SQL without the fields."""
    with connections["keystone"].cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(
    ("instant", "number"),
    [
        (EPOCH, 0),
        (EPOCH + MICROSECOND, 1),
        (EPOCH - MICROSECOND, -1),
        (datetime(2026, 11, 22, 14, 2, 11, 5, tzinfo=UTC), 1795356131000005),
        (datetime.max.replace(tzinfo=UTC), 253402300799999999),
    ],
)
def test_time_is_stored_as_microseconds_since_the_epoch(instant: datetime, number: int) -> None:
    field = DateTimeInt()

    assert field.get_prep_value(instant) == number
    assert field.from_db_value(number) == instant


@given(instant=st.datetimes(timezones=st.just(UTC)))
@settings(deadline=None)
def test_no_microsecond_is_lost(instant: datetime) -> None:
    field = DateTimeInt()

    assert field.from_db_value(field.get_prep_value(instant)) == instant


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    elsewhere = datetime.fromisoformat("2026-11-22T23:02:11+09:00")

    assert DateTimeInt().get_prep_value(elsewhere) == DateTimeInt().get_prep_value(NOW)


def test_null_is_no_instant() -> None:
    assert DateTimeInt().from_db_value(None) is None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (2**63 - 1, datetime.max.replace(tzinfo=UTC)),
        (-(2**63), datetime.min.replace(tzinfo=UTC)),
    ],
    ids=["greatest", "least"],
)
def test_number_beyond_the_calendar_is_its_end(number: int, expected: datetime) -> None:
    assert DateTimeInt().from_db_value(number) == expected


def test_datetime_on_sqlite_is_written_as_by_sqlalchemy() -> None:
    make_user(failed_auth_at=NOW)

    assert raw("SELECT CAST(failed_auth_at AS text) FROM local_user") == [
        ("2026-11-22 14:02:11.000000",)
    ]


def test_datetime_of_sqlalchemy_is_read_and_found_as_utc() -> None:
    make_user()
    raw("UPDATE local_user SET failed_auth_at = %s", "2026-11-22 14:02:11.000000")

    assert LocalUser.objects.get(failed_auth_at=NOW).failed_auth_at == NOW


@pytest.mark.parametrize("border", TIMES)
def test_datetime_is_compared_as_a_time(border: datetime) -> None:
    for number, instant in enumerate(TIMES):
        make_user(f"user{number}", failed_auth_at=instant)
    rows = LocalUser.objects.filter(failed_auth_at__gt=border).order_by("pk")

    assert [row.failed_auth_at for row in rows] == [at for at in TIMES if at > border]


@pytest.mark.parametrize("border", TIMES)
def test_integer_is_compared_as_a_time(border: datetime) -> None:
    for number, instant in enumerate(TIMES):
        make_user(f"user{number}", passwords=[PasswordRow(expires_at=instant)])
    rows = Password.objects.filter(expires_at_int__lte=border).order_by("pk")

    assert [row.expires_at_int for row in rows] == [at for at in TIMES if at <= border]


@given(at=st.datetimes(timezones=st.just(UTC)), border=st.datetimes(timezones=st.just(UTC)))
@some(50)
def test_any_two_times_are_compared_right(at: datetime, border: datetime) -> None:
    with transaction.atomic(using="keystone"):
        make_user(failed_auth_at=at)
        exists = LocalUser.objects.filter(failed_auth_at__lt=border).exists()
        transaction.set_rollback(True, using="keystone")

    assert exists is (at < border)
