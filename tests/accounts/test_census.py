"""A census counts what the lists show: for each domain, state and kind, and each day to come."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import selectors
from pciops.accounts.account import Account
from pciops.accounts.census import counting
from pciops.accounts.census.counting import ATTENTION, DAYS, CensusTally
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind, AccountKinds
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

pytestmark = pytest.mark.django_db(databases=["keystone"])

DOMAINS = ["default", "corp"]
TODAY = NOW.date()


def count(
    kinds: dict[str, AccountKinds] | None = None, *, policy: Policy = POLICY, now: datetime = NOW
) -> CensusTally:
    """Count all, at the instant of the tests."""
    return counting.count(policy=policy, now=now, kinds=kinds or {})


def listed(state: Any, domain: str, policy: Policy) -> list[Account]:
    """The list of a state; without one, of all accounts, of those that are not covered as well."""
    names = [state] if state else [None, NOT_COVERED]
    queries = [selectors.AccountQuery(state=name, domain_id=domain) for name in names]
    pages = [
        selectors.page(query, scope=None, policy=policy, now=NOW, marker="", limit=100)
        for query in queries
    ]
    return [account for page in pages for account in page.accounts]


def in_lists(policy: Policy, kinds: dict[str, AccountKinds]) -> dict[tuple[str, str, str], int]:
    """What a census has to say, by the lists alone."""
    numbers: Counter[tuple[str, str, str]] = Counter()
    for domain in ["", *DOMAINS]:
        for state in [None, *STATES]:
            for account in listed(state, domain, policy):
                for kind in ["", *kinds.get(account.id, ())]:
                    numbers[domain, state.name if state else "", kind] += 1
    return numbers


def by_rule(policy: Policy) -> dict[tuple[str, date, str], int]:
    """What the forecast has to say, by the facts of each account."""
    numbers: Counter[tuple[str, date, str]] = Counter()
    for account in listed(None, "", policy):
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
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
def test_the_numbers_are_those_of_the_lists(data: st.DataObject, policy: Policy) -> None:
    people = data.draw(st.lists(users(NOW, policy), max_size=5))
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(people):
            make_user(f"user{number}", domain_id=data.draw(st.sampled_from(DOMAINS)), **facts)
        for number in range(data.draw(st.integers(0, 2))):
            make_ldap_user(f"lena{number}", domain_id="corp")
        words = st.sampled_from(
            [
                (),
                (AccountKind.ADMINISTRATOR,),
                (AccountKind.SERVICE,),
                (AccountKind.ADMINISTRATOR, AccountKind.SERVICE),
            ]
        )
        kinds = {user.id: data.draw(words) for user in User.objects.order_by("id")}
        tally, expected = count(kinds, policy=policy), in_lists(policy, kinds)
        days, coming = dict(tally.days), by_rule(policy)
        transaction.set_rollback(True, using="keystone")

    assert dict(tally.numbers) == expected
    assert days == coming


def test_nobody_at_all_is_nothing_at_all() -> None:
    tally = count()

    assert (dict(tally.numbers), dict(tally.days), tally.attention) == ({}, {}, [])


def test_a_user_without_a_domain_is_counted_in_the_cloud_alone() -> None:
    User.objects.using("keystone").create(id="f" * 32, domain_id=None)

    assert dict(count().numbers) == {("", "", ""): 1, ("", "not_covered", ""): 1}


def test_an_id_of_a_kind_whose_account_is_gone_counts_nothing() -> None:
    assert dict(count({"f" * 32: (AccountKind.SERVICE,)}).numbers) == {}


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
def test_a_password_is_counted_on_the_utc_day_on_which_it_expires(
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
    ids=["today: it is inactive already", "tomorrow", "the last day", "later"],
)
def test_an_account_is_counted_on_the_day_on_which_it_becomes_inactive(
    ago: int, days: list[int]
) -> None:
    make_user(last_active_at=TODAY - timedelta(days=ago), passwords=[])

    found = [day for domain, day, _ in count().days if not domain]
    assert found == [TODAY + timedelta(days=number) for number in days]


def test_with_the_rules_off_nobody_becomes_inactive() -> None:
    make_user(last_active_at=TODAY - timedelta(days=89), passwords=[])
    off = replace(POLICY, disable_user_account_days_inactive=None)

    assert dict(count(policy=off).days) == {}


# --- Attention ----------------------------------------------------------------------------------
def names(tally: CensusTally) -> list[str]:
    """Who needs attention, by name."""
    accounts = selectors.get_many([user_id for _, user_id in tally.attention], scope=None)
    by_id = {account.id: account.name for account in accounts}
    return [by_id[user_id] for _, user_id in tally.attention]


def test_who_matters_and_is_in_trouble_needs_attention_who_is_out_first() -> None:
    fine = PasswordRow(expires_at=NOW + timedelta(days=80))
    soon = PasswordRow(expires_at=NOW + timedelta(days=1))
    kinds: dict[str, AccountKinds] = {
        make_user("expiring", passwords=[soon]).id: (AccountKind.ADMINISTRATOR,),
        make_user("well", passwords=[fine]).id: (AccountKind.ADMINISTRATOR,),
        make_locked_user("out", at=NOW, passwords=[fine]).id: (AccountKind.SERVICE,),
    }
    make_locked_user("a person like others", at=NOW)

    assert names(count(kinds)) == ["out", "expiring"]


def test_an_exemption_alone_needs_no_attention() -> None:
    user = make_user(options={options.IGNORE_LOCKOUT: True})

    assert count({user.id: (AccountKind.SERVICE,)}).attention == []


def test_of_each_domain_there_is_a_limit_to_those_that_are_named() -> None:
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
def test_the_queries_do_not_depend_on_how_many_there_are(
    people: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    kinds = {make_user(f"user{number}").id: (AccountKind.SERVICE,) for number in range(people)}

    # Nine for all accounts; of those of a kind the users, passwords and options, and three for
    # what kind they are.
    with django_assert_num_queries(9 + 6, using="keystone"):
        count(dict(kinds))


def test_the_accounts_of_a_kind_are_judged_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BATCH", 2)
    kinds: dict[str, AccountKinds] = {
        make_user(f"u{n}").id: (AccountKind.SERVICE,) for n in range(5)
    }

    assert count(kinds).numbers["", "", "service"] == 5


def test_what_is_judged_is_what_the_account_page_says() -> None:
    user = make_locked_user(at=NOW)
    [account] = selectors.get_many([user.id], scope=None)
    verdict = judge(account, POLICY, NOW)
    numbers = count({user.id: (AccountKind.SERVICE,)}).numbers

    assert {state for _, state, kind in numbers if kind} - {""} == {s.name for s in verdict.states}


@pytest.mark.parametrize(("scope", "found"), [(None, 2), ("corp", 1), ("nowhere", 0)])
def test_accounts_by_id_are_those_in_scope(scope: str | None, found: int) -> None:
    ids = [make_user("ann").id, make_ldap_user("lena", domain_id="corp").id, "f" * 32]

    assert len(selectors.get_many(ids, scope=scope)) == found
