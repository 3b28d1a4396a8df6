"""Tests of the states that block a sign-in and of lapsed locks, at the edges of their rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from pciops.accounts import states
from pciops.accounts.account import Account
from pciops.accounts.policy.policy import CENTURY, Policy
from pciops.accounts.states import (
    BY_NAME,
    DISABLED,
    EXPIRED,
    INACTIVE,
    LOCK_LAPSED,
    LOCKED,
    STATES,
    blocking,
)
from pciops.accounts.states.lock import locked_until
from pciops.accounts.states.state import State
from pciops.keystone import options
from tests.factories import MICROSECOND, NOW, POLICY, make_account

LOCKOUT = timedelta(seconds=1800)
MAIN = (LOCKED, DISABLED, INACTIVE, EXPIRED, LOCK_LAPSED)
NO_LOCKOUT = replace(POLICY, lockout_failure_attempts=None)
NO_DURATION = replace(POLICY, lockout_duration=None)
TODAY = NOW.date()


def classify(account: Account, policy: Policy, now: datetime) -> list[State]:
    """Return the states that are tested here; test_more_states.py has the others."""
    return [state for state in states.classify(account, policy, now) if state in MAIN]


@pytest.mark.parametrize(
    ("count", "ago", "expected"),
    [
        (0, timedelta(0), []),
        (2, timedelta(0), []),
        (3, timedelta(0), [LOCKED]),
        (4, timedelta(0), [LOCKED]),
        (3, -timedelta(days=1), [LOCKED]),  # Keystone's clock is ahead
        (3, LOCKOUT - MICROSECOND, [LOCKED]),
        (3, LOCKOUT, [LOCK_LAPSED]),
        (3, LOCKOUT + MICROSECOND, [LOCK_LAPSED]),
        (3, timedelta(days=3650), [LOCK_LAPSED]),
        (2, timedelta(days=1), []),
        (3, None, [LOCKED]),  # Keystone answers 400 to every sign-in
        (2, None, []),
    ],
    ids=str,
)
def test_account_is_locked_for_the_lockout_duration(
    count: int, ago: timedelta | None, expected: list[State]
) -> None:
    at = None if ago is None else NOW - ago
    account = make_account(failed_auth_count=count, failed_auth_at=at)

    assert classify(account, POLICY, NOW) == expected


@pytest.mark.parametrize("ago", [timedelta(0), LOCKOUT, timedelta(days=3650), None], ids=str)
def test_lock_without_a_duration_does_not_lapse(ago: timedelta | None) -> None:
    at = None if ago is None else NOW - ago
    account = make_account(failed_auth_count=3, failed_auth_at=at)

    assert classify(account, NO_DURATION, NOW) == [LOCKED]


@pytest.mark.parametrize(
    ("option", "facts", "state"),
    [
        (options.IGNORE_LOCKOUT, {"failed_auth_count": 3, "failed_auth_at": NOW}, LOCKED),
        (options.IGNORE_USER_INACTIVITY, {"last_active_at": date(2020, 1, 1)}, INACTIVE),
        (options.IGNORE_PASSWORD_EXPIRY, {"password_expires_at": NOW}, EXPIRED),
    ],
)
@pytest.mark.parametrize("value", [True, False, None, "true"])
def test_only_an_option_that_is_true_exempts(
    option: str, facts: dict[str, Any], state: State, value: object
) -> None:
    account = make_account(**facts, options={option: value})

    assert classify(account, POLICY, NOW) == ([] if value is True else [state])


@pytest.mark.parametrize(
    "facts",
    [
        {"failed_auth_count": 99, "failed_auth_at": NOW},
        {"failed_auth_count": 99, "failed_auth_at": NOW - LOCKOUT},
        {"last_active_at": date(2020, 1, 1)},
    ],
)
def test_rule_that_is_off_has_no_effect(facts: dict[str, Any]) -> None:
    policy = replace(NO_LOCKOUT, disable_user_account_days_inactive=None)

    assert classify(make_account(**facts), policy, NOW) == []


@pytest.mark.parametrize(
    ("policy", "at", "expected"),
    [
        (POLICY, NOW, NOW + LOCKOUT),
        (POLICY, None, None),
        (NO_DURATION, NOW, None),
        (NO_LOCKOUT, NOW, None),
    ],
    ids=["ends", "no time", "no duration", "no lockout"],
)
def test_lock_ends_after_the_duration_or_never(
    policy: Policy, at: datetime | None, expected: datetime | None
) -> None:
    account = make_account(failed_auth_count=3, failed_auth_at=at)

    assert locked_until(account, policy) == expected


@pytest.mark.parametrize(
    ("policy", "at"),
    [
        (POLICY, datetime.max.replace(tzinfo=UTC)),
        (replace(POLICY, lockout_duration=CENTURY * 86400), datetime(9950, 1, 1, tzinfo=UTC)),
    ],
    ids=["the end", "a century before the end"],
)
def test_lock_that_ends_after_the_calendar_is_a_lock(policy: Policy, at: datetime) -> None:
    account = make_account(failed_auth_count=3, failed_auth_at=at)

    assert classify(account, policy, NOW) == [LOCKED]


@pytest.mark.parametrize(
    ("enabled", "expected"), [(True, []), (False, [DISABLED]), (None, [DISABLED])]
)
def test_account_is_disabled_unless_it_is_enabled(
    enabled: bool | None, expected: list[State]
) -> None:
    assert classify(make_account(enabled=enabled), POLICY, NOW) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"last_active_at": TODAY}, []),
        ({"last_active_at": TODAY - timedelta(days=89)}, []),
        ({"last_active_at": TODAY - timedelta(days=90)}, [INACTIVE]),
        ({"last_active_at": TODAY - timedelta(days=91)}, [INACTIVE]),
        ({"last_active_at": TODAY + timedelta(days=1)}, []),
        ({"last_active_at": date.max}, []),
        ({"last_active_at": date.min}, [INACTIVE]),
        ({"last_active_at": None, "created_at": NOW - timedelta(days=89)}, []),
        ({"last_active_at": None, "created_at": NOW - timedelta(days=90)}, [INACTIVE]),
        ({"last_active_at": None, "created_at": None}, []),
        ({"last_active_at": TODAY, "created_at": NOW - timedelta(days=999)}, []),
        ({"last_active_at": TODAY - timedelta(days=90), "enabled": False}, [DISABLED]),
        ({"last_active_at": TODAY - timedelta(days=90), "enabled": None}, [DISABLED]),
    ],
    ids=str,
)
def test_account_is_inactive_from_day_n_on(facts: dict[str, Any], expected: list[State]) -> None:
    assert classify(make_account(**facts), POLICY, NOW) == expected


@pytest.mark.parametrize(
    ("made_at", "expected"),
    [(time(0), [INACTIVE]), (time(23, 59, 59, 999999), [INACTIVE])],
    ids=["first microsecond", "last microsecond"],
)
def test_day_of_creation_counts_whole(made_at: time, expected: list[State]) -> None:
    made = datetime.combine(TODAY - timedelta(days=90), made_at, UTC)
    account = make_account(last_active_at=None, created_at=made)

    assert classify(account, POLICY, NOW) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2026, 11, 22, 23, 59, 59, 999999, tzinfo=UTC), []),
        (datetime(2026, 11, 23, tzinfo=UTC), [INACTIVE]),
        (datetime.fromisoformat("2026-11-22T20:00:00-04:00"), [INACTIVE]),
        (datetime.fromisoformat("2026-11-23T08:59:59+09:00"), []),
    ],
    ids=str,
)
def test_day_begins_at_midnight_utc(now: datetime, expected: list[State]) -> None:
    account = make_account(last_active_at=TODAY - timedelta(days=89))

    assert classify(account, POLICY, now) == expected


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (None, []),
        (NOW + MICROSECOND, []),
        (NOW, [EXPIRED]),
        (NOW - MICROSECOND, [EXPIRED]),
        (datetime(1970, 1, 1, tzinfo=UTC), [EXPIRED]),
        (datetime.max.replace(tzinfo=UTC), []),
    ],
    ids=str,
)
def test_password_is_expired_from_its_expiry_on(
    expires_at: datetime | None, expected: list[State]
) -> None:
    assert classify(make_account(password_expires_at=expires_at), POLICY, NOW) == expected


def test_password_expires_although_the_rule_is_off_now() -> None:
    policy = replace(POLICY, password_expires_days=None)

    assert classify(make_account(password_expires_at=NOW), policy, NOW) == [EXPIRED]


def test_exemption_from_another_rule_has_no_effect() -> None:
    account = make_account(
        failed_auth_count=3,
        failed_auth_at=NOW,
        options={options.IGNORE_CHANGE_PASSWORD: True, options.LOCK_PASSWORD: True},
    )

    assert classify(account, POLICY, NOW) == [LOCKED]


def test_only_inactivity_reaches_an_account_that_is_not_covered() -> None:
    account = make_account(
        covered=False,
        failed_auth_count=9,
        failed_auth_at=NOW,
        last_active_at=date(2020, 1, 1),
        password_expires_at=None,
    )

    assert classify(account, POLICY, NOW) == [INACTIVE]


def test_states_are_in_the_order_of_keystones_checks() -> None:
    account = make_account(
        failed_auth_count=3,
        failed_auth_at=NOW,
        last_active_at=date(2020, 1, 1),
        password_expires_at=NOW,
    )

    assert classify(account, POLICY, NOW) == [LOCKED, INACTIVE, EXPIRED]


def test_lapsed_lock_does_not_block() -> None:
    assert blocking([EXPIRED, LOCK_LAPSED]) == [EXPIRED]


def test_every_state_is_found_by_its_name() -> None:
    assert [BY_NAME[state.name] for state in STATES] == list(STATES)


@pytest.mark.parametrize(
    ("state", "facts", "policy", "expected"),
    [
        (
            LOCKED,
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=2)},
            POLICY,
            "locked until 14:30:11 UTC (in 28 min)",
        ),
        (LOCKED, {"failed_auth_count": 3}, POLICY, "locked until it is unlocked"),
        (
            LOCK_LAPSED,
            {"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=33)},
            POLICY,
            "the lock ended at 13:59:11 UTC (3 min ago)",
        ),
        (DISABLED, {"enabled": None}, POLICY, "disabled"),
        (
            INACTIVE,
            {"last_active_at": date(2026, 8, 1)},
            POLICY,
            "inactive since 30 Oct 2026 (23 days ago)",
        ),
        (
            EXPIRED,
            {"password_expires_at": NOW - timedelta(days=12)},
            POLICY,
            "the password expired at 10 Nov 2026, 14:02:11 UTC (12 days ago)",
        ),
    ],
    ids=str,
)
def test_state_is_described_for_a_sentence(
    state: State, facts: dict[str, Any], policy: Policy, expected: str
) -> None:
    account = make_account(**facts)

    assert state.holds(account, policy, NOW)
    assert state.describe(account, policy, NOW) == expected
