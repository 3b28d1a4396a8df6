"""Users whose rows are odd are shown wherever the others are, and break nothing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, cast

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
    """A user with a name of its own, and these facts."""
    return make_user(f"odd-{new_id()}", **facts)


def expiring(at: datetime | None, *, old_columns: bool = False) -> User:
    """Somebody whose password expires at this instant."""
    return odd_user(passwords=[PasswordRow(expires_at=at, old_columns=old_columns)])


def beyond(column: str) -> User:
    """Somebody with a password from, or until, after the last year that Python knows."""
    user = odd_user()
    rows = Password.objects.using("keystone").filter(local_user__user_id=user.id)
    rows.update(**{column: BEYOND})
    return user


def with_null_extra() -> User:
    """The column may be NULL too."""
    user = odd_user()
    User.objects.using("keystone").filter(id=user.id).update(extra=None)
    return user


def without_a_domain() -> User:
    """Its domain's row is gone."""
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
def users() -> dict[str, User]:
    """All of them at once, by what is odd about them."""
    return {name: make() for name, make in ODD.items()}


@pytest.fixture(autouse=True)
def _every_rule_is_on(settings: Settings) -> None:
    """So that every rule looks at every row."""
    settings.POLICY_OVERRIDES = POLICY


def account_of(user: User) -> Account:
    """The account of these rows."""
    account = selectors.get(user.id, scope=None)
    assert account is not None
    return account


def lists(users: dict[str, User]) -> dict[str, dict[str, User]]:
    """Whom each list has to hold, by its query; "" is the list of all local users."""
    found: dict[str, dict[str, User]] = {"": {}}
    for name, user in users.items():
        states = classify(account_of(user), current(), NOW)
        for query in [f"state={state.name}" for state in states]:
            found.setdefault(query, {})[name] = user
        if NOT_COVERED not in states:
            found[""][name] = user
    return found


def missing(users: dict[str, User], ids: Iterable[str]) -> list[str]:
    """What is odd about those whose id is not among these."""
    there = set(ids)
    return [name for name, user in users.items() if user.id not in there]


def streamed(response: object) -> str:
    """The whole of a streamed file."""
    content = cast("Iterable[bytes]", cast("Any", response).streaming_content)
    return b"".join(content).decode()


def test_every_list_shows_them(users: dict[str, User], site: Client) -> None:
    for query, expected in lists(users).items():
        response = site.get(f"/accounts/?{query}")

        assert response.status_code == 200
        links = re.findall(r"/accounts/([0-9a-f]{32})/", response.content.decode())
        assert missing(expected, links) == []


def test_a_search_for_the_id_finds_each(users: dict[str, User], site: Client) -> None:
    for name, user in lists(users)[""].items():
        response = site.get(f"/accounts/?q={user.id}")

        assert f"/accounts/{user.id}/" in response.content.decode(), name


def test_each_page_says_whether_the_user_can_sign_in(users: dict[str, User], site: Client) -> None:
    for name, user in users.items():
        response = site.get(f"/accounts/{user.id}/")

        assert response.status_code == 200, name
        sentence = judge(account_of(user), current(), NOW).sentence
        assert sentence in shown(response), name


def test_the_api_gives_each(users: dict[str, User], token: str) -> None:
    for name, user in users.items():
        response = get(token, f"{ACCOUNTS}/{user.id}")

        assert response.status_code == 200, name
        states = [state.name for state in classify(account_of(user), current(), NOW)]
        assert response.json()["account"]["states"] == states, name


def test_the_api_walks_over_all_of_them(users: dict[str, User], token: str) -> None:
    """One by one: each is once the place where a page ends."""
    for query, expected in lists(users).items():
        found: list[str] = []
        address: str | None = f"{ACCOUNTS}?{query}&limit=1"
        while address:
            answer = get(token, address).json()
            found += [account["id"] for account in answer["accounts"]]
            address = answer["links"]["next"]

        assert missing(expected, found) == []
        assert len(found) == len(set(found))


@pytest.mark.parametrize("form", ["csv", "json"])
def test_every_list_is_exported_with_them(users: dict[str, User], site: Client, form: str) -> None:
    for query, expected in lists(users).items():
        text = streamed(site.get(f"/accounts/export?{query}&format={form}"))
        rows = json.loads(text)["accounts"] if form == "json" else csv.DictReader(io.StringIO(text))

        assert missing(expected, (row["id"] for row in rows)) == []


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_the_command_lists_them(users: dict[str, User], form: str) -> None:
    for query, expected in lists(users).items():
        out = io.StringIO(newline="")
        words = ["--state", query.removeprefix("state=")] if query else []
        call_command("accounts", "--format", form, *words, stdout=out, stderr=io.StringIO())
        names = {name: account_of(user).name for name, user in expected.items()}

        assert [name for name, text in names.items() if text not in out.getvalue()] == []
