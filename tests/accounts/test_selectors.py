"""Tests of lists of accounts, of single accounts, and of their cost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import selectors
from pciops.accounts.query import AccountQuery
from pciops.accounts.selectors import AccountPage, Domain
from pciops.accounts.states import LOCKED
from pciops.keystone import options
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import LocalUser
from pciops.lib.keyset import MarkerError
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    make_domain,
    make_federated_user,
    make_ldap_user,
    make_role,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

LOCK: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}


def page(
    query: AccountQuery | None = None,
    *,
    scope: str | None = None,
    marker: str = "",
    limit: int = 50,
) -> AccountPage:
    return selectors.page(
        query or AccountQuery(), scope=scope, policy=POLICY, now=NOW, marker=marker, limit=limit
    )


def names(query: AccountQuery | None = None, **arguments: Any) -> list[str]:
    return [account.name for account in page(query, **arguments).accounts]


def count(query: AccountQuery | None = None, *, scope: str | None = None) -> int:
    return selectors.count(query or AccountQuery(), scope=scope, policy=POLICY, now=NOW).value


# --- Order and pages ---------------------------------------------------------------------------
def test_accounts_are_sorted_by_name() -> None:
    for name in ("cleo", "ann", "bob"):
        make_user(name)

    assert names() == ["ann", "bob", "cleo"]


def test_locked_accounts_are_sorted_by_the_newest_failure() -> None:
    make_user("old", failed_auth_count=3, failed_auth_at=NOW - timedelta(minutes=9))
    make_user("never", failed_auth_count=3, failed_auth_at=None)
    make_user("new", **LOCK)

    assert names(AccountQuery(state=LOCKED)) == ["new", "old", "never"]


@pytest.mark.parametrize(
    "query", [AccountQuery(), AccountQuery(state=LOCKED)], ids=["all", "locked"]
)
def test_pages_have_every_account_once(query: AccountQuery) -> None:
    for number in range(7):
        make_user(f"user{number}", domain_id=f"d{number % 2}", **LOCK)
    listed, marker = [], "first"
    while marker:
        current = page(query, limit=3, marker="" if marker == "first" else marker)
        listed += [account.name for account in current.accounts]
        marker = current.next

    assert sorted(listed) == [f"user{number}" for number in range(7)]


@pytest.mark.parametrize(("limit", "more"), [(1, True), (2, False), (3, False)])
def test_last_page_has_no_next(limit: int, more: bool) -> None:
    make_user("ann")
    make_user("bob")

    assert bool(page(limit=limit).next) is more


def test_marker_of_another_list_is_refused() -> None:
    make_user("ann", **LOCK)
    make_user("bob", **LOCK)
    marker = page(limit=1).next

    with pytest.raises(MarkerError):
        page(AccountQuery(state=LOCKED), marker=marker)


@pytest.mark.parametrize("number", [1, 20])
def test_number_of_queries_is_constant(
    django_assert_num_queries: DjangoAssertNumQueries, number: int
) -> None:
    rows = [PasswordRow(), PasswordRow(expires_at=NOW)]
    make_role("admin")
    for n in range(number):
        make_user(f"user{n}", domain_id=f"d{n}", passwords=rows, options={"1002": True})

    # Their ids; rows with user and domain; options; passwords; and groups, roles, projects, and
    # assignments; application credentials.
    with django_assert_num_queries(9, using="keystone"):
        accounts = page().accounts
    assert len(accounts) == number
    ids = [account.id for account in accounts]
    # The same without the first.
    with django_assert_num_queries(8, using="keystone"):
        assert selectors.get_many(ids, scope=None) == accounts


# --- Scope -------------------------------------------------------------------------------------
@pytest.fixture
def _two_domains() -> None:
    """A locked account in each of two domains."""
    make_user("ours", domain_id="d1", domain_name="Ours", email="x@ours.test", **LOCK)
    make_user("theirs", domain_id="d2", domain_name="Theirs", email="x@theirs.test", **LOCK)


@pytest.mark.usefixtures("_two_domains")
@pytest.mark.parametrize(
    "query",
    [
        AccountQuery(),
        AccountQuery(state=LOCKED),
        AccountQuery(text="s"),
        AccountQuery(text=".test"),
        AccountQuery(state=LOCKED, text="x@"),
    ],
    ids=str,
)
def test_page_has_only_accounts_in_scope(query: AccountQuery) -> None:
    assert sorted(names(query, scope=None)) == ["ours", "theirs"]
    assert names(query, scope="d1") == ["ours"]


@pytest.mark.usefixtures("_two_domains")
def test_domain_and_id_out_of_scope_are_not_found() -> None:
    theirs = LocalUser.objects.get(name="theirs").user_id

    assert names(AccountQuery(domain_id="d2")) == ["theirs"]
    assert names(AccountQuery(domain_id="d2"), scope="d1") == []
    assert names(AccountQuery(text=theirs), scope="d1") == []


@pytest.mark.usefixtures("_two_domains")
@pytest.mark.parametrize(("scope", "expected"), [(None, 2), ("d1", 1), ("d3", 0), ("", 0)])
def test_count_has_only_accounts_in_scope(scope: str | None, expected: int) -> None:
    assert count(AccountQuery(state=LOCKED), scope=scope) == expected


@pytest.mark.usefixtures("_two_domains")
@pytest.mark.parametrize(("scope", "exists"), [(None, True), ("d2", True), ("d1", False)])
def test_account_out_of_scope_is_not_found(scope: str | None, exists: bool) -> None:
    theirs = LocalUser.objects.get(name="theirs").user_id

    assert (selectors.get(theirs, scope=scope) is not None) is exists


@pytest.mark.usefixtures("_two_domains")
@pytest.mark.parametrize(
    ("scope", "expected"),
    [(None, ["Ours", "Theirs"]), ("d1", ["Ours"]), ("d3", [])],
)
def test_domains_are_in_scope(scope: str | None, expected: list[str]) -> None:
    assert [domain.name for domain in selectors.domains(scope=scope)] == expected


@pytest.mark.usefixtures("_two_domains")
def test_marker_of_another_scope_opens_nothing() -> None:
    marker = page(AccountQuery(state=LOCKED), limit=1).next

    assert "theirs" not in names(AccountQuery(state=LOCKED), scope="d1", marker=marker)


# --- Filters and search ------------------------------------------------------------------------
def test_list_can_be_of_one_state() -> None:
    make_user("ann", **LOCK)
    make_user("bob")

    assert names(AccountQuery(state=LOCKED)) == ["ann"]
    assert count(AccountQuery(state=LOCKED)) == 1


@pytest.mark.parametrize(
    "text", ["ann", "ANN", "nn.w", "ann.weber", "a.weber@", "A.Weber@Example.Test", "@EXAMPLE"]
)
def test_account_is_found_by_part_of_name_or_email_address(text: str) -> None:
    make_user("Ann.Weber", email="A.Weber@Example.Test")
    make_user("bob", email="b@other.test")

    assert names(AccountQuery(text=text)) == ["Ann.Weber"]


def test_account_is_found_by_its_whole_id() -> None:
    user = make_user("ann", user_id="abc123")
    make_user("bob", user_id="abc124")

    assert names(AccountQuery(text=user.id)) == ["ann"]
    assert names(AccountQuery(text="abc12")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "a%b a_b a\\b") for text in ("%", "_", "\\", "a%b", "a_b", "a\\b")),
        *((text, "odd") for text in ("o%d", "_@", "d\\_")),
    ],
)
def test_wildcards_of_sql_are_plain_characters(text: str, expected: str) -> None:
    make_user("plain", email="plain@example.test")
    make_user("axb", email="axb@example.test")
    make_user("a%b a_b a\\b")
    make_user("odd", email="o%d\\_@example.test")

    assert expected in names(AccountQuery(text=text))
    assert not {"plain", "axb"} & set(names(AccountQuery(text=text)))


@pytest.mark.parametrize(
    "extra", ["", "{", "[]", '["ann@"]', "null", '{"email": null}', '{"email": {"a": 1}}', "NaN"]
)
def test_invalid_extra_does_not_break_the_search(extra: str) -> None:
    make_user("bob", extra=extra)
    make_user("cleo", email="ann@example.test")

    assert names(AccountQuery(text="ann@")) == ["cleo"]


def test_other_values_in_extra_are_not_searched() -> None:
    make_user("bob", extra='{"email": "b@example.test", "description": "ann"}')

    assert names(AccountQuery(text="ann")) == []


@pytest.mark.parametrize("text", ["'", '"', "--", ";", "\n", "%s", "%(x)s", "?"])
def test_search_is_not_sql(text: str) -> None:
    make_user("ann")

    assert names(AccountQuery(text=text)) == []


def test_ldap_and_federated_users_are_not_listed() -> None:
    make_ldap_user()
    make_federated_user("Fred")

    assert names() == []


def test_user_of_a_missing_domain_is_listed() -> None:
    user = make_user("ann", domain_id="gone")
    if user.domain:
        user.domain.delete(using="keystone")

    assert names() == ["ann"]


# --- One account -------------------------------------------------------------------------------
def test_account_by_id_equals_the_listed_one() -> None:
    user = make_user(
        "ann",
        passwords=[PasswordRow(expires_at=NOW)],
        options={options.IGNORE_LOCKOUT: True},
        **LOCK,
    )

    assert [selectors.get(user.id, scope=None)] == page().accounts


@pytest.mark.parametrize("user_id", ["", "nobody", "' OR 1=1 --"])
def test_unknown_id_is_not_found(user_id: str) -> None:
    make_user("ann")

    assert selectors.get(user_id, scope=None) is None


def test_accounts_are_in_the_order_of_their_ids_and_in_scope() -> None:
    ids = [
        make_user("cat", domain_id="d1").id,
        "nobody",
        make_ldap_user("lena", domain_id="d1").id,
        make_user("ann", domain_id="d2").id,
    ]

    def names_in(scope: str | None) -> list[str]:
        return [account.name for account in selectors.get_many(ids, scope=scope)]

    assert names_in(None) == ["cat", "lena", "ann"]
    assert names_in("d1") == ["cat", "lena"]
    assert names_in("nowhere") == []


def test_ldap_user_has_its_name_and_is_not_covered() -> None:
    account = selectors.get(make_ldap_user("lena").id, scope=None)

    assert account is not None
    assert (account.name, account.covered) == ("lena", False)


@pytest.mark.parametrize(
    ("display_names", "expected"),
    [
        (("Fred",), "Fred"),
        ((None, "Fred"), "Fred"),
        (("Fred", "Freddy"), "Fred"),
        ((), None),
        ((None,), None),
        (("",), None),
    ],
)
def test_federated_user_has_its_display_name_or_its_id(
    display_names: tuple[str | None, ...], expected: str | None
) -> None:
    user = make_federated_user(*display_names)
    account = selectors.get(user.id, scope=None)

    assert account is not None
    assert (account.name, account.covered) == (expected or user.id, False)


@pytest.mark.usefixtures("_two_domains")
@pytest.mark.parametrize(
    ("name", "domain", "expected"),
    [
        ("ours", "", ["d1"]),
        ("ours", "d1", ["d1"]),
        ("ours", "Ours", ["d1"]),
        ("ours", "Theirs", []),
        ("our", "", []),
        ("o%", "", []),
        ("both", "", ["d1", "d2"]),
        ("both", "Theirs", ["d2"]),
    ],
)
def test_get_by_name_requires_the_whole_name(name: str, domain: str, expected: list[str]) -> None:
    make_user("both", domain_id="d1")
    make_user("both", domain_id="d2")
    accounts = selectors.get_by_name(name, domain=domain)

    assert [account.domain_id for account in accounts] == expected


def test_domains_are_sorted_without_keystones_root() -> None:
    make_domain("<<keystone.domain.root>>", "<<keystone.domain.root>>")
    make_domain("d2", "Alpha")
    make_domain("d1", "Beta")
    project = make_domain("p1", "A project")
    project.is_domain = False
    project.save(using="keystone")

    assert selectors.domains(scope=None) == [
        Domain(id="d2", name="Alpha"),
        Domain(id="d1", name="Beta"),
    ]


@pytest.mark.parametrize(
    "read",
    [
        page,
        count,
        lambda: selectors.get("a", scope=None),
        lambda: selectors.get_many(["a"], scope=None),
        lambda: selectors.get_by_name("a", domain=""),
        lambda: selectors.domains(scope=None),
    ],
    ids=["page", "count", "get", "get_many", "get_by_name", "domains"],
)
def test_database_outage_is_an_exception(read: Any) -> None:
    with connections["keystone"].cursor() as cursor:
        for table in ("local_user", "user", "project"):
            cursor.execute(f'ALTER TABLE "{table}" RENAME TO "lost_{table}"')

    with pytest.raises(KeystoneDatabaseDownError):
        read()
