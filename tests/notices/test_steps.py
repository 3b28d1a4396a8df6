"""Which step is due, and for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.accounts.account import Account
from pciops.keystone import options
from pciops.notices.facts import due, nearest, unlocked
from pciops.notices.models import Notice
from pciops.notices.rules import Rules
from tests.factories import NOW, POLICY, make_account

Kind = Notice.Kind
RULES = Rules(
    steps={
        Kind.PASSWORD_EXPIRING: (14, 7, 3, 1),
        Kind.PASSWORD_EXPIRED: (0,),
        Kind.INACTIVITY: (7, 1),
        Kind.LOCKED: (0,),
        Kind.UNLOCKED: (0,),
    }
)
DAY = timedelta(days=1)


def found(account: Account, rules: Rules = RULES) -> list[tuple[str, int]]:
    """Kind and step of what is due."""
    return [(one.kind.value, one.step) for one in due(account, rules, POLICY, NOW)]


def expiring_in(left: timedelta, **facts: Any) -> Account:
    """An account whose password of 90 days has so long to go."""
    at = NOW + left
    return make_account(password_created_at=at - 90 * DAY, password_expires_at=at, **facts)


def unused_for(days: int, **facts: Any) -> Account:
    """An account that nobody has used for so many days, of the 90 that it may stay so."""
    return make_account(last_active_at=NOW.date() - days * DAY, **facts)


@pytest.mark.parametrize(
    ("left", "step"),
    [
        (15 * DAY, None),
        (14 * DAY + timedelta(seconds=1), None),
        (14 * DAY, 14),
        (8 * DAY, 14),
        (7 * DAY, 7),
        (2 * DAY, 3),
        (timedelta(hours=25), 3),
        (DAY, 1),
        (timedelta(seconds=1), 1),
    ],
)
def test_of_the_steps_that_are_due_the_nearest_alone(left: timedelta, step: int | None) -> None:
    expected = [] if step is None else [("password_expiring", step)]

    assert found(expiring_in(left)) == expected


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(0), [("password_expired", 0)]),
        (6 * DAY, [("password_expired", 0)]),
        (7 * DAY, []),  # who was not told then is not told years later
    ],
)
def test_an_expired_password_is_news_for_a_week(
    ago: timedelta, expected: list[tuple[str, int]]
) -> None:
    assert found(expiring_in(-ago)) == expected


def test_a_first_password_that_must_be_changed_is_not_said_to_have_expired() -> None:
    account = make_account(
        password_created_at=NOW - DAY,
        password_expires_at=NOW - DAY,
        password_expired_when_set=True,
    )

    assert found(account) == []


def test_a_password_that_is_younger_than_the_step_is_not_announced() -> None:
    account = make_account(
        password_created_at=NOW - timedelta(hours=1), password_expires_at=NOW + 10 * DAY
    )

    assert found(account) == []


@pytest.mark.parametrize(
    ("days", "step"), [(82, None), (83, 7), (88, 7), (89, 1), (90, None), (200, None)]
)
def test_inactivity_is_announced_before_its_day(days: int, step: int | None) -> None:
    expected = [] if step is None else [("inactivity", step)]

    assert found(unused_for(days)) == expected


@pytest.mark.parametrize("option", [options.IGNORE_PASSWORD_EXPIRY])
@pytest.mark.parametrize("left", [2 * DAY, -DAY])
def test_who_is_exempt_from_expiry_gets_no_mail_about_it(option: str, left: timedelta) -> None:
    assert found(expiring_in(left, options={option: True})) == []


def test_who_is_exempt_from_inactivity_gets_no_mail_about_it() -> None:
    assert found(unused_for(85, options={options.IGNORE_USER_INACTIVITY: True})) == []


@pytest.mark.parametrize("enabled", [False, None])
def test_who_is_disabled_gets_no_mail(enabled: bool | None) -> None:
    assert found(expiring_in(2 * DAY, enabled=enabled)) == []


def test_who_is_inactive_already_gets_no_mail() -> None:
    account = replace(expiring_in(2 * DAY), last_active_at=NOW.date() - 100 * DAY)

    assert found(account) == []


def test_who_is_not_covered_gets_no_mail() -> None:
    assert found(replace(unused_for(85), covered=False, password_expires_at=None)) == []


@pytest.mark.parametrize(("minutes", "expected"), [(5, [("locked", 0)]), (30, [])])
def test_a_lock_is_told_while_it_holds(minutes: int, expected: list[tuple[str, int]]) -> None:
    at = NOW - timedelta(minutes=minutes)

    assert found(make_account(failed_auth_count=3, failed_auth_at=at)) == expected


def test_an_exempt_account_under_attack_is_told_of_no_lock() -> None:
    account = make_account(
        failed_auth_count=9, failed_auth_at=NOW, options={options.IGNORE_LOCKOUT: True}
    )

    assert found(account) == []


def test_an_unlock_is_told_for_a_day() -> None:
    account = make_account()

    assert unlocked(account, NOW - timedelta(hours=23), RULES, POLICY, NOW) is not None
    assert unlocked(account, NOW - DAY, RULES, POLICY, NOW) is None


def test_an_unlock_is_not_told_to_who_is_locked_again() -> None:
    account = make_account(failed_auth_count=3, failed_auth_at=NOW)

    assert unlocked(account, NOW - timedelta(minutes=1), RULES, POLICY, NOW) is None


@pytest.mark.parametrize("kind", Kind)
def test_a_kind_that_is_off_is_never_due(kind: Notice.Kind) -> None:
    rules = Rules(steps={one: steps for one, steps in RULES.steps.items() if one is not kind})
    accounts = [
        expiring_in(DAY),
        expiring_in(-DAY),
        unused_for(85),
        make_account(failed_auth_count=3, failed_auth_at=NOW),
    ]

    assert all(kind.value not in dict(found(account, rules)) for account in accounts)


STEPS = st.sets(st.integers(1, 60), min_size=1).map(lambda days: tuple(sorted(days, reverse=True)))


@given(steps=STEPS, left=st.timedeltas(timedelta(0), timedelta(days=90)))
def test_the_nearest_step_is_the_smallest_that_has_come(
    steps: tuple[int, ...], left: timedelta
) -> None:
    step = nearest(steps, left)
    come = [one for one in steps if one * DAY >= left]

    assert step == (min(come) if come else None)


@given(
    steps=STEPS,
    hours=st.lists(st.integers(0, 24 * 70), min_size=1, max_size=40).map(sorted),
)
def test_whenever_one_looks_no_step_comes_twice_and_none_after_a_nearer_one(
    steps: tuple[int, ...], hours: list[int]
) -> None:
    at = NOW + timedelta(days=70)
    account = make_account(password_created_at=NOW - 400 * DAY, password_expires_at=at)
    rules = Rules(steps={Kind.PASSWORD_EXPIRING: steps})
    seen: list[int] = []
    for hour in hours:
        now = NOW + timedelta(hours=hour)
        fresh = replace(account, last_active_at=now.date())
        seen += [one.step for one in due(fresh, rules, POLICY, now)]

    assert seen == sorted(seen, reverse=True)


@given(days=st.integers(0, 400), seconds=st.integers(0, 86_399))
def test_a_notice_of_inactivity_is_good_until_the_first_instant_of_its_day(
    days: int, seconds: int
) -> None:
    now = datetime.combine(NOW.date(), time.min, UTC) + timedelta(seconds=seconds)
    account = unused_for(days)
    [*notices] = due(account, Rules(steps={Kind.INACTIVITY: (7, 1)}), POLICY, now)

    assert all(one.good_until == one.fact_at > now for one in notices)
    assert all(one.fact_at - now <= one.step * DAY for one in notices)
