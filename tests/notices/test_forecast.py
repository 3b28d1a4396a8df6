"""The forecast of notices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.keystone import options
from pciops.notices import forecast, rules
from tests.factories import NOW, POLICY, make_user
from tests.notices.queued import make_expiring

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
DAY = timedelta(days=1)


def coming(kind: str, scope: str | None = None) -> dict[int, int]:
    """Return the number of notices of this kind by days from today, without zeros."""
    forecast.take(policy=POLICY, book=rules.current(), now=NOW)
    days = forecast.days(scope=scope, now=NOW)
    return {ahead: numbers[kind] for ahead, (_, numbers) in enumerate(days) if numbers[kind]}


@pytest.mark.parametrize(
    ("left", "expiring", "expired"),
    [(8 * DAY, {1: 1, 5: 1, 7: 1}, {8: 1}), (20 * DAY, {6: 1, 13: 1}, {})],
)
def test_a_password_counts_on_the_day_of_each_step_and_of_its_expiry(
    left: timedelta, expiring: dict[int, int], expired: dict[int, int]
) -> None:
    make_expiring(left=left)

    assert coming("password_expiring") == expiring
    assert coming("password_expired") == expired
    assert coming("password_expired") == expired  # the second count replaces the first


def test_an_unused_account_counts_on_the_day_of_each_step() -> None:
    make_user("ann", last_active_at=NOW.date() - 80 * DAY)
    make_user("bob", last_active_at=None, created_at=NOW - 80 * DAY)

    assert coming("inactivity") == {3: 2, 9: 2}


@pytest.mark.parametrize(
    "facts", [{"enabled": False}, {"options": {options.IGNORE_PASSWORD_EXPIRY: True}}]
)
def test_accounts_that_get_no_notice_are_not_counted(facts: dict[str, Any]) -> None:
    make_expiring(left=8 * DAY, **facts)

    assert coming("password_expiring") == {}


def test_an_operator_of_one_domain_sees_its_days_only() -> None:
    make_expiring("ann", 8 * DAY, domain_id="corp")
    make_expiring("bob", 8 * DAY)

    assert coming("password_expired", scope="corp") == {8: 1}
    assert coming("password_expired") == {8: 2}


def test_chunks_leave_no_account_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "CHUNK", 2)
    for number in range(7):
        make_expiring(f"ann{number}", 8 * DAY)

    assert coming("password_expired") == {8: 7}
