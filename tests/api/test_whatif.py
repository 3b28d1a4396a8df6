"""What if, over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from tests.api.call import get
from tests.factories import NOW, grant, make_user
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

WHAT_IF = "/api/v1/policy/what-if"


@pytest.fixture(autouse=True)
def _policy(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6"}


def test_it_has_the_numbers_and_the_names(token: str) -> None:
    root = make_user("root", last_active_at=(NOW - timedelta(days=40)).date())
    grant(root)
    make_user("ann", last_active_at=NOW.date())
    found = get(token, WHAT_IF, disable_user_account_days_inactive="30").json()

    assert found["live_at"] == "2026-11-22T14:02:11Z"
    assert found["options"]["disable_user_account_days_inactive"] == {"value": None, "proposed": 30}
    assert found["today"] == {"accounts": 1, "administrator": 1, "service": 0}
    assert found["ahead"] == {"accounts": 2, "administrator": 1, "service": 0}
    assert found["rules"][1] == {
        "state": "inactive",
        "options": ["disable_user_account_days_inactive"],
        "today": found["today"],
        "ahead": found["ahead"],
    }
    assert found["accounts"] == [
        {
            "id": root.id,
            "name": "root",
            "domain_id": "default",
            "domain_name": "Default",
            "kinds": ["administrator"],
            "states": ["inactive"],
            "today": True,
            "last_active_at": "2026-10-13",
            "inactive_on": "2026-11-12",
            "locked_until": None,
        }
    ]
    assert found["answer"].startswith("Today 1 account would stop, an administrator. Within 30")


def test_passwords_are_told_apart_from_accounts(token: str) -> None:
    make_user()

    assert get(token, WHAT_IF, password_expires_days="20").json()["passwords"] == {
        "never_expire": 1,
        "keep_expiry": 0,
        "too_old": 1,
        "new_expire_on": "2026-12-12",
    }


def test_an_empty_value_is_off_and_one_left_out_is_as_now(token: str) -> None:
    options = get(token, WHAT_IF, lockout_failure_attempts="").json()["options"]

    assert options["lockout_failure_attempts"] == {"value": 6, "proposed": None}
    assert options["lockout_duration"] == {"value": 1800, "proposed": 1800}


@pytest.mark.parametrize("text", ["0", "-1", "x", "36501"])
def test_a_value_that_makes_no_sense_is_named(token: str, text: str) -> None:
    response = get(token, WHAT_IF, password_expires_days=text)

    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith(f"password_expires_days: '{text}' is no")


def test_an_unknown_option_is_named(token: str) -> None:
    response = get(token, WHAT_IF, password_regex=".*")

    assert response.status_code == 400
    assert response.json()["error"]["message"].startswith("password_regex: no such option")


def test_an_administrator_of_a_domain_gets_that_domain(fake_keystone: FakeKeystone) -> None:
    make_user("ann", domain_id="shops", created_at=NOW - timedelta(days=99))
    make_user("bob", created_at=NOW - timedelta(days=99))
    person = fake_keystone.person(roles={"default": {"admin"}})
    token = fake_keystone.issue(person, "default")

    assert get(token, WHAT_IF, disable_user_account_days_inactive="30").json()["today"] == {
        "accounts": 1,
        "administrator": 0,
        "service": 0,
    }


def test_without_a_token_nothing_is_said(fake_keystone: FakeKeystone) -> None:
    assert get("", WHAT_IF).status_code == 401
