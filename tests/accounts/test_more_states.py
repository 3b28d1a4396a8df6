"""Tests of the states that do not block a sign-in, and of first passwords."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pciops.accounts import states
from pciops.accounts.policy.policy import Policy
from pciops.accounts.states.state import State
from pciops.accounts.verdict import judge
from pciops.keystone import options
from tests.factories import MICROSECOND, NOW, POLICY, make_account

DAY = timedelta(days=1)


def holds(state: State, policy: Policy = POLICY, **facts: Any) -> bool:
    return state.holds(make_account(**facts), policy, NOW)


# --- Near lockout -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("attempts", "failures", "expected"),
    [(3, 1, False), (3, 2, True), (3, 3, False), (2, 1, True), (1, 0, False), (None, 2, False)],
)
def test_one_remaining_attempt_is_near_lockout(
    attempts: int | None, failures: int, expected: bool
) -> None:
    policy = replace(POLICY, lockout_failure_attempts=attempts)

    assert holds(states.NEAR_LOCKOUT, policy, failed_auth_count=failures) is expected


def test_exempt_account_is_not_near_lockout() -> None:
    exempt = {options.IGNORE_LOCKOUT: True}

    assert not holds(states.NEAR_LOCKOUT, failed_auth_count=2, options=exempt)


# --- Attacked, exempt ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("failures", "option", "expected"),
    [(3, True, True), (61, True, True), (2, True, False), (3, False, False), (3, None, False)],
)
def test_exempt_account_at_the_threshold_is_under_attack(
    failures: int, option: bool | None, expected: bool
) -> None:
    facts: dict[str, Any] = {"options": {options.IGNORE_LOCKOUT: option}}

    assert holds(states.ATTACKED_EXEMPT, failed_auth_count=failures, **facts) is expected


# --- Inactive soon ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("days_ago", "expected"),
    [(82, False), (83, True), (89, True), (90, False)],
    ids=["8 days ahead", "7 days ahead", "tomorrow", "today"],
)
def test_account_is_inactive_soon_a_week_before(days_ago: int, expected: bool) -> None:
    last = NOW.date() - days_ago * DAY

    assert holds(states.INACTIVE_SOON, last_active_at=last) is expected


# --- Passwords ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (NOW, False),
        (NOW + MICROSECOND, True),
        (NOW + 14 * DAY, True),
        (NOW + 14 * DAY + MICROSECOND, False),
        (None, False),
    ],
)
def test_password_is_expiring_within_two_weeks(expires_at: datetime | None, expected: bool) -> None:
    assert holds(states.EXPIRING, password_expires_at=expires_at) is expected


def test_password_that_expired_when_set_must_be_changed() -> None:
    facts = {"password_expires_at": NOW - DAY, "password_expired_when_set": True}

    assert states.classify(make_account(**facts), POLICY, NOW) == [states.MUST_CHANGE]


@pytest.mark.parametrize(
    ("days", "expires_at", "option", "expected"),
    [
        (90, None, None, True),
        (None, None, None, False),
        (90, NOW + DAY, None, False),
        (90, None, True, False),
    ],
    ids=["set before the rule", "rule off", "expires", "exempt"],
)
def test_password_from_before_the_rule_has_no_expiry(
    days: int | None, expires_at: datetime | None, option: bool | None, expected: bool
) -> None:
    policy = replace(POLICY, password_expires_days=days)
    facts = {
        "password_created_at": NOW - DAY,
        "password_expires_at": expires_at,
        "options": {options.IGNORE_PASSWORD_EXPIRY: option},
    }

    assert holds(states.NO_EXPIRY, policy, **facts) is expected


# --- Exempt and not covered ---------------------------------------------------------------------
@pytest.mark.parametrize("option", options.EXEMPTIONS)
def test_every_exemption_that_is_true_makes_exempt(option: str) -> None:
    assert holds(states.EXEMPT, options={option: True})
    assert not holds(states.EXEMPT, options=dict.fromkeys(options.EXEMPTIONS, False))


def test_account_without_a_local_row_is_not_covered() -> None:
    assert states.classify(make_account(covered=False), POLICY, NOW) == [states.NOT_COVERED]


# --- Sentences ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "warning"),
    [
        ({"failed_auth_count": 2}, "one more wrong password locks it"),
        (
            {"failed_auth_count": 61, "options": {options.IGNORE_LOCKOUT: True}},
            "61 wrong passwords, and exempt from lockout",
        ),
        ({"last_active_at": NOW.date() - 89 * DAY}, "inactive on 23 Nov 2026 (in 1 day)"),
        ({"password_expires_at": NOW + 3 * DAY}, "expires at 25 Nov 2026, 14:02:11 UTC (in 3 days"),
        ({"options": {options.IGNORE_USER_INACTIVITY: True}}, ""),
    ],
)
def test_sentence_has_the_warnings(facts: dict[str, Any], warning: str) -> None:
    sentence = judge(make_account(**facts), POLICY, NOW).sentence

    assert sentence.startswith("Can sign in")
    assert warning in sentence
    assert (":" in sentence) is bool(warning)


@pytest.mark.parametrize(
    ("facts", "tone"),
    [
        ({}, "good"),
        ({"enabled": False, "failed_auth_count": 2}, "bad"),
        ({"failed_auth_count": 2}, "soon"),
        ({"failed_auth_count": 3, "options": {options.IGNORE_LOCKOUT: True}}, "attack"),
        ({"covered": False}, "plain"),
    ],
)
def test_tone_is_good_only_without_warnings(facts: dict[str, Any], tone: str) -> None:
    assert judge(make_account(**facts), POLICY, NOW).tone == tone
