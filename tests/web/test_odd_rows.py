"""Users with unusual rows are on every page, in every file, in the API, and in commands."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import current
from pciops.accounts.states import NOT_COVERED, classify
from pciops.accounts.verdict import judge
from pciops.keystone.models import Password, User
from tests.api.call import ACCOUNTS, get
from tests.api.call import token as token
from tests.factories import (
    NOW,
    PasswordRow,
    make_domain,
    make_federated_user,
    make_user,
    new_id,
)
from tests.signin.visit import shown
from tests.web.pages import csv_rows, text_of

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
BEYOND = 10**18  # microseconds: the year 33658
POLICY = {
    "lockout_failure_attempts": "3",
    "lockout_duration": "1800",
    "disable_user_account_days_inactive": "90",
    "password_expires_days": "90",
}


def odd_user(**facts: Any) -> User:
    """Make a user with a unique name and these facts."""
    return make_user(f"odd-{new_id()}", **facts)


def expiring(at: datetime | None, *, old_columns: bool = False) -> User:
    """Make a user whose password expires at this time."""
    return odd_user(passwords=[PasswordRow(expires_at=at, old_columns=old_columns)])


def beyond(column: str) -> User:
    """Make a user with a time of the password after the last year that Python knows."""
    user = odd_user()
    rows = Password.objects.using("keystone").filter(local_user__user_id=user.id)
    rows.update(**{column: BEYOND})
    return user


def with_null_extra() -> User:
    user = odd_user()
    User.objects.using("keystone").filter(id=user.id).update(extra=None)
    return user


def without_a_domain() -> User:
    user = odd_user(domain_id="gone")
    make_domain("gone").delete(using="keystone")
    return user


ODD: dict[str, Callable[[], User]] = {
    "extra is broken": lambda: odd_user(extra="{"),
    "extra is empty": lambda: odd_user(extra=""),
    "extra is a list": lambda: odd_user(extra='["email"]'),
    "extra is nested too deep": lambda: odd_user(extra="[" * 100_000),
    "extra is NULL": with_null_extra,
    "e-mail is a number": lambda: odd_user(extra='{"email": 7}'),
    "enabled is NULL": lambda: odd_user(enabled=None),
    "created_at is NULL": lambda: odd_user(created_at=None),
    "both days are NULL": lambda: odd_user(created_at=None, last_active_at=None),
    "created at the end of time": lambda: odd_user(created_at=LAST),
    "created at the beginning of time": lambda: odd_user(created_at=FIRST),
    "active at the end of time": lambda: odd_user(last_active_at=date.max),
    "active at the beginning of time": lambda: odd_user(last_active_at=date.min),
    "expiry in the year 9999": lambda: expiring(LAST),
    "old expiry in the year 9999": lambda: expiring(LAST, old_columns=True),
    "expiry after the year 9999": lambda: beyond("expires_at_int"),
    "password made after the year 9999": lambda: beyond("created_at_int"),
    "expiry in the year 1": lambda: expiring(FIRST),
    "no password row": lambda: odd_user(passwords=[]),
    "passwords of one instant": lambda: odd_user(passwords=[PasswordRow()] * 3),
    "failure at the end of time": lambda: odd_user(failed_auth_count=3, failed_auth_at=LAST),
    "failures without an instant": lambda: odd_user(failed_auth_count=3, failed_auth_at=None),
    "count is NULL": lambda: odd_user(failed_auth_count=None, failed_auth_at=NOW),
    "count is negative": lambda: odd_user(failed_auth_count=-1),
    "option is broken": lambda: odd_user(options={"1002": "{", "MFAR": [["password"]]}),
    "no domain row": without_a_domain,
    "neither local nor nonlocal nor federated": make_federated_user,
    "all at once": lambda: odd_user(
        enabled=None,
        extra="{",
        created_at=None,
        failed_auth_count=None,
        passwords=[],
        options={"1001": None},
    ),
}


@pytest.fixture
def users(settings: Settings) -> dict[str, User]:
    """All of them, while every rule is on."""
    settings.POLICY_OVERRIDES = POLICY
    return {name: make() for name, make in ODD.items()}


def account_of(user: User) -> Account:
    account = selectors.get(user.id, scope=None)
    assert account is not None
    return account


def lists(users: dict[str, User]) -> dict[str, dict[str, User]]:
    """Return the users that each list has to hold, by its query; "" is that of all local users."""
    found: dict[str, dict[str, User]] = {"": {}}
    for name, user in users.items():
        states = classify(account_of(user), current(), NOW)
        for state in states:
            found.setdefault(f"state={state.name}", {})[name] = user
        if NOT_COVERED not in states:
            found[""][name] = user
    return found


def missing(users: dict[str, User], ids: Iterable[str]) -> list[str]:
    """Return the names of the odd rows whose id is not there."""
    present = set(ids)
    return [name for name, user in users.items() if user.id not in present]


def test_every_page_and_file_of_lists_has_them(users: dict[str, User], site: Client) -> None:
    for query, expected in lists(users).items():
        page = site.get(f"/accounts/?{query}")
        links = re.findall(r"/accounts/([0-9a-f]{32})/", page.content.decode())
        file = json.loads(text_of(site, f"/accounts/export?{query}&format=json"))["accounts"]
        rows = csv_rows(site, f"/accounts/export?{query}&format=csv")

        assert page.status_code == 200
        assert missing(expected, links) == []
        assert missing(expected, (row["id"] for row in file)) == []
        assert missing(expected, (row["id"] for row in rows)) == []


def test_page_search_and_api_have_each(users: dict[str, User], site: Client, token: str) -> None:
    for name, user in users.items():
        account = account_of(user)
        verdict = judge(account, current(), NOW)
        page = site.get(f"/accounts/{user.id}/")
        answer = get(token, f"{ACCOUNTS}/{user.id}")

        assert page.status_code == answer.status_code == 200, name
        assert verdict.sentence in shown(page), name
        assert answer.json()["account"]["states"] == [state.name for state in verdict.states], name
        if account.covered:
            found = site.get(f"/accounts/?q={user.id}").content.decode()
            assert f"/accounts/{user.id}/" in found, name


def test_the_api_walks_over_all_of_them(users: dict[str, User], token: str) -> None:
    """Walk one by one, so that a page ends once at each."""
    for query, expected in lists(users).items():
        found: list[str] = []
        url: str | None = f"{ACCOUNTS}?{query}&limit=1"
        while url:
            answer = get(token, url).json()
            found += [account["id"] for account in answer["accounts"]]
            url = answer["links"]["next"]

        assert missing(expected, found) == []
        assert len(found) == len(set(found))


def test_the_command_lists_them(users: dict[str, User]) -> None:
    for query, expected in lists(users).items():
        options = ["--state", query.removeprefix("state=")] if query else []
        names = {name: account_of(user).name for name, user in expected.items()}
        for form in ("table", "csv", "json"):
            out = io.StringIO(newline="")
            call_command("accounts", "--format", form, *options, stdout=out, stderr=io.StringIO())

            assert [name for name, text in names.items() if text not in out.getvalue()] == []
