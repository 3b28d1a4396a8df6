"""The one UPDATE: it clears what was seen, or nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from pciops.keystone.models import LocalUser
from pciops.keystone.unlock import clear_failures
from tests.factories import MICROSECOND, NOW, make_user

pytestmark = pytest.mark.django_db(databases=["keystone"])

# What was seen, and is there.
SEEN: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}


def columns(user_id: str) -> tuple[int | None, datetime | None]:
    """The two columns of a user's row."""
    row = LocalUser.objects.get(user_id=user_id)
    return row.failed_auth_count, row.failed_auth_at


def test_both_columns_are_cleared_together() -> None:
    user = make_user(**SEEN)
    cleared = clear_failures(user.id, **SEEN)

    assert cleared is True
    assert columns(user.id) == (0, None)


def test_it_is_one_statement(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    user = make_user(**SEEN)

    with django_assert_num_queries(1, using="keystone"):
        clear_failures(user.id, **SEEN)


def test_a_lock_without_an_instant_is_cleared_too() -> None:
    user = make_user(failed_auth_count=3, failed_auth_at=None)
    cleared = clear_failures(user.id, failed_auth_count=3, failed_auth_at=None)

    assert cleared is True
    assert columns(user.id) == (0, None)


@pytest.mark.parametrize(
    "spoiled",
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
def test_a_row_that_is_not_as_seen_stays_as_it_is(spoiled: dict[str, Any]) -> None:
    there = {**SEEN, **spoiled}
    user = make_user(**there)
    cleared = clear_failures(user.id, **SEEN)

    assert cleared is False
    assert columns(user.id) == (there["failed_auth_count"], there["failed_auth_at"])


def test_an_instant_is_no_guard_for_a_row_without_one() -> None:
    user = make_user(**SEEN)

    assert clear_failures(user.id, failed_auth_count=3, failed_auth_at=None) is False


def test_other_users_keep_their_failures() -> None:
    make_user("ann", **SEEN)
    bob = make_user("bob", **SEEN)
    clear_failures(bob.id, **SEEN)

    assert LocalUser.objects.get(name="ann").failed_auth_count == 3


def test_an_unknown_user_is_nobody() -> None:
    make_user(**SEEN)

    assert clear_failures("nobody", **SEEN) is False


def test_the_second_of_two_clears_nothing() -> None:
    user = make_user(**SEEN)
    clear_failures(user.id, **SEEN)

    assert clear_failures(user.id, **SEEN) is False


def test_the_rest_of_the_account_is_left_alone() -> None:
    """Unlike a PATCH of Keystone's API, which enables and sets `last_active_at`."""
    user = make_user(enabled=False, last_active_at=None, **SEEN)
    clear_failures(user.id, **SEEN)
    user.refresh_from_db()

    assert (user.enabled, user.last_active_at) == (False, None)
