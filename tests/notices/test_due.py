"""The notices that are due to an account."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.accounts.account import Account
from pciops.keystone import options
from pciops.notices.due import due_notices, due_unlock, nearest_step
from pciops.notices.models import NoticeKind
from pciops.notices.rules import DomainRules
from tests.factories import NOW, POLICY, make_account

RULES = DomainRules(
    steps={
        NoticeKind.PASSWORD_EXPIRING: (14, 7, 3, 1),
        NoticeKind.PASSWORD_EXPIRED: (0,),
        NoticeKind.INACTIVITY: (7, 1),
        NoticeKind.LOCKED: (0,),
        NoticeKind.UNLOCKED: (0,),
    }
)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
STEPS = st.sets(st.integers(1, 60), min_size=1).map(lambda days: tuple(sorted(days, reverse=True)))


def due(account: Account, rules: DomainRules = RULES) -> list[tuple[str, int]]:
    """Return kind and step of what is due."""
    return [(due.kind.value, due.step) for due in due_notices(account, rules, POLICY, NOW)]


def expiring_in(left: timedelta, **facts: Any) -> Account:
    """Return an account whose password of 90 days expires in this time."""
    at = NOW + left
    return make_account(password_created_at=at - 90 * DAY, password_expires_at=at, **facts)


def unused_for(days: int, **facts: Any) -> Account:
    """Return an account that was not used for this time; after 90 days it is inactive."""
    return make_account(last_active_at=NOW.date() - days * DAY, **facts)


def locked(minutes: int = 0, **facts: Any) -> Account:
    """Return an account with the failures of a lock."""
    at = NOW - timedelta(minutes=minutes)
    return make_account(**{"failed_auth_count": 3, "failed_auth_at": at, **facts})


@pytest.mark.parametrize(
    ("left", "step"),
    [
        (15 * DAY, None),
        (14 * DAY + SECOND, None),
        (14 * DAY, 14),
        (8 * DAY, 14),
        (7 * DAY, 7),
        (2 * DAY, 3),
        (timedelta(hours=25), 3),
        (DAY, 1),
        (SECOND, 1),
    ],
)
def test_only_the_nearest_step_is_due(left: timedelta, step: int | None) -> None:
    assert due(expiring_in(left)) == ([("password_expiring", step)] if step else [])


@pytest.mark.parametrize(("days", "is_due"), [(0, True), (6, True), (7, False)])
def test_an_expired_password_is_due_for_a_week(days: int, is_due: bool) -> None:
    assert due(expiring_in(-days * DAY)) == ([("password_expired", 0)] if is_due else [])


@pytest.mark.parametrize(
    ("days", "step"), [(82, None), (83, 7), (88, 7), (89, 1), (90, None), (200, None)]
)
def test_inactivity_is_due_before_its_day(days: int, step: int | None) -> None:
    assert due(unused_for(days)) == ([("inactivity", step)] if step else [])


@pytest.mark.parametrize(("minutes", "is_due"), [(5, True), (30, False)])
def test_a_lock_is_due_while_it_holds(minutes: int, is_due: bool) -> None:
    assert due(locked(minutes)) == ([("locked", 0)] if is_due else [])


@pytest.mark.parametrize(
    "account",
    [
        make_account(
            password_created_at=NOW - DAY,
            password_expires_at=NOW - DAY,
            password_expired_when_set=True,
        ),
        make_account(
            password_created_at=NOW - timedelta(hours=1), password_expires_at=NOW + 10 * DAY
        ),
        expiring_in(2 * DAY, options={options.IGNORE_PASSWORD_EXPIRY: True}),
        expiring_in(-DAY, options={options.IGNORE_PASSWORD_EXPIRY: True}),
        unused_for(85, options={options.IGNORE_USER_INACTIVITY: True}),
        locked(options={options.IGNORE_LOCKOUT: True}),
        expiring_in(2 * DAY, enabled=False),
        expiring_in(2 * DAY, enabled=None),
        expiring_in(2 * DAY)._replace(last_active_at=NOW.date() - 100 * DAY),
        locked()._replace(covered=False, password_expires_at=None),
    ],
    ids=[
        *("first password", "younger than the step", "exempt from expiry"),
        *("exempt from expiry, expired", "exempt from inactivity", "exempt from lockout"),
        *("disabled", "disabled by default", "inactive", "not covered"),
    ],
)
def test_nothing_is_due(account: Account) -> None:
    assert due(account) == []


def test_inactivity_is_due_to_an_ldap_or_federated_user() -> None:
    account = unused_for(85)._replace(covered=False, password_expires_at=None)

    assert due(account) == [("inactivity", 7)]


@pytest.mark.parametrize(
    ("account", "ago", "is_due"),
    [
        (make_account(), 23 * DAY / 24, True),
        (make_account(), DAY, False),
        (locked(), SECOND, False),
        (make_account(enabled=False), SECOND, False),
        (unused_for(100), SECOND, False),
        (make_account(options={options.IGNORE_LOCKOUT: True}), SECOND, False),
    ],
    ids=["of today", "of yesterday", "locked again", "disabled", "inactive", "exempt"],
)
def test_an_unlock_is_due_for_a_day(account: Account, ago: timedelta, is_due: bool) -> None:
    assert (due_unlock(account, NOW - ago, RULES, POLICY, NOW) is not None) is is_due


@pytest.mark.parametrize("kind", NoticeKind)
def test_a_kind_that_is_off_is_never_due(kind: NoticeKind) -> None:
    rules = DomainRules(
        steps={other: steps for other, steps in RULES.steps.items() if other is not kind}
    )
    for account in (expiring_in(DAY), expiring_in(-DAY), unused_for(85), locked()):
        assert kind.value not in dict(due(account, rules))
    if kind is NoticeKind.UNLOCKED:
        assert due_unlock(make_account(), NOW - SECOND, rules, POLICY, NOW) is None


@given(steps=STEPS, left=st.timedeltas(timedelta(0), timedelta(days=90)))
def test_the_nearest_step_is_the_smallest_whose_day_has_come(
    steps: tuple[int, ...], left: timedelta
) -> None:
    come = [step for step in steps if step * DAY >= left]

    assert nearest_step(steps, left) == (min(come) if come else None)


@given(
    steps=STEPS,
    hours=st.lists(st.integers(0, 24 * 70), min_size=1, max_size=40).map(sorted),
)
def test_steps_come_in_order_whenever_they_are_planned(
    steps: tuple[int, ...], hours: list[int]
) -> None:
    at = NOW + timedelta(days=70)
    account = make_account(password_created_at=NOW - 400 * DAY, password_expires_at=at)
    rules = DomainRules(steps={NoticeKind.PASSWORD_EXPIRING: steps})
    found: list[int] = []
    for hour in hours:
        now = NOW + timedelta(hours=hour)
        used = account._replace(last_active_at=now.date())
        found += [due.step for due in due_notices(used, rules, POLICY, now)]

    assert found == sorted(found, reverse=True)


@given(days=st.integers(0, 400), seconds=st.integers(0, 86_399))
def test_a_notice_of_inactivity_is_good_until_its_day_begins(days: int, seconds: int) -> None:
    now = datetime.combine(NOW.date(), time.min, UTC) + timedelta(seconds=seconds)
    rules = DomainRules(steps={NoticeKind.INACTIVITY: (7, 1)})

    for due in due_notices(unused_for(days), rules, POLICY, now):
        assert due.good_until == due.fact_at > now
        assert due.fact_at - now <= due.step * DAY
