"""What a page, the API and a command say of an account."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.accounts.verdict import as_dict, judge
from pciops.keystone import options
from tests.factories import NOW, POLICY, make_account

LOCK = {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=2)}
KEYS = (
    "id name domain_id domain_name email enabled states kinds failed_auth_count "
    "failed_auth_at locked_until last_active_at inactive_on password_created_at "
    "password_expires_at exemptions"
)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "Can sign in with the right password."),
        (LOCK, "Cannot sign in: locked until 14:30:11 UTC (28 min from now)."),
        (
            {**LOCK, "enabled": False, "password_expires_at": NOW - timedelta(seconds=3)},
            "Cannot sign in: locked until 14:30:11 UTC (28 min from now), and disabled, and "
            "the password expired at 14:02:08 UTC (3 s ago).",
        ),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=33)},
            "Can sign in with the right password: the lock ran out at 13:59:11 UTC (3 min ago).",
        ),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(hours=2), "enabled": None},
            "Cannot sign in: disabled.",
        ),
        (
            {"covered": False},
            "Not covered: an LDAP or federated user, which these rules do not reach.",
        ),
        ({"covered": False, "enabled": False}, "Cannot sign in: disabled."),
    ],
    ids=["fine", "locked", "three reasons", "lapsed", "lapsed and disabled", "ldap", "ldap off"],
)
def test_the_sentence_answers_whether_the_user_can_sign_in(
    facts: dict[str, Any], expected: str
) -> None:
    assert judge(make_account(**facts), POLICY, NOW).sentence == expected


def test_a_locked_account_says_what_else_is_in_the_way() -> None:
    account = make_account(**LOCK, last_active_at=date(2020, 1, 1))
    verdict = judge(account, POLICY, NOW)

    assert verdict.blocking == [LOCKED, INACTIVE]
    assert verdict.blocking_after_unlock == [INACTIVE]


def test_a_disabled_account_is_not_there_to_be_unlocked() -> None:
    verdict = judge(make_account(enabled=False), POLICY, NOW)

    assert (verdict.locked, verdict.blocking_after_unlock) == (False, [DISABLED])


def test_a_lock_that_ran_out_has_no_end_to_come() -> None:
    account = make_account(failed_auth_count=3, failed_auth_at=NOW - timedelta(hours=1))

    assert judge(account, POLICY, NOW).locked_until is None


def test_the_dictionary_has_the_keys_of_the_api() -> None:
    assert list(as_dict(judge(make_account(), POLICY, NOW))) == KEYS.split()


def test_the_dictionary_holds_the_account() -> None:
    account = make_account(
        **LOCK,
        id="a1",
        last_active_at=date(2026, 11, 1),
        password_created_at=NOW - timedelta(days=1),
        password_expires_at=NOW + timedelta(microseconds=5),
        options={options.IGNORE_PASSWORD_EXPIRY: True},
        kinds=(AccountKind.ADMINISTRATOR,),
    )

    assert as_dict(judge(account, POLICY, NOW)) == {
        "id": "a1",
        "name": "ann",
        "domain_id": "default",
        "domain_name": "Default",
        "email": "ann@example.test",
        "enabled": True,
        "states": ["locked", "exempt"],
        "kinds": ["administrator"],
        "failed_auth_count": 3,
        "failed_auth_at": "2026-11-22T14:00:11Z",
        "locked_until": "2026-11-22T14:30:11Z",
        "last_active_at": "2026-11-01",
        "inactive_on": "2027-01-30",
        "password_created_at": "2026-11-21T14:02:11Z",
        "password_expires_at": "2026-11-22T14:02:11.000005Z",
        "exemptions": ["ignore_password_expiry"],
    }


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"email": ""}, "email"),
        ({"enabled": None}, "enabled"),
        ({}, "locked_until"),
        ({}, "failed_auth_at"),
        ({"last_active_at": None}, "last_active_at"),
        ({"last_active_at": None, "created_at": None}, "inactive_on"),
        ({"password_expires_at": None}, "password_expires_at"),
    ],
)
def test_what_is_not_known_is_null(facts: dict[str, Any], key: str) -> None:
    assert as_dict(judge(make_account(**facts), POLICY, NOW))[key] is None


def test_the_dictionary_is_json() -> None:
    given = as_dict(judge(make_account(**LOCK), POLICY, NOW))

    assert json.loads(json.dumps(given)) == given
