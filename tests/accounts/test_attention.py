"""Tests of the accounts that need attention, and of their order."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import attention, failing
from pciops.accounts.account import Account
from pciops.accounts.attention import Attention, choose_failing, items_of, ranked
from pciops.accounts.failing import FailingAccount
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.states import (
    ATTACKED_EXEMPT,
    DISABLED,
    EXPIRED,
    EXPIRING,
    INACTIVE_SOON,
    LOCKED,
)
from pciops.keystone.models import User
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_account,
    make_locked_user,
    make_user,
)

SERVICE = (AccountKind.SERVICE,)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
EXEMPT: Mapping[str, object] = {"1002": True}


def locked(user_id: str = "a" * 32, *, at: timedelta = MINUTE, **facts: Any) -> Account:
    return make_account(id=user_id, failed_auth_count=3, failed_auth_at=NOW - at, **facts)


def states_of(*accounts: Account) -> list[tuple[str, object]]:
    """Return name and state of each item."""
    items = ranked(items_of(accounts, policy=POLICY, now=NOW), [])
    return [(item.account.name, item.state) for item in items]


# --- Reasons ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"failed_auth_count": 3, "failed_auth_at": NOW}, LOCKED),
        (
            {"failed_auth_count": 3, "failed_auth_at": NOW, "options": EXEMPT},
            ATTACKED_EXEMPT,
        ),
        ({"kinds": SERVICE, "password_expires_at": NOW - DAY}, EXPIRED),
        ({"kinds": (AccountKind.ADMINISTRATOR,), "password_expires_at": NOW + DAY}, EXPIRING),
        ({"kinds": SERVICE, "last_active_at": (NOW - 88 * DAY).date()}, INACTIVE_SOON),
    ],
)
def test_item_has_the_state_that_needs_attention(facts: dict[str, Any], state: object) -> None:
    assert states_of(make_account(**facts)) == [("ann", state)]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"kinds": SERVICE},
        {"password_expires_at": NOW - DAY},
        {"last_active_at": (NOW - 88 * DAY).date()},
        {"kinds": SERVICE, "password_expires_at": NOW - DAY, "enabled": False},
        {
            "kinds": SERVICE,
            "password_expires_at": NOW - DAY,
            "last_active_at": (NOW - 91 * DAY).date(),
        },
    ],
    ids=["well", "service", "expired", "inactive-soon", "disabled-service", "inactive-service"],
)
def test_account_that_needs_no_attention_is_left_out(facts: dict[str, Any]) -> None:
    assert states_of(make_account(**facts)) == []


@pytest.mark.parametrize(
    ("account", "text"),
    [
        (
            locked(password_expires_at=NOW - DAY),
            "until 14:31:11 UTC (in 29 min), and the password expired at "
            "21 Nov 2026, 14:02:11 UTC (1 day ago)",
        ),
        (
            make_account(kinds=SERVICE, last_active_at=(NOW - 88 * DAY).date()),
            "it becomes inactive on 24 Nov 2026 (in 2 days)",
        ),
    ],
    ids=["lock with another reason", "inactive soon"],
)
def test_item_describes_its_state(account: Account, text: str) -> None:
    [item] = items_of([account], policy=POLICY, now=NOW)

    assert item.text == text


# --- Order --------------------------------------------------------------------------------------
def failing_account(name: str, *, exempt: bool) -> FailingAccount:
    return FailingAccount(1, name, name, "default", NOW, exempt)


@pytest.mark.parametrize(
    ("chosen_from", "expected"),
    [
        ([("new", False), ("old", False), ("service", False)], ["service", "new", "old"]),
        ([("service", True), ("locked", False)], ["locked", "service"]),
    ],
    ids=["privileged accounts first", "locked accounts before attacked ones"],
)
def test_chosen_accounts_are_in_order(
    chosen_from: list[tuple[str, bool]], expected: list[str]
) -> None:
    accounts = [failing_account(name, exempt=exempt) for name, exempt in chosen_from]

    assert choose_failing(accounts, {"service": SERVICE}) == expected


@given(accounts=st.lists(st.tuples(st.text(max_size=3), st.booleans()), max_size=40))
def test_limited_number_of_accounts_is_chosen(accounts: list[tuple[str, bool]]) -> None:
    at_threshold = [failing_account(name, exempt=exempt) for name, exempt in accounts]
    chosen = choose_failing(at_threshold, {})

    assert len(chosen) <= attention.MAX_LOCKED + attention.MAX_ATTACKED
    assert [
        name for name in chosen if name not in {account.user_id for account in at_threshold}
    ] == []


def test_chosen_accounts_come_before_those_of_the_census() -> None:
    accounts = [
        make_account(id="e", name="expired", kinds=SERVICE, password_expires_at=NOW - DAY),
        make_account(id="x", name="attacked", failed_auth_count=9, options=EXEMPT),
        locked("o", name="old", at=9 * MINUTE),
        locked("n", name="new"),
    ]
    items = ranked(items_of(accounts, policy=POLICY, now=NOW), ["n", "o", "x"])

    assert [item.account.name for item in items] == ["new", "old", "attacked", "expired"]


def test_accounts_of_the_census_are_sorted_by_urgency_and_time() -> None:
    assert states_of(
        make_account(name="late", kinds=SERVICE, password_expires_at=NOW + 9 * DAY),
        make_account(name="early", kinds=SERVICE, password_expires_at=NOW + DAY),
        make_account(name="idle", kinds=SERVICE, last_active_at=(NOW - 88 * DAY).date()),
        make_account(name="gone", kinds=SERVICE, password_expires_at=NOW - DAY),
    ) == [("gone", EXPIRED), ("idle", INACTIVE_SOON), ("early", EXPIRING), ("late", EXPIRING)]


def test_most_urgent_accounts_of_the_census_are_shown() -> None:
    accounts = [
        make_account(
            id=f"{number:032x}",
            name=f"s{number}",
            kinds=SERVICE,
            password_expires_at=NOW + (20 - number) * MINUTE,
        )
        for number in range(20)
    ]
    names = [name for name, _ in states_of(*accounts)]

    assert names == [f"s{number}" for number in range(19, 19 - attention.MAX_COUNTED, -1)]


# --- From Keystone's tables ---------------------------------------------------------------------
pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def gather(*counted: User, scope: str | None = None, policy: Policy = POLICY) -> Attention:
    return attention.gather([user.id for user in counted], scope=scope, policy=policy, now=NOW)


def names(result: Attention) -> list[str]:
    return [item.account.name for item in result.items]


def test_locked_service_accounts_come_first() -> None:
    make_locked_user("newest", at=NOW)
    grant(make_locked_user("nova", at=NOW - MINUTE), "service")
    make_locked_user("older", at=NOW - 2 * MINUTE)
    result = gather()

    assert names(result) == ["nova", "newest", "older"]
    assert result.numbers == {LOCKED: 3, ATTACKED_EXEMPT: 0}
    assert result.kinds[LOCKED] == {AccountKind.SERVICE: 1}


def test_attacked_accounts_need_attention_and_lapsed_locks_do_not() -> None:
    make_locked_user(at=NOW - 30 * MINUTE)
    make_locked_user("backup", at=NOW - 3 * DAY, options=EXEMPT)
    result = gather()

    assert names(result) == ["backup"]
    assert result.numbers == {LOCKED: 0, ATTACKED_EXEMPT: 1}
    assert result.kinds == {LOCKED: {}, ATTACKED_EXEMPT: {}}


def test_accounts_of_the_census_are_judged_again() -> None:
    expiring = make_user("cinder", passwords=[PasswordRow(expires_at=NOW + DAY)])
    changed = make_user("glance", passwords=[PasswordRow(expires_at=NOW + 80 * DAY)])
    nobody = make_user("ann", passwords=[PasswordRow(expires_at=NOW + DAY)])
    grant(expiring, "service")
    grant(changed, "service")

    assert names(gather(expiring, changed, nobody, User(id="gone"))) == ["cinder"]


def test_number_of_more_locked_accounts_is_known() -> None:
    for number in range(12):
        make_locked_user(f"user-{number}", at=NOW - number * MINUTE)
    result = gather()

    assert names(result) == [f"user-{number}" for number in range(10)]
    assert (result.locked, result.more_locked) == (12, 2)


def test_above_the_limit_only_locked_accounts_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing, "MOST", 3)
    monkeypatch.setattr(failing, "NEWEST", 2)
    for number in range(4):
        make_locked_user(f"user-{number}", at=NOW - number * MINUTE)
    result = gather()

    assert result.numbers == {LOCKED: 4}
    assert result.kinds == {}
    assert (names(result), result.more_locked) == (["user-0", "user-1"], 2)


def test_another_domain_is_out_of_scope() -> None:
    make_locked_user("ours", at=NOW)
    theirs = make_locked_user("theirs", at=NOW, domain_id="shop")
    result = gather(theirs, scope="default")

    assert names(result) == ["ours"]
    assert result.locked == 1


def test_no_account_is_locked_without_a_lockout_rule() -> None:
    make_locked_user(at=NOW)

    assert gather(policy=Policy()).numbers == {LOCKED: 0, ATTACKED_EXEMPT: 0}


@pytest.mark.parametrize("accounts", [1, 12])
def test_number_of_queries_is_constant(
    django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    for number in range(accounts):
        grant(make_locked_user(f"user-{number}", at=NOW), "service")
    counted = make_user("glance")

    # The scan; its groups, roles, projects and assignments; accounts, options and passwords; and
    # groups, roles, projects and assignments of all of them.
    with django_assert_num_queries(13, using="keystone"):
        gather(counted)


def test_disabled_locked_account_needs_attention() -> None:
    make_locked_user("off", at=NOW, enabled=False)
    [item] = gather().items

    assert (item.state, item.verdict.blocking_after_unlock) == (LOCKED, [DISABLED])
