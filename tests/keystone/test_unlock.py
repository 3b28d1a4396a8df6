"""Tests of the one UPDATE: it clears exactly the failures that were given, or nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from pciops.keystone.models import LocalUser
from pciops.keystone.unlock import clear_failures
from tests.factories import MICROSECOND, NOW, make_user

pytestmark = pytest.mark.django_db(databases=["keystone"])

FAILURES: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}


def columns(user_id: str) -> tuple[int | None, datetime | None]:
    row = LocalUser.objects.get(user_id=user_id)
    return row.failed_auth_count, row.failed_auth_at


@pytest.mark.parametrize("failed_auth_at", [NOW, None])
def test_both_columns_are_cleared_in_one_statement(
    django_assert_num_queries: DjangoAssertNumQueries, failed_auth_at: datetime | None
) -> None:
    failures: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": failed_auth_at}
    user = make_user(**failures)
    with django_assert_num_queries(1, using="keystone"):
        assert clear_failures(user.id, **failures) is True

    assert columns(user.id) == (0, None)
    assert clear_failures(user.id, **failures) is False


@pytest.mark.parametrize(
    "changed",
    [
        {"failed_auth_count": 4},
        {"failed_auth_count": 2},
        {"failed_auth_count": None},
        {"failed_auth_at": NOW + MICROSECOND},
        {"failed_auth_at": NOW - MICROSECOND},
        {"failed_auth_at": None},
    ],
    ids=str,
)
def test_row_with_other_failures_is_not_changed(changed: dict[str, Any]) -> None:
    stored = {**FAILURES, **changed}
    user = make_user(**stored)
    cleared = clear_failures(user.id, **FAILURES)

    assert cleared is False
    assert columns(user.id) == (stored["failed_auth_count"], stored["failed_auth_at"])


def test_time_has_to_be_given_if_the_row_has_one() -> None:
    user = make_user(**FAILURES)

    assert clear_failures(user.id, failed_auth_count=3, failed_auth_at=None) is False


def test_other_users_keep_their_failures() -> None:
    make_user("ann", **FAILURES)
    bob = make_user("bob", **FAILURES)

    assert clear_failures("nobody", **FAILURES) is False
    assert clear_failures(bob.id, **FAILURES) is True
    assert LocalUser.objects.get(name="ann").failed_auth_count == 3


def test_rest_of_the_account_is_not_changed() -> None:
    """A PATCH of Keystone's API would enable it and set `last_active_at`."""
    user = make_user(enabled=False, last_active_at=None, **FAILURES)
    clear_failures(user.id, **FAILURES)
    user.refresh_from_db()

    assert (user.enabled, user.last_active_at) == (False, None)
