"""Tests of the one scan that finds the accounts at the threshold of failures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import LazySettings
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import failing, selectors
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import LOCKED
from pciops.keystone.models import LocalUser
from tests.factories import NOW, POLICY, grant, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)


def locked(sort: str = "", *, limit: int = 2, fresh: bool = True) -> list[str]:
    """Return the names on the list of locked accounts, page after page."""
    names, marker = [], ""
    while True:
        page = selectors.page(
            AccountQuery(state=LOCKED, sort=sort),
            scope=None,
            policy=POLICY,
            now=NOW,
            marker=marker,
            limit=limit,
            fresh=fresh,
        )
        names += [account.name for account in page.accounts]
        marker = page.next
        if not marker:
            return names


@pytest.fixture
def _four_locked() -> None:
    for number, name in enumerate(("dora", "carl", "bert", "anna")):
        make_locked_user(name, at=NOW - number * MINUTE)
    make_user("none", failed_auth_count=3)
    grant(make_locked_user("nova", at=NOW - 20 * MINUTE), "service")
    make_user("fine")


@pytest.mark.usefixtures("_four_locked")
@pytest.mark.parametrize("most", [failing.MOST, 1], ids=["from the scan", "too many for it"])
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("privileged", ["nova", "dora", "carl", "bert", "anna", "none"]),
        ("failed", ["dora", "carl", "bert", "anna", "nova", "none"]),
        ("name", ["anna", "bert", "carl", "dora", "none", "nova"]),
    ],
)
def test_list_is_the_same_whether_or_not_all_fit(
    monkeypatch: pytest.MonkeyPatch, most: int, sort: str, expected: list[str]
) -> None:
    monkeypatch.setattr(failing, "MOST", most)

    assert locked(sort) == expected


@pytest.mark.usefixtures("_four_locked")
def test_shared_list_has_no_account_that_was_unlocked_since(settings: LazySettings) -> None:
    settings.SHARED_SECONDS = 3
    locked()
    LocalUser.objects.using("keystone").filter(name="carl").update(
        failed_auth_count=0, failed_auth_at=None
    )

    assert "carl" not in locked(fresh=False)
    assert "dora" in locked(fresh=False)


def test_fresh_count_has_a_lock_that_a_shared_one_misses(settings: LazySettings) -> None:
    settings.SHARED_SECONDS = 3
    query = AccountQuery(state=LOCKED)
    numbers = []
    for name, fresh in (("ann", False), ("ben", False), ("cleo", True)):
        make_locked_user(name, at=NOW)
        counted = selectors.count(query, scope=None, policy=POLICY, now=NOW, fresh=fresh)
        numbers.append(counted.value)

    assert numbers == [1, 1, 3]


def test_lock_that_lapses_leaves_a_shared_reading(settings: LazySettings) -> None:
    settings.SHARED_SECONDS = 3
    assert POLICY.lockout is not None
    make_locked_user("ann", at=NOW - POLICY.lockout + timedelta(seconds=1))
    query = AccountQuery(state=LOCKED)
    counts = [
        selectors.count(query, scope=None, policy=POLICY, now=now, fresh=False).value
        for now in (NOW, NOW + timedelta(seconds=2))
    ]

    assert counts == [1, 0]


def test_another_threshold_is_another_reading(settings: LazySettings) -> None:
    settings.SHARED_SECONDS = 3
    make_locked_user("ann", at=NOW)
    stricter = replace(POLICY, lockout_failure_attempts=100)
    counts = [
        selectors.count(
            AccountQuery(state=LOCKED), scope=None, policy=policy, now=NOW, fresh=False
        ).value
        for policy in (POLICY, stricter)
    ]

    assert counts == [1, 0]


def test_many_pages_share_one_scan(
    settings: LazySettings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.SHARED_SECONDS = 3
    make_locked_user("ann", at=NOW)
    query = AccountQuery(state=LOCKED)
    selectors.count(query, scope=None, policy=POLICY, now=NOW, fresh=False)
    with django_assert_num_queries(0, using="keystone"):
        selectors.count(query, scope=None, policy=POLICY, now=NOW, fresh=False)
