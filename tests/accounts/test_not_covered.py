"""The list of users that have no local row: LDAP and federated ones."""

from __future__ import annotations

from typing import Any

import pytest

from pciops.accounts import selectors
from pciops.accounts.privileged import AccountKind
from pciops.accounts.selectors import AccountQuery
from pciops.accounts.states import NOT_COVERED
from tests.factories import NOW, POLICY, grant, make_federated_user, make_ldap_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def names(*, scope: str | None = None, limit: int = 10, marker: str = "", **query: Any) -> set[str]:
    """The names of those that fit."""
    page = selectors.page(
        AccountQuery(state=NOT_COVERED, **query),
        scope=scope,
        policy=POLICY,
        now=NOW,
        marker=marker,
        limit=limit,
    )
    return {account.name for account in page.accounts}


def count(*, scope: str | None = None, **query: Any) -> int:
    """How many fit."""
    return selectors.count(
        AccountQuery(state=NOT_COVERED, **query), scope=scope, policy=POLICY, now=NOW
    )


@pytest.fixture(autouse=True)
def _users() -> None:
    make_user("local")
    make_ldap_user("lea", domain_id="corp")
    make_federated_user("Fay")


def test_they_are_listed_without_the_local_ones() -> None:
    assert names() == {"lea", "Fay"}


def test_they_are_counted() -> None:
    assert count() == 2


@pytest.mark.parametrize(("text", "expected"), [("LE", {"lea"}), ("fa", {"Fay"}), ("local", set())])
def test_the_search_finds_part_of_either_name(text: str, expected: set[str]) -> None:
    assert names(text=text) == expected


def test_the_domain_filter_holds() -> None:
    assert names(domain_id="corp") == {"lea"}


def test_an_operator_of_one_domain_sees_that_domain_alone() -> None:
    assert (names(scope="corp"), count(scope="corp")) == ({"lea"}, 1)


def test_pages_walk_all_of_them() -> None:
    first = selectors.page(
        AccountQuery(state=NOT_COVERED), scope=None, policy=POLICY, now=NOW, marker="", limit=1
    )

    assert {first.accounts[0].name} | names(marker=first.next) == {"lea", "Fay"}


def test_an_administrator_among_them_is_found_by_kind() -> None:
    grant(make_ldap_user("chief"))

    assert names(kind=AccountKind.ADMINISTRATOR) == {"chief"}
    assert count(kind=AccountKind.ADMINISTRATOR) == 1
