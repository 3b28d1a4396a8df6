"""The preview of another policy over the API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pytest_django import Settings

from tests.api.call import assert_refused, get, token_of_domain
from tests.factories import NOW, grant, make_user
from tests.fake_keystone import FakeKeystone

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

WHAT_IF = "/api/v1/policy/what-if"


@pytest.fixture(autouse=True)
def _policy(settings: Settings) -> None:
    settings.POLICY_OVERRIDES = {"lockout_failure_attempts": "6"}


def test_answer_has_numbers_and_accounts(token: str) -> None:
    root = make_user("root", last_active_at=(NOW - timedelta(days=40)).date())
    grant(root)
    make_user("ann", last_active_at=NOW.date())
    answer = get(token, WHAT_IF, disable_user_account_days_inactive="30").json()

    assert answer["live_at"] == "2026-11-22T14:02:11Z"
    assert answer["options"]["disable_user_account_days_inactive"] == {
        "value": None,
        "proposed": 30,
    }
    assert answer["today"] == {"accounts": 1, "administrator": 1, "service": 0}
    assert answer["ahead"] == {"accounts": 2, "administrator": 1, "service": 0}
    assert answer["rules"][1] == {
        "state": "inactive",
        "options": ["disable_user_account_days_inactive"],
        "today": answer["today"],
        "ahead": answer["ahead"],
    }
    assert answer["accounts"] == [
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
    assert answer["answer"].startswith("Today 1 account would stop")


def test_passwords_are_counted_apart_from_accounts(token: str) -> None:
    make_user()

    assert get(token, WHAT_IF, password_expires_days="20").json()["passwords"] == {
        "never_expire": 1,
        "keep_expiry": 0,
        "too_old": 1,
        "new_expire_on": "2026-12-12",
    }


def test_empty_value_turns_a_rule_off_and_a_missing_one_keeps_it(token: str) -> None:
    options = get(token, WHAT_IF, lockout_failure_attempts="").json()["options"]

    assert options["lockout_failure_attempts"] == {"value": 6, "proposed": None}
    assert options["lockout_duration"] == {"value": 1800, "proposed": 1800}


@pytest.mark.parametrize(
    ("query", "start"),
    [
        *(
            ({"password_expires_days": text}, f"password_expires_days: '{text}' is not")
            for text in ("0", "-1", "x", "36501")
        ),
        ({"password_regex": ".*"}, "password_regex: unknown parameter"),
    ],
)
def test_invalid_option_is_named(token: str, query: dict[str, str], start: str) -> None:
    assert_refused(get(token, WHAT_IF, **query), 400, start)


def test_domain_token_gets_only_numbers_of_the_domain(fake_keystone: FakeKeystone) -> None:
    make_user("ann", domain_id="shops", created_at=NOW - timedelta(days=99))
    make_user("bob", created_at=NOW - timedelta(days=99))
    answer = get(
        token_of_domain(fake_keystone), WHAT_IF, disable_user_account_days_inactive="30"
    ).json()

    assert answer["today"] == {"accounts": 1, "administrator": 0, "service": 0}
