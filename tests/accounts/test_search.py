"""Tests of searches: by the beginning of a name, and by any part of name or email address."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pciops.accounts import search, selectors
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import DISABLED, EXPIRING, LOCKED, NOT_COVERED
from pciops.accounts.states.state import State
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    make_federated_user,
    make_ldap_user,
    make_locked_user,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def found(
    text: str,
    *,
    begins: bool = True,
    state: State | None = None,
    domain_id: str = "",
    scope: str | None = None,
) -> list[str]:
    """Return the names that a search finds, page by page."""
    query = AccountQuery(text=text, begins=begins, state=state, domain_id=domain_id)
    listed, marker = [], ""
    while True:
        page = selectors.page(query, scope=scope, policy=POLICY, now=NOW, marker=marker, limit=2)
        listed += [account.name for account in page.accounts]
        marker = page.next
        if not marker:
            return listed


@pytest.mark.parametrize("most", [search.MOST_DOMAINS, 1], ids=["by the index", "many domains"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann", ["ann", "anna", "Ann", "ann-2"]),
        ("ANN-", ["ann-2"]),
        ("nn", []),
        ("ann@", []),
        ("c0ffee", ["zoe"]),
        ("c0ffe", []),
        ("a%", []),
        ("a_n", []),
        ("100%_", ["100%_sure"]),
    ],
)
def test_beginning_of_a_name_or_an_id_is_found_in_every_domain(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: list[str], most: int
) -> None:
    monkeypatch.setattr(search, "MOST_DOMAINS", most)
    make_user("anna", domain_id="d1", email="x@corp.example")
    make_user("ann", domain_id="d1", email="ann@corp.example")
    make_user("Ann", domain_id="d2")
    make_user("ann-2", domain_id="d3")
    make_user("joann", domain_id="d3", email="ann@corp.example")
    make_user("zoe", domain_id="d1", user_id="c0ffee")
    make_user("100%_sure", domain_id="d1")

    assert found(text) == expected


def test_beginning_is_searched_in_the_domain_and_the_scope_alone() -> None:
    make_user("anna", domain_id="d1", user_id="c0ffee")
    make_user("ann", domain_id="d2")

    assert found("ann", domain_id="d2") == ["ann"]
    assert found("ann", scope="d1") == ["anna"]
    assert found("c0ffee", scope="d2") == []
    assert found("c0ffee", domain_id="d2") == []


@pytest.mark.parametrize(("begins", "expected"), [(True, ["anna"]), (False, ["anna", "joanna"])])
def test_every_kind_of_list_searches_both_ways(begins: bool, expected: list[str]) -> None:
    soon = [PasswordRow(expires_at=NOW + timedelta(days=1))]
    for name in ("anna", "joanna", "bob"):
        make_locked_user(f"{name} locked", at=NOW)
        make_user(f"{name} expiring", passwords=soon)
        make_user(f"{name} disabled", enabled=False)

    for state in (LOCKED, EXPIRING, DISABLED):
        names = found("ann", begins=begins, state=state)
        assert sorted(names) == [f"{name} {state.name}" for name in expected]


@pytest.mark.parametrize("few", [search.FEW, 0], ids=["few", "too many for a list of ids"])
@pytest.mark.parametrize(
    ("text", "begins", "expected"),
    [
        ("le", True, ["lena", "Leo"]),
        ("le", False, ["lena", "Leo", "ole"]),
        ("corp", True, []),
        ("corp", False, ["lena"]),
        ("c0ffee", True, ["ole"]),
        ("c0ffee", False, ["ole"]),
    ],
)
def test_ldap_and_federated_users_are_found_by_their_names(
    monkeypatch: pytest.MonkeyPatch, text: str, begins: bool, expected: list[str], few: int
) -> None:
    monkeypatch.setattr(search, "FEW", few)
    make_ldap_user("lena", extra='{"email": "x@corp.example"}')
    make_ldap_user("ole", id="c0ffee")
    make_federated_user("Leo")
    make_user("leonie")

    assert sorted(found(text, begins=begins, state=NOT_COVERED), key=str.lower) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("ANN", ["ann", "Ann"]), ("c0ffee", ["anna"]), ("an", []), ("", [])],
)
def test_exact_name_or_id_is_found_by_itself(text: str, expected: list[str]) -> None:
    make_user("anna", domain_id="d1", user_id="c0ffee")
    make_user("ann", domain_id="d2")
    make_user("Ann", domain_id="d3")
    accounts = selectors.exact(
        AccountQuery(text=text, begins=True), scope=None, policy=POLICY, now=NOW, limit=10
    )

    assert [account.name for account in accounts] == expected


def test_exact_name_of_another_state_is_not_in_the_list() -> None:
    make_locked_user("ann", domain_id="d1", at=NOW)
    make_user("ann", domain_id="d2")
    query = AccountQuery(text="ann", begins=True, state=LOCKED)
    accounts = selectors.exact(query, scope=None, policy=POLICY, now=NOW, limit=10)

    assert [account.domain_id for account in accounts] == ["d1"]
