"""A whole list has the accounts of its pages, in their order, however it is read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts import loading, selectors, whole
from pciops.accounts.account import Account
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import DISABLED, STATES
from pciops.accounts.states.state import State
from pciops.keystone.models import User
from pciops.keystone.options import IGNORE_PASSWORD_EXPIRY, MFA_RULES
from tests.accounts.scenes import make_other
from tests.factories import NOW, POLICY, PasswordRow, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
TWO_DOMAINS = ("a", "b")


@pytest.fixture(autouse=True)
def _accounts() -> None:
    """Accounts in two domains, half of them disabled and never used, and LDAP users.

    They have one password, three, two that are equally old, none, or one of an old Keystone. Some
    have options.
    """
    one, older = PasswordRow(), PasswordRow(created_at=NOW - timedelta(days=60), expires_at=NOW)
    equally_old = PasswordRow(expires_at=NOW + timedelta(days=1))
    old = PasswordRow(created_at=NOW - timedelta(days=60), expires_at=NOW, old_columns=True)
    held = ((one,), (older, one, older), (one, equally_old), (), (old,))
    options = {IGNORE_PASSWORD_EXPIRY: True, MFA_RULES: [["password", "totp"]]}
    for number in range(10):
        used: dict[str, Any] = {"last_active_at": NOW.date() if number % 3 else None}
        facts = {"enabled": number % 2 == 0, "options": options if number < 6 else {}, **used}
        make_user(
            f"user{9 - number}",
            domain_id=TWO_DOMAINS[number % 3 == 0],
            passwords=held[number // 2],
            **facts,
        )
        make_other(f"other{number}", facts)


def of_pages(query: AccountQuery, scope: str | None) -> list[Account]:
    """Return the accounts of all pages."""
    accounts, marker = [], ""
    while True:
        page = selectors.page(query, scope=scope, policy=POLICY, now=NOW, marker=marker, limit=3)
        accounts += page.accounts
        marker = page.next
        if not marker:
            return accounts


def of_whole(query: AccountQuery, scope: str | None) -> list[Account]:
    """Return the accounts of the whole list."""
    chunks = whole.chunks(query, scope=scope, policy=POLICY, now=NOW, size=3)
    return [account for accounts in chunks for account in accounts]


@pytest.mark.parametrize(
    ("most_ids", "most_options"), [(0, 100), (3, 100), (100, 100), (100, 0)], ids=str
)
@pytest.mark.parametrize("scope", [None, "b"])
@pytest.mark.parametrize("state", [*STATES, None], ids=str)
def test_a_whole_list_is_its_pages(
    state: State | None,
    scope: str | None,
    most_ids: int,
    most_options: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(whole, "MOST", most_ids)
    monkeypatch.setattr(loading, "MOST_OPTIONS", most_options)
    query = AccountQuery(state=state)

    assert of_whole(query, scope) == of_pages(query, scope)


def test_a_filtered_list_is_its_pages() -> None:
    for query in (
        AccountQuery(state=DISABLED, text="user"),
        AccountQuery(state=DISABLED, domain_id="b"),
        AccountQuery(state=DISABLED, machine=False),
    ):
        assert of_whole(query, None) == of_pages(query, None) != []


@pytest.mark.parametrize("local", [True, False], ids=["local user", "LDAP user"])
def test_an_account_that_left_the_list_meanwhile_is_left_out(local: bool) -> None:
    chunks = whole.chunks(AccountQuery(state=DISABLED), scope=None, policy=POLICY, now=NOW, size=1)
    first = next(chunks)
    left = User.objects.filter(enabled=False, local_user__isnull=not local).exclude(pk=first[0].id)
    ids = set(left.values_list("pk", flat=True))
    User.objects.using("keystone").filter(pk__in=ids).update(enabled=True)
    still = [account for accounts in [first, *chunks] for account in accounts]

    assert len(ids) >= 4
    assert len(still) == 10 - len(ids)
    assert ids.isdisjoint(account.id for account in still)
