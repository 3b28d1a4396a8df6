"""The census counts what the lists show, and keeps it."""

from __future__ import annotations

import pytest

from pciops.accounts import census
from tests.factories import NOW, POLICY, make_ldap_user, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_a_census_counts_accounts_by_state() -> None:
    make_locked_user("ann", at=NOW)
    make_user("bob")
    make_ldap_user("lena")

    census.take(policy=POLICY, now=NOW)
    counted = census.latest(scope=None)

    assert counted is not None
    assert counted.accounts == 3
    assert counted.number("locked") == 1
    assert counted.number("not_covered") == 1
    assert counted.number("expired") == 0
