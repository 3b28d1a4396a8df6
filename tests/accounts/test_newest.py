"""Tests of the newest passwords by one sort, which equal those of each account by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pciops.accounts import newest
from pciops.accounts.loading import newest_password, passwords
from pciops.accounts.states.password import expires
from pciops.keystone.models import LocalUser, Password, UserOption
from tests.accounts.scenes import users
from tests.factories import NOW, POLICY, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

WEEK = timedelta(days=7)
NOBODY = UserOption.objects.filter(option_id="none").values("user_id")
# In the order of their expiry; all that expire later are in None.
BUCKETS = [
    expires(lte=NOW),
    expires(lte=NOW + WEEK),
    None,
    Q(expires_at_int=None, expires_at=None),
]


@given(facts=st.lists(users(NOW, POLICY), max_size=5))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_the_newest_password_is_the_one_that_decides_about_the_account(
    facts: list[dict[str, Any]],
) -> None:
    with transaction.atomic(using="keystone"):
        for number, columns in enumerate(facts):
            make_user(f"user{number}", **columns)
        every = passwords(list(LocalUser.objects.values_list("pk", flat=True)))
        expected = {}
        for local_id, own in every.items():
            password = newest_password(own)
            assert password is not None
            at = password.expires_at_int or password.expires_at
            bucket = 3 if at is None else 0 if at <= NOW else 1 if at <= NOW + WEEK else 2
            if bucket != 2:
                expected[local_id] = (password.pk, bucket)
        found = {row.local_id: (row.pk, row.bucket) for row in newest.read(BUCKETS)}
        counted = sum(number for _, _, number in newest.count(BUCKETS, exempt=NOBODY))
        transaction.set_rollback(True, using="keystone")

    assert found == expected
    assert counted == len(expected)


@pytest.mark.parametrize("created_at_int", [-5, 0, 2**62])
def test_a_time_that_no_password_has_is_only_early_or_late(created_at_int: int) -> None:
    user = make_user("ann")
    Password.objects.using("keystone").update(created_at_int=created_at_int, expires_at_int=1)

    [row] = newest.read(BUCKETS)

    assert (row.created_at_int, row.bucket) == (created_at_int, 0)
    assert [number for _, _, number in newest.count(BUCKETS, exempt=NOBODY)] == [1]
    assert row.local_id == user.local_user.pk
