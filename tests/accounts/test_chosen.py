"""Accounts by their ids: those of a selection."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import selectors
from tests.factories import make_ldap_user, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["keystone"])


def names(*user_ids: str, scope: str | None = None) -> list[str]:
    """The names of those accounts."""
    return [account.name for account in selectors.get_many(user_ids, scope=scope)]


def test_accounts_come_in_the_order_of_their_ids() -> None:
    ann, ben, cat = (make_user(name).id for name in ("ann", "ben", "cat"))

    assert names(cat, ann, ben) == ["cat", "ann", "ben"]


def test_an_account_has_what_it_has_alone() -> None:
    user = make_locked_user(options={"1004": True})

    assert selectors.get_many([user.id], scope=None) == [selectors.get(user.id, scope=None)]


def test_an_id_that_is_nobodys_is_left_out() -> None:
    assert names("nobody", make_user("ann").id, "") == ["ann"]


def test_an_account_of_another_domain_is_left_out() -> None:
    ids = make_user("own", domain_id="d1").id, make_user("foreign", domain_id="d2").id

    assert names(*ids, scope="d1") == ["own"]


def test_an_ldap_user_is_among_them() -> None:
    assert names(make_ldap_user("lena").id) == ["lena"]


def test_however_many_they_are_six_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Rows with user and domain, options, passwords, and three for the kinds."""
    ids = [make_user(f"user{number}").id for number in range(20)]

    with django_assert_num_queries(6, using="keystone"):
        assert len(names(*ids)) == 20
