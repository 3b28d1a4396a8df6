"""Tests of the lists with LDAP and federated users, which have no local row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts import prefilter, selectors
from pciops.accounts.privileged import AccountKind
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import DISABLED, INACTIVE, NEVER_SIGNED_IN, NOT_COVERED
from pciops.accounts.states.state import State
from pciops.keystone.models import FederatedUser, NonLocalUser, User
from tests.factories import NOW, POLICY, grant, make_federated_user, make_ldap_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def names(*, scope: str | None = None, limit: int = 10, marker: str = "", **query: Any) -> set[str]:
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
    return selectors.count(
        AccountQuery(state=NOT_COVERED, **query), scope=scope, policy=POLICY, now=NOW
    ).value


@pytest.fixture(autouse=True)
def _users() -> None:
    make_user("local")
    make_ldap_user("lea", domain_id="corp")
    make_federated_user("Fay")


@pytest.mark.parametrize(
    ("query", "expected"),
    [({}, {"lea", "Fay"}), ({"domain_id": "corp"}, {"lea"}), ({"scope": "corp"}, {"lea"})],
)
def test_users_without_a_local_row_are_listed_and_counted(
    query: dict[str, Any], expected: set[str]
) -> None:
    assert (names(**query), count(**query)) == (expected, len(expected))


@pytest.mark.parametrize(("text", "expected"), [("LE", {"lea"}), ("fa", {"Fay"}), ("local", set())])
def test_search_finds_part_of_either_name(text: str, expected: set[str]) -> None:
    assert names(text=text) == expected


def test_pages_have_every_user() -> None:
    first = selectors.page(
        AccountQuery(state=NOT_COVERED), scope=None, policy=POLICY, now=NOW, marker="", limit=1
    )

    assert {first.accounts[0].name} | names(marker=first.next) == {"lea", "Fay"}


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("state", [INACTIVE, DISABLED, NEVER_SIGNED_IN], ids=repr)
def test_lists_of_activity_have_local_users_by_name_and_then_the_others(
    state: State, limit: int
) -> None:
    facts: dict[State, dict[str, Any]] = {
        INACTIVE: {"last_active_at": NOW.date() - timedelta(days=90)},
        DISABLED: {"enabled": False},
        NEVER_SIGNED_IN: {"last_active_at": None, "created_at": NOW},
    }
    make_user("zoe", **facts[state])
    make_user("ben", **facts[state])
    others = sorted(
        [
            make_ldap_user("max", **facts[state]).id,
            make_federated_user("Ida", **facts[state]).id,
        ]
    )
    query, found, marker = AccountQuery(state=state), [], ""
    while True:
        page = selectors.page(query, scope=None, policy=POLICY, now=NOW, marker=marker, limit=limit)
        found += page.accounts
        marker = page.next
        if not marker:
            break

    assert [account.name for account in found[:2]] == ["ben", "zoe"]
    assert [account.id for account in found[2:]] == others
    assert selectors.count(query, scope=None, policy=POLICY, now=NOW).value == 4


@pytest.mark.parametrize(
    ("query", "expected"),
    [({"text": "MA"}, {"max"}), ({"domain_id": "ldap"}, {"max"}), ({"text": "lea"}, set())],
)
def test_inactive_ldap_users_are_found_by_name_and_domain(
    query: dict[str, Any], expected: set[str]
) -> None:
    make_ldap_user("max", last_active_at=NOW.date() - timedelta(days=90))
    page = selectors.page(
        AccountQuery(state=INACTIVE, **query),
        scope=None,
        policy=POLICY,
        now=NOW,
        marker="",
        limit=9,
    )

    assert {account.name for account in page.accounts} == expected


def test_administrator_is_found_by_kind() -> None:
    grant(make_ldap_user("chief"))

    assert names(kind=AccountKind.ADMINISTRATOR) == {"chief"}
    assert count(kind=AccountKind.ADMINISTRATOR) == 1


@pytest.mark.parametrize("sample", [prefilter.SAMPLE, 0])
@pytest.mark.parametrize("others", [0, 1])
def test_users_without_a_local_row_are_missed_neither_by_sample_nor_by_counts(
    monkeypatch: pytest.MonkeyPatch, sample: int, others: int
) -> None:
    monkeypatch.setattr(prefilter, "SAMPLE", sample)
    for model in (NonLocalUser, FederatedUser):
        model.objects.using("keystone").all().delete()
    User.objects.using("keystone").filter(local_user=None).delete()
    expected = {"max"} if others else set()
    if others:
        make_ldap_user("max")
    page = selectors.page(
        AccountQuery(state=NOT_COVERED), scope=None, policy=POLICY, now=NOW, marker="", limit=9
    )

    assert {account.name for account in page.accounts} == expected
