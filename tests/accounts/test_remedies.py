"""Tests of the remedies for the states of an account."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts.policy.policy import Policy
from pciops.accounts.states import BY_NAME, STATES
from pciops.accounts.states.remedies import Remedy, openstack
from pciops.accounts.verdict import judge
from pciops.keystone import options
from tests.factories import NOW, POLICY, make_account

ID = "a" * 32
LOCK: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=2)}
LONG_AGO = (NOW - timedelta(days=400)).date()
ENABLE = f"openstack user set --enable {ID}"
PASSWORD = f"openstack user set --password-prompt {ID}"
# Facts that put an account into a state, and the command that ends it.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "locked": (LOCK, ""),
    "lock_lapsed": ({**LOCK, "failed_auth_at": NOW - timedelta(hours=1)}, ""),
    "near_lockout": ({**LOCK, "failed_auth_count": 2}, ""),
    "attacked_exempt": (
        {**LOCK, "options": {options.IGNORE_LOCKOUT: True}},
        f"openstack user set --no-ignore-lockout-failure-attempts {ID}",
    ),
    "disabled": ({"enabled": False}, ENABLE),
    "inactive": ({"last_active_at": LONG_AGO}, ENABLE),
    "inactive_soon": ({"last_active_at": (NOW - timedelta(days=89)).date()}, ""),
    "expired": ({"password_expires_at": NOW}, PASSWORD),
    "must_change": ({"password_expires_at": NOW, "password_expired_when_set": True}, ""),
    "expiring": ({"password_expires_at": NOW + timedelta(days=1)}, PASSWORD),
    "no_expiry": ({"password_expires_at": None}, PASSWORD),
    "no_password": ({"password_created_at": None, "password_expires_at": None}, PASSWORD),
    "unreadable": ({"readable": False}, ""),
    "second_factor_not_enrolled": (
        {"options": {options.MFA_RULES: [["password", "totp"]]}},
        f"openstack credential create --type totp {ID} '<secret in base32>'",
    ),
    "never_signed_in": ({"last_active_at": None}, ""),
    "exempt": (
        {"options": {options.IGNORE_PASSWORD_EXPIRY: True}},
        f"openstack user set --no-ignore-password-expiry {ID}",
    ),
    "not_covered": ({"covered": False}, ""),
}


def remedy(state: str, policy: Policy = POLICY, **facts: Any) -> Remedy:
    """Return the remedy for the state of an account with these facts."""
    return dict(judge(make_account(**facts), policy, NOW).remedies)[BY_NAME[state]]


def test_every_state_has_a_case() -> None:
    assert set(CASES) == {state.name for state in STATES}


@pytest.mark.parametrize("state", CASES)
def test_remedy_has_a_whole_sentence_and_the_command(state: str) -> None:
    facts, command = CASES[state]
    ends = remedy(state, **facts)

    assert ends.command == command
    assert ends.sentence[0].isupper()
    assert ends.sentence[-1] == (":" if ends.command else ".") or state == "inactive"


@pytest.mark.parametrize(
    ("policy", "facts", "term"),
    [
        (POLICY, LOCK, "automatically at 14:30:11 UTC (in 28 min)"),
        (
            Policy(lockout_failure_attempts=3, lockout_duration=None),
            LOCK,
            "does not end automatically",
        ),
        (POLICY, {**LOCK, "failed_auth_at": None}, "does not end automatically"),
    ],
    ids=["ends", "without a duration", "without a time"],
)
def test_remedy_of_a_lock_has_its_end(policy: Policy, facts: dict[str, Any], term: str) -> None:
    assert term in remedy("locked", policy, **facts).sentence


@pytest.mark.parametrize(("policy", "expected"), [(POLICY, True), (Policy(), False)])
def test_enabling_counts_as_activity_if_the_rule_is_on(policy: Policy, expected: bool) -> None:
    assert ("activity of today" in remedy("disabled", policy, enabled=None).sentence) is expected


def test_disabled_ldap_user_has_no_command() -> None:
    assert remedy("disabled", enabled=False, covered=False).command == ""


def test_remedy_of_an_expired_password_does_not_sign_in_first() -> None:
    ends = remedy("expired", password_expires_at=NOW)

    assert "openstack user password set" not in ends.sentence
    assert "needs the old password but no token" in ends.sentence


def test_several_exemptions_have_one_command() -> None:
    exempt = {options.IGNORE_PASSWORD_EXPIRY: True, options.IGNORE_LOCKOUT: True}

    assert remedy("exempt", options=exempt).command == (
        "openstack user set --no-ignore-password-expiry --no-ignore-lockout-failure-attempts " + ID
    )


def test_exemption_that_is_false_is_not_in_the_command() -> None:
    both = {options.IGNORE_PASSWORD_EXPIRY: True, options.IGNORE_LOCKOUT: False}

    assert "lockout" not in remedy("exempt", options=both).command


def test_exemption_from_inactivity_has_no_command() -> None:
    ends = remedy("exempt", options={options.IGNORE_USER_INACTIVITY: True})

    assert "ignore_user_inactivity only through Keystone's API" in ends.sentence
    assert ends.command == ""


@pytest.mark.parametrize("hostile", ["a b", "$(reboot)", "'; reboot; '", "a\nb", "`x`", "<b>"])
def test_command_quotes_untrusted_text(hostile: str) -> None:
    command = remedy("disabled", enabled=False, id=hostile).command

    assert shlex.split(command) == ["openstack", "user", "set", "--enable", hostile]
    assert openstack(hostile) == f"openstack {shlex.quote(hostile)}"
