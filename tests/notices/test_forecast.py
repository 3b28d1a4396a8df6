"""What will go out in the next days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pciops.keystone import options
from pciops.notices import forecast, rules
from tests.factories import NOW, POLICY, PasswordRow, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
DAY = timedelta(days=1)


def make_expiring(left: timedelta, **facts: Any) -> None:
    """A user whose password has so long to go."""
    row = PasswordRow(created_at=NOW + left - 90 * DAY, expires_at=NOW + left)
    make_user(passwords=[row], last_active_at=NOW.date(), **facts)


def coming(kind: str, scope: str | None = None) -> dict[int, int]:
    """Days from today → how many of the kind, of those with any."""
    forecast.take(policy=POLICY, book=rules.current(), now=NOW)
    found: list[tuple[date, dict[str, int]]] = forecast.days(scope=scope, now=NOW)
    return {ahead: numbers[kind] for ahead, (_, numbers) in enumerate(found) if numbers[kind]}


def test_a_password_brings_a_notice_on_the_day_of_each_step_and_one_after() -> None:
    make_expiring(8 * DAY)

    assert coming("password_expiring") == {1: 1, 5: 1, 7: 1}
    assert coming("password_expired") == {8: 1}


def test_a_password_that_expires_later_than_the_days_is_seen_by_its_first_steps() -> None:
    make_expiring(20 * DAY)

    assert coming("password_expiring") == {6: 1, 13: 1}


def test_an_account_that_is_not_used_brings_its_notices() -> None:
    make_user("ann", last_active_at=NOW.date() - 80 * DAY)
    make_user("bob", last_active_at=None, created_at=NOW - 80 * DAY)

    assert coming("inactivity") == {3: 2, 9: 2}


@pytest.mark.parametrize(
    "facts", [{"enabled": False}, {"options": {options.IGNORE_PASSWORD_EXPIRY: True}}]
)
def test_who_gets_no_mail_is_not_counted(facts: dict[str, Any]) -> None:
    make_expiring(8 * DAY, **facts)

    assert coming("password_expiring") == {}


def test_who_sees_one_domain_sees_its_days_alone() -> None:
    make_expiring(8 * DAY, name="ann", domain_id="corp")
    make_expiring(8 * DAY, name="bob")

    assert coming("password_expired", scope="corp") == {8: 1}
    assert coming("password_expired") == {8: 2}


def test_counting_again_takes_the_place_of_the_count_before() -> None:
    make_expiring(8 * DAY)
    coming("password_expired")

    assert coming("password_expired") == {8: 1}


def test_chunks_leave_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "CHUNK", 2)
    for number in range(7):
        make_expiring(8 * DAY, name=f"ann{number}")

    assert coming("password_expired") == {8: 7}
