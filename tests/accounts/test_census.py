"""Tests of the counts of a census, which equal the lists, for domains, states, kinds and days."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.census import counting
from pciops.accounts.census.counting import ATTENTION, DAYS, CensusTally
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind, AccountKinds
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import NOT_COVERED, STATES
from pciops.accounts.states.inactivity import inactive_on
from pciops.accounts.verdict import judge
from pciops.keystone import options
from pciops.keystone.models import User
from tests.accounts.scenes import policies, users
from tests.factories import (
    MICROSECOND,
    NOW,
    POLICY,
    PasswordRow,
    make_ldap_user,
    make_locked_user,
    make_user,
)
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DOMAINS = ["default", "corp"]
TODAY = NOW.date()


def count(
    kinds: dict[str, AccountKinds] | None = None, *, policy: Policy = POLICY, now: datetime = NOW
) -> CensusTally:
    return counting.count(policy=policy, now=now, kinds=kinds or {})


def listed(state: Any, policy: Policy) -> list[Account]:
    """Return the list of a state; without one, of all accounts, covered or not."""
    names = [state] if state else [None, NOT_COVERED]
    queries = [AccountQuery(state=name) for name in names]
    pages = [
        selectors.page(query, scope=None, policy=policy, now=NOW, marker="", limit=100)
        for query in queries
    ]
    return [account for page in pages for account in page.accounts]


def count_lists(policy: Policy, kinds: dict[str, AccountKinds]) -> dict[tuple[str, str, str], int]:
    """Return the numbers of the lists."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    for state in [None, *STATES]:
        for account in listed(state, policy):
            for domain in ["", account.domain_id]:
                for kind in ["", *kinds.get(account.id, ())]:
                    numbers[domain, state.name if state else "", kind] += 1
    return numbers


def count_days(policy: Policy) -> dict[tuple[str, date, str], int]:
    """Return the forecast by the facts of each account."""
    numbers: Counter[tuple[str, date, str]] = Counter()
    for account in listed(None, policy):
        inactive, expires = inactive_on(account, policy), account.password_expires_at
        days = []
        if inactive and TODAY < inactive < TODAY + timedelta(days=DAYS):
            days.append((inactive, "inactive"))
        if expires and expires > NOW and not account.exempt_from(options.IGNORE_PASSWORD_EXPIRY):
            on = expires.astimezone(UTC).date()
            days += [(on, "expired")] if on < TODAY + timedelta(days=DAYS) else []
        for day, state in days:
            numbers["", day, state] += 1
            numbers[account.domain_id, day, state] += 1
    return numbers


@given(data=st.data(), policy=policies())
@some(25)
def test_numbers_equal_the_lists(data: st.DataObject, policy: Policy) -> None:
    people = data.draw(st.lists(users(NOW, policy), max_size=5))
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(people):
            make_user(f"user{number}", domain_id=data.draw(st.sampled_from(DOMAINS)), **facts)
        for number in range(data.draw(st.integers(0, 2))):
            facts = data.draw(users(NOW, policy))
            columns = {name: facts[name] for name in ("enabled", "created_at", "last_active_at")}
            make_ldap_user(f"lena{number}", domain_id="corp", **columns)
        words = st.sampled_from(
            [
                (),
                (AccountKind.ADMINISTRATOR,),
                (AccountKind.SERVICE,),
                (AccountKind.ADMINISTRATOR, AccountKind.SERVICE),
            ]
        )
        kinds = {user.id: data.draw(words) for user in User.objects.order_by("id")}
        tally, expected = count(kinds, policy=policy), count_lists(policy, kinds)
        days, coming = dict(tally.days), count_days(policy)
        transaction.set_rollback(True, using="keystone")

    assert dict(tally.numbers) == expected
    assert days == coming


def test_empty_cloud_has_no_numbers() -> None:
    tally = count({"f" * 32: (AccountKind.SERVICE,)})

    assert (dict(tally.numbers), dict(tally.days), tally.attention) == ({}, {}, [])


def test_user_without_a_domain_is_counted_in_the_cloud() -> None:
    User.objects.using("keystone").create(id="f" * 32, domain_id=None)

    states = ("", "disabled", "never_signed_in", "not_covered")
    assert dict(count().numbers) == {("", state, ""): 1 for state in states}


# --- Forecast -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expires_at", "days"),
    [
        (NOW, []),
        (NOW + MICROSECOND, [TODAY]),
        (datetime(2026, 11, 22, 23, 59, 59, 999999, tzinfo=UTC), [TODAY]),
        (datetime(2026, 11, 23, tzinfo=UTC), [TODAY + timedelta(days=1)]),
        (datetime(2026, 12, 5, 23, 59, 59, 999999, tzinfo=UTC), [TODAY + timedelta(days=13)]),
        (datetime(2026, 12, 6, tzinfo=UTC), []),
        (None, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("old_columns", [False, True], ids=["new columns", "old columns"])
def test_password_is_counted_on_the_utc_day_of_its_expiry(
    expires_at: datetime | None, days: list[date], old_columns: bool
) -> None:
    make_user(passwords=[PasswordRow(expires_at=expires_at, old_columns=old_columns)])

    assert [day for domain, day, _ in count().days if not domain] == days


def test_only_the_newest_password_is_in_the_forecast() -> None:
    tomorrow = NOW + timedelta(days=1)
    make_user(
        passwords=[
            PasswordRow(created_at=NOW - timedelta(days=2), expires_at=tomorrow),
            PasswordRow(created_at=NOW - timedelta(days=1), expires_at=NOW + timedelta(days=80)),
        ]
    )

    assert dict(count().days) == {}


@pytest.mark.parametrize(
    ("ago", "days"),
    [(90, []), (89, [1]), (77, [13]), (76, [])],
    ids=["today", "tomorrow", "the last day", "later"],
)
def test_account_is_counted_on_the_day_it_becomes_inactive(ago: int, days: list[int]) -> None:
    make_user(last_active_at=TODAY - timedelta(days=ago), passwords=[])

    forecast = [day for domain, day, _ in count().days if not domain]
    assert forecast == [TODAY + timedelta(days=number) for number in days]


def test_no_account_becomes_inactive_with_the_rule_off() -> None:
    make_user(last_active_at=TODAY - timedelta(days=89), passwords=[])
    off = replace(POLICY, disable_user_account_days_inactive=None)

    assert dict(count(policy=off).days) == {}


# --- Attention ----------------------------------------------------------------------------------
def names(tally: CensusTally) -> list[str]:
    """Return the names of the accounts that need attention."""
    accounts = selectors.get_many([user_id for _, user_id in tally.attention], scope=None)
    by_id = {account.id: account.name for account in accounts}
    return [by_id[user_id] for _, user_id in tally.attention]


def test_blocked_privileged_accounts_need_attention_first() -> None:
    fine = PasswordRow(expires_at=NOW + timedelta(days=80))
    soon = PasswordRow(expires_at=NOW + timedelta(days=1))
    kinds: dict[str, AccountKinds] = {
        make_user("expiring", passwords=[soon]).id: (AccountKind.ADMINISTRATOR,),
        make_user("well", passwords=[fine]).id: (AccountKind.ADMINISTRATOR,),
        make_locked_user("out", at=NOW, passwords=[fine]).id: (AccountKind.SERVICE,),
    }
    make_locked_user("a person like others", at=NOW)

    assert names(count(kinds)) == ["out", "expiring"]


def test_exemption_needs_no_attention() -> None:
    user = make_user(options={options.IGNORE_LOCKOUT: True})

    assert count({user.id: (AccountKind.SERVICE,)}).attention == []


def test_attention_is_limited_for_each_domain() -> None:
    kinds: dict[str, AccountKinds] = {
        make_locked_user(f"{domain}{number:03}", at=NOW, domain_id=domain).id: (
            AccountKind.SERVICE,
        )
        for domain, many in (("corp", ATTENTION + 1), ("other", 1))
        for number in range(many)
    }

    named = Counter(domain for domain, _ in count(kinds).attention)
    assert named == {"corp": ATTENTION, "other": 1}


# --- Cost ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("people", [1, 12])
def test_number_of_queries_is_constant(
    people: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    kinds = {make_user(f"user{number}").id: (AccountKind.SERVICE,) for number in range(people)}

    # Twelve for all accounts; users, passwords, options, three for the kinds of privileged ones,
    # and one for those that have only application credentials.
    with django_assert_num_queries(12 + 7, using="keystone"):
        count(dict(kinds))


def test_privileged_accounts_are_judged_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BATCH", 2)
    kinds: dict[str, AccountKinds] = {
        make_user(f"u{n}").id: (AccountKind.SERVICE,) for n in range(5)
    }

    assert count(kinds).numbers["", "", "service"] == 5


def test_states_of_privileged_accounts_are_those_of_their_verdicts() -> None:
    user = make_locked_user(at=NOW)
    [account] = selectors.get_many([user.id], scope=None)
    verdict = judge(account, POLICY, NOW)
    numbers = count({user.id: (AccountKind.SERVICE,)}).numbers

    assert {state for _, state, kind in numbers if kind} - {""} == {s.name for s in verdict.states}
