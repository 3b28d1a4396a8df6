"""Tests of the verdict on an account, as pages, API and commands show it."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.accounts.states.state import State
from pciops.accounts.verdict import as_dict, judge
from pciops.keystone import options
from tests.factories import NOW, POLICY, make_account

LOCK = {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=2)}


@pytest.mark.parametrize(
    ("facts", "terms"),
    [
        ({}, ["Can sign in"]),
        (LOCK, ["Can't sign in", "locked until 14:30:11 UTC (in 28 min)"]),
        (
            {**LOCK, "enabled": False, "password_expires_at": NOW - timedelta(seconds=3)},
            ["Can't sign in", "locked until 14:30:11 UTC", "disabled", "expired at 14:02:08 UTC"],
        ),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=33)},
            ["Can sign in", "the lock ended at 13:59:11 UTC (3 min ago)"],
        ),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(hours=2), "enabled": None},
            ["Can't sign in", "disabled"],
        ),
        ({"covered": False}, ["LDAP or federated user", "inactivity does."]),
        (
            {"covered": False, "last_active_at": date(2026, 8, 24)},
            ["Inactive since 22 Nov 2026", "application credentials", "single sign-on"],
        ),
        (
            {"covered": False, "in_directory": True, "last_active_at": date(2026, 8, 24)},
            ["Inactive since 22 Nov 2026", "driver of its domain decides"],
        ),
        (
            {"covered": False, "last_active_at": date(2026, 8, 25)},
            ["LDAP or federated user", "inactive on 23 Nov 2026"],
        ),
        ({"covered": False, "enabled": False}, ["Can't sign in", "disabled"]),
    ],
    ids=[
        "can sign in",
        "locked",
        "three reasons",
        "lapsed",
        "lapsed and disabled",
        "ldap",
        "federated inactive",
        "ldap inactive",
        "ldap inactive soon",
        "ldap off",
    ],
)
def test_sentence_answers_whether_the_user_can_sign_in(
    facts: dict[str, Any], terms: list[str]
) -> None:
    sentence = judge(make_account(**facts), POLICY, NOW).sentence
    places = [sentence.find(term) for term in terms]

    assert places[0] == 0
    assert places == sorted(set(places))


@pytest.mark.parametrize(
    ("facts", "blocking", "after_unlock"),
    [
        ({**LOCK, "last_active_at": date(2020, 1, 1)}, [LOCKED, INACTIVE], [INACTIVE]),
        ({"enabled": False}, [DISABLED], [DISABLED]),
        ({**LOCK, "failed_auth_at": NOW - timedelta(hours=1)}, [], []),
    ],
    ids=["locked and inactive", "disabled", "lapsed lock"],
)
def test_unlock_ends_only_a_lock(
    facts: dict[str, Any], blocking: list[State], after_unlock: list[State]
) -> None:
    verdict = judge(make_account(**facts), POLICY, NOW)

    assert verdict.blocking == blocking
    assert verdict.blocking_after_unlock == after_unlock
    assert verdict.locked is (LOCKED in blocking)
    assert (verdict.locked_until is not None) is verdict.locked


def test_dictionary_is_the_account_as_json() -> None:
    account = make_account(
        **LOCK,
        id="a1",
        last_active_at=date(2026, 11, 1),
        password_created_at=NOW - timedelta(days=1),
        password_expires_at=NOW + timedelta(microseconds=5),
        options={options.IGNORE_PASSWORD_EXPIRY: True},
        kinds=(AccountKind.ADMINISTRATOR,),
    )

    content = as_dict(judge(account, POLICY, NOW))

    assert json.loads(json.dumps(content)) == content
    assert content == {
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
        "second_factor": "none",
        "second_factor_explanation": "it has no rule",
        "machine": None,
        "created_at": "2026-10-23T14:02:11Z",
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
def test_unknown_value_is_null(facts: dict[str, Any], key: str) -> None:
    assert as_dict(judge(make_account(**facts), POLICY, NOW))[key] is None
