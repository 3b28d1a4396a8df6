"""Tests of what another policy would stop: numbers, names and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import loading
from pciops.accounts.account import Account
from pciops.accounts.policy import whatif, whatif_text
from pciops.accounts.policy.policy import Policy
from pciops.accounts.policy.whatif import AHEAD, AffectedCount, ProposalError, WhatIf
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import DISABLED, INACTIVE, LOCKED
from pciops.keystone import options
from pciops.keystone.models import LocalUser
from tests.accounts.scenes import Scene, policies, scenes, trying
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_federated_user,
    make_ldap_user,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

OFF = Policy()
TODAY = NOW.date()
THIRTY = replace(OFF, disable_user_account_days_inactive=30)
THREE = replace(OFF, lockout_failure_attempts=3)


def evaluate(proposed: Policy, *, current: Policy = OFF, scope: str | None = None) -> WhatIf:
    return whatif.evaluate(proposed, current=current, scope=scope, now=NOW)


def counts(proposed: Policy, *, current: Policy = OFF) -> tuple[int, int]:
    """Return how many accounts stop today, and within thirty days."""
    result = evaluate(proposed, current=current)
    return result.today.accounts, result.ahead.accounts


def unused(days: int) -> dict[str, Any]:
    """Return the facts of an account that was last used that many days ago."""
    return {"last_active_at": TODAY - timedelta(days=days)}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (unused(30), (1, 1)),
        (unused(29), (0, 1)),
        (unused(0), (0, 1)),
        (unused(-1), (0, 0)),
        ({"created_at": NOW - timedelta(days=30)}, (1, 1)),
        ({"created_at": None}, (0, 0)),
        ({**unused(99), "enabled": False}, (0, 0)),
        ({**unused(99), "enabled": None}, (0, 0)),
        ({**unused(99), "options": {options.IGNORE_USER_INACTIVITY: True}}, (0, 0)),
        ({**unused(99), "options": {options.IGNORE_USER_INACTIVITY: False}}, (1, 1)),
    ],
)
def test_inactivity_rule_that_is_switched_on(
    facts: dict[str, Any], expected: tuple[int, int]
) -> None:
    make_user(**facts)

    assert counts(THIRTY) == expected


@pytest.mark.parametrize(
    ("days", "expected"), [(91, (0, 0)), (90, (0, 0)), (89, (1, 1)), (30, (1, 1)), (29, (0, 1))]
)
def test_shorter_limit_stops_more_accounts(days: int, expected: tuple[int, int]) -> None:
    make_user(**unused(days))

    assert counts(THIRTY, current=replace(OFF, disable_user_account_days_inactive=90)) == expected


@pytest.mark.parametrize("days", [None, 30, 31, 90])
def test_same_or_longer_limit_stops_no_account(days: int | None) -> None:
    make_ldap_user()
    for number in range(0, 100, 5):
        make_user(f"user-{number}", **unused(number))
    proposed = replace(OFF, disable_user_account_days_inactive=days)

    assert counts(proposed, current=THIRTY) == (0, 0)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"failed_auth_count": 3}, 1),
        ({"failed_auth_count": 2}, 0),
        ({"failed_auth_count": None}, 0),
        ({"failed_auth_count": 3, "failed_auth_at": NOW - timedelta(minutes=30)}, 0),
        ({"failed_auth_count": 3, "failed_auth_at": None}, 1),
        ({"failed_auth_count": 3, "enabled": False}, 0),
        ({"failed_auth_count": 3, "options": {options.IGNORE_LOCKOUT: True}}, 0),
    ],
)
def test_lockout_rule_that_is_switched_on(facts: dict[str, Any], expected: int) -> None:
    make_user(**{"failed_auth_at": NOW, **facts})

    assert counts(THREE) == (expected, expected)


def test_lower_threshold_locks_more_accounts() -> None:
    for number in range(8):
        make_user(f"user-{number}", failed_auth_count=number, failed_auth_at=NOW)

    assert counts(THREE, current=replace(OFF, lockout_failure_attempts=6)) == (3, 3)


@pytest.mark.parametrize(("duration", "expected"), [(1800, 0), (86_400, 1), (None, 1)])
def test_longer_lock_applies_to_lapsed_locks(duration: int | None, expected: int) -> None:
    make_user(failed_auth_count=3, failed_auth_at=NOW - timedelta(hours=2))

    assert counts(replace(THREE, lockout_duration=duration), current=THREE)[0] == expected


def test_account_that_is_inactive_already_does_not_count() -> None:
    make_user(failed_auth_count=3, failed_auth_at=NOW, **unused(99))

    assert counts(replace(THIRTY, lockout_failure_attempts=3), current=THIRTY) == (0, 0)


def test_total_has_each_account_once() -> None:
    locked: dict[str, Any] = {"failed_auth_count": 3, "failed_auth_at": NOW}
    make_user("both", **locked, **unused(40))
    make_user("locked now, inactive later", **locked, **unused(20))
    make_user("locked alone", **locked, **unused(-1))
    make_user("inactive later", **unused(20))
    result = evaluate(replace(THIRTY, lockout_failure_attempts=3))

    assert [effect.today.accounts for effect in result.effects] == [3, 1]
    assert [effect.ahead.accounts for effect in result.effects] == [3, 3]
    assert (result.today.accounts, result.ahead.accounts) == (3, 4)


def test_ldap_and_federated_users_are_counted_for_inactivity() -> None:
    grant(make_ldap_user("lea", last_active_at=TODAY - timedelta(days=31)))
    make_federated_user("Fay", last_active_at=TODAY - timedelta(days=10))
    result = evaluate(replace(THIRTY, lockout_failure_attempts=1))

    assert (result.today.accounts, result.ahead.accounts) == (1, 2)
    assert [stop.account.name for stop in result.stops] == ["lea"]


def test_accounts_without_a_sign_in_are_counted_separately() -> None:
    make_user("never", created_at=NOW - timedelta(days=99), last_active_at=None)
    make_user("once", **unused(99))

    assert evaluate(THIRTY).never_active == 1


@pytest.mark.parametrize(
    ("current", "recent", "unknown"),
    [
        (Policy(), None, True),
        (Policy(), TODAY - timedelta(days=8), True),
        (Policy(), TODAY - timedelta(days=7), False),
        (POLICY, None, False),
    ],
    ids=["nothing recorded", "nothing recent", "recorded", "the rule is on"],
)
def test_a_keystone_that_may_not_record_sign_ins_is_named(
    current: Policy, recent: date | None, unknown: bool
) -> None:
    make_user("never", created_at=NOW - timedelta(days=80), last_active_at=None)
    make_user("other", last_active_at=recent)
    caveats = " ".join(whatif_text.caveats(evaluate(THIRTY, current=current)))

    assert "no sign-in is recorded" in caveats
    assert ("before 2023.1" in caveats) is unknown


@pytest.mark.parametrize(
    ("same_day", "others", "days_ago", "expected"),
    [(10, 40, 8, True), (10, 41, 8, False), (9, 0, 8, False), (10, 0, 7, False)],
    ids=["a fifth", "less than a fifth", "few", "this week"],
)
def test_a_reset_of_the_last_activity_is_recognized(
    same_day: int, others: int, days_ago: int, expected: bool
) -> None:
    for number in range(same_day):
        make_user(f"same{number}", **unused(days_ago))
    for number in range(others):
        make_user(f"other{number}", **unused(number % 5))
    result = evaluate(THIRTY)

    assert (result.activity.reset, result.activity.reset_on) == (
        (same_day, TODAY - timedelta(days=days_ago)) if expected else (0, None)
    )
    assert ("reset_last_active" in " ".join(whatif_text.caveats(result))) is expected


# --- Names --------------------------------------------------------------------------------------
def test_privileged_accounts_are_counted_and_named() -> None:
    grant(make_user("root", **unused(31)))
    grant(make_user("nova", **unused(10)), "service")
    make_user("ann", **unused(99))
    result = evaluate(THIRTY)

    assert result.today == AffectedCount(accounts=2, kinds={AccountKind.ADMINISTRATOR: 1})
    assert result.ahead == AffectedCount(
        accounts=3, kinds={AccountKind.ADMINISTRATOR: 1, AccountKind.SERVICE: 1}
    )
    assert [(stop.account.name, stop.today, stop.inactive_on) for stop in result.stops] == [
        ("root", True, TODAY - timedelta(days=1)),
        ("nova", False, TODAY + timedelta(days=20)),
    ]


def test_longest_unused_accounts_are_named_first() -> None:
    for days in (20, 25, 10):
        grant(make_user(f"{days}", **unused(days)))
    grant(make_user("15", created_at=NOW - timedelta(days=15)))

    assert [stop.account.name for stop in evaluate(THIRTY).stops] == ["25", "20", "15", "10"]


def test_account_that_would_be_locked_has_an_end() -> None:
    grant(make_user("root", failed_auth_count=3, failed_auth_at=NOW, **unused(0)))
    [stop] = evaluate(THREE).stops

    assert (stop.states, stop.locked_until) == ((LOCKED,), NOW + timedelta(minutes=30))


def test_fifty_accounts_are_named_and_the_others_counted() -> None:
    for number in range(53):
        grant(make_user(f"admin-{number:02}", **unused(99 if number > 50 else 0)))
    result = evaluate(THIRTY)

    assert [stop.account.name for stop in result.stops][:3] == ["admin-51", "admin-52", "admin-00"]
    assert (len(result.stops), result.unnamed) == (50, 3)


def test_other_domains_are_out_of_scope() -> None:
    grant(make_user("root", **unused(99)))
    grant(make_user("shopkeeper", domain_id="shops", failed_auth_count=3, failed_auth_at=NOW))
    result = evaluate(replace(THIRTY, lockout_failure_attempts=3), scope="shops")

    assert result.today.accounts == 1
    assert [stop.account.name for stop in result.stops] == ["shopkeeper"]
    assert result.passwords.never_expire == 1


@pytest.mark.parametrize("accounts", [0, 1, 60])
def test_number_of_queries_is_constant(
    django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    grant(make_user("root", **unused(0)))
    for number in range(accounts):
        make_user(f"user-{number}", **unused(99))

    # Locks; inactive accounts, and the exempt ones; roles, projects, assignments, and the stopped
    # ones of these accounts, local and others; the days of activity; passwords in use, and the
    # exempt ones; then the named accounts: users, options, passwords, groups, roles, projects,
    # assignments.
    with django_assert_num_queries(17, using="keystone"):
        evaluate(THIRTY)


# --- Passwords ----------------------------------------------------------------------------------
def password(age: int, expires: int | None, *, old: bool = False) -> PasswordRow:
    """Return a password of this age, which expires in that many days."""
    at = None if expires is None else NOW + timedelta(days=expires)
    return PasswordRow(created_at=NOW - timedelta(days=age), expires_at=at, old_columns=old)


@pytest.mark.parametrize("old", [False, True])
def test_passwords_keep_their_expiry(old: bool) -> None:  # noqa: FBT001
    make_user("never", passwords=[password(99, None, old=old)])
    make_user("later", passwords=[password(10, 80, old=old)])
    make_user("over", passwords=[password(99, -9, old=old)])
    make_user(
        "exempt",
        passwords=[password(99, None, old=old)],
        options={options.IGNORE_PASSWORD_EXPIRY: True},
    )
    result = evaluate(replace(OFF, password_expires_days=30))

    assert result.today.accounts == result.ahead.accounts == 0
    assert result.passwords.never_expire == result.passwords.keep_expiry == 1
    assert result.passwords.too_old == 1
    assert result.passwords.new_expire_on == date(2026, 12, 22)


def test_no_password_is_too_old_without_the_rule() -> None:
    make_user(passwords=[password(99, 5)])
    result = evaluate(OFF, current=replace(OFF, password_expires_days=104))

    assert (result.passwords.too_old, result.passwords.new_expire_on) == (None, None)
    assert "1 password in use keeps its expiry" in whatif_text.caveats(result)[0]


# --- Proposals ----------------------------------------------------------------------------------
def test_missing_option_stays_and_empty_option_is_off() -> None:
    current = replace(THIRTY, lockout_failure_attempts=6)

    assert whatif.parse_proposal(current, {"lockout_failure_attempts": " 3 "}) == replace(
        current, lockout_failure_attempts=3
    )
    assert whatif.parse_proposal(current, {"lockout_failure_attempts": " "}) == THIRTY


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "36501", "9" * 99, "\0", "１e1"])
def test_invalid_proposal_is_an_error_with_the_option(text: str) -> None:
    with pytest.raises(ProposalError) as caught:
        whatif.parse_proposal(OFF, {"disable_user_account_days_inactive": text})

    assert list(caught.value.problems) == ["disable_user_account_days_inactive"]
    assert str(caught.value).startswith("disable_user_account_days_inactive: ")
    assert "is not a whole number from 1 to 36,500" in str(caught.value)


def test_texts_of_a_policy_are_a_valid_proposal() -> None:
    current = replace(THIRTY, lockout_duration=None)

    assert whatif.parse_proposal(OFF, whatif.as_texts(current)) == current


# --- Sentences ----------------------------------------------------------------------------------
def test_answer_without_a_change() -> None:
    assert "nothing would change" in whatif_text.answer(evaluate(OFF))


@pytest.mark.parametrize(
    ("kinds", "accounts", "terms"),
    [
        ({}, 1, ["1 account would stop", "none of them an administrator or service account"]),
        ({AccountKind.ADMINISTRATOR: 1}, 1, ["1 account would stop", "an administrator"]),
        (
            {AccountKind.ADMINISTRATOR: 2, AccountKind.SERVICE: 1},
            1204,
            ["1,204 accounts would stop", "2 administrators and 1 service account"],
        ),
    ],
)
def test_answer_has_numbers_and_kinds(
    kinds: Mapping[AccountKind, int], accounts: int, terms: list[str]
) -> None:
    number = AffectedCount(accounts=accounts, kinds=kinds)
    sentence = whatif_text.answer(replace(evaluate(THIRTY), today=number))

    assert sentence.startswith("Today ")
    assert all(term in sentence for term in terms)


# --- On any rows --------------------------------------------------------------------------------
@given(scene=scenes(), current=policies())
@trying
def test_numbers_equal_the_rules(scene: Scene, current: Policy) -> None:
    now, proposed = scene.now, scene.policy
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(scene.users):
            make_user(f"user{number}", **facts)
        accounts = loading.accounts(loading.local_user_rows(LocalUser.objects.all()))
        result = whatif.evaluate(proposed, current=current, scope=None, now=now)
        transaction.set_rollback(True, using="keystone")

    def locked(account: Account) -> bool:
        before = [s for s in (LOCKED, DISABLED, INACTIVE) if s.holds(account, current, now)]
        return LOCKED.holds(account, proposed, now) and not before

    def inactive(account: Account, days: timedelta) -> bool:
        on = now + days
        new = proposed.disable_user_account_days_inactive or 10**6
        old = current.disable_user_account_days_inactive or 10**6
        earlier = not days or new < old
        before = INACTIVE.holds(account, current, now)
        return INACTIVE.holds(account, proposed, on) and not before and earlier

    none = timedelta(0)
    assert result.effects[0].today.accounts == sum(map(locked, accounts))
    assert result.effects[1].today.accounts == sum(inactive(a, none) for a in accounts)
    assert result.effects[1].ahead.accounts == sum(inactive(a, AHEAD) for a in accounts)
    assert result.today.accounts == sum(locked(a) or inactive(a, none) for a in accounts)
    assert result.ahead.accounts == sum(locked(a) or inactive(a, AHEAD) for a in accounts)
