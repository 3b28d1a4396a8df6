"""Lists by date: in their order, in pages, and the same accounts as by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pciops.accounts import filters, selectors
from pciops.accounts.by_date import BY_ACTIVITY
from pciops.accounts.filters import FilterError
from pciops.accounts.query import AccountQuery
from pciops.accounts.selectors import AccountPage
from pciops.accounts.states import EXPIRING, INACTIVE_SOON
from pciops.accounts.states.state import State
from pciops.keystone import options
from pciops.keystone.models import LocalUser, Password, User, UserOption
from pciops.lib.keyset import MarkerError
from tests.factories import NOW, POLICY, PasswordRow, make_domain, make_user
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

INACTIVE = replace(POLICY, disable_user_account_days_inactive=90, inactive_soon_days=14)
DAY = timedelta(days=1)
BY_STATE = [EXPIRING, INACTIVE_SOON]


def make(state: State, name: str, days: float, **facts: Any) -> User:
    """Create an account that stops after these days."""
    if state is EXPIRING:
        expires_at = NOW + timedelta(days=days)
        row = PasswordRow(created_at=NOW - 30 * DAY, expires_at=expires_at)
        return make_user(name, passwords=[row], **facts)
    active = NOW.date() + timedelta(days=int(days) - 90)
    return make_user(name, last_active_at=active, **facts)


def page(query: AccountQuery, *, scope: str | None = None, **more: Any) -> AccountPage:
    arguments = {"marker": "", "limit": 50, **more}
    return selectors.page(query, scope=scope, policy=INACTIVE, now=NOW, **arguments)


def names(query: AccountQuery, **more: Any) -> list[str]:
    return [account.name for account in page(query, **more).accounts]


@pytest.mark.parametrize("state", BY_STATE, ids=str)
def test_the_next_comes_first(state: State) -> None:
    for name, days in (("ann", 9), ("bob", 2), ("cyd", 5), ("dan", 40)):
        make(state, name, days)

    assert names(AccountQuery(state=state)) == ["bob", "cyd", "ann"]
    assert names(AccountQuery(state=state, sort="name")) == ["ann", "bob", "cyd"]


def test_an_account_with_equally_new_passwords_is_listed_once() -> None:
    made, soon = NOW - DAY, NOW + 2 * DAY
    rows = [
        PasswordRow(created_at=made, expires_at=NOW + DAY, old_columns=True),
        PasswordRow(created_at=made, expires_at=soon),
    ]
    make_user("ann", passwords=rows)
    make(EXPIRING, "bob", 9)

    assert sorted(names(AccountQuery(state=EXPIRING))) == ["ann", "bob"]


@pytest.mark.parametrize("state", BY_STATE, ids=str)
@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_have_every_account_once(state: State, limit: int) -> None:
    for number in range(9):
        make(state, f"user{number}", 2 + number // 3)  # three on each day
    query, marker, found = AccountQuery(state=state), "", []
    while True:
        part = page(query, marker=marker, limit=limit)
        found += [account.name for account in part.accounts]
        marker = part.next
        if not marker:
            break

    assert sorted(found) == [f"user{number}" for number in range(9)]
    assert [name[4:] in "012" for name in found[:3]] == [True] * 3


@pytest.mark.parametrize("state", BY_STATE, ids=str)
def test_a_full_page_is_found_behind_many_exempt_accounts(state: State) -> None:
    exempt = {options.IGNORE_PASSWORD_EXPIRY: True, options.IGNORE_USER_INACTIVITY: True}
    for number in range(30):
        make(state, f"exempt{number}", 1.5, options=exempt)
    for number in range(3):
        make(state, f"user{number}", 5)

    assert len(page(AccountQuery(state=state), limit=2).accounts) == 2


@pytest.mark.parametrize("state", BY_STATE, ids=str)
def test_filters_narrow_the_list(state: State) -> None:
    make_domain("shops", "Shops")
    make(state, "ann", 3)
    make(state, "bob", 2, domain_id="shops")
    query = AccountQuery(state=state)

    assert names(replace(query, domain_id="shops")) == ["bob"]
    assert names(query, scope="shops") == ["bob"]
    assert names(replace(query, domain_id="shops"), scope="default") == []
    assert names(replace(query, text="AN")) == ["ann"]
    assert names(replace(query, text="nobody")) == []


def test_a_password_that_was_replaced_is_not_in_the_list() -> None:
    old = PasswordRow(created_at=NOW - 80 * DAY, expires_at=NOW + 3 * DAY)
    make_user("ann", passwords=[old, PasswordRow(created_at=NOW, expires_at=NOW + 90 * DAY)])

    assert names(AccountQuery(state=EXPIRING)) == []


@pytest.mark.parametrize("state", BY_STATE, ids=str)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"within": "7"}, ["d1", "d6"]),
        ({"within": "8"}, ["d1", "d6", "d7"]),
        ({"within": "60"}, ["d1", "d6", "d7", "d40"]),
        ({"on": (NOW.date() + 6 * DAY).isoformat()}, ["d6"]),
        ({"on": (NOW.date() + 40 * DAY).isoformat()}, ["d40"]),
        ({"on": "0001-01-01"}, []),
        ({"on": "9999-12-31"}, []),
    ],
)
def test_days_are_utc_days_with_today(
    state: State, query: dict[str, str], expected: list[str]
) -> None:
    for days in (1, 6, 7, 40):
        make(state, f"d{days}", days)

    assert names(filters.query({"state": state.name, **query}, domains=[])) == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "locked", "within": "7"}, "within"),
        ({"within": "7"}, "within"),
        ({"state": "expiring", "within": "0"}, "within"),
        ({"state": "expiring", "within": "-1"}, "within"),
        ({"state": "expiring", "within": "9999999"}, "within"),
        ({"state": "expiring", "within": "soon"}, "within"),
        ({"state": "expiring", "on": "tomorrow"}, "on"),
        ({"state": "expiring", "within": "7", "on": "2026-12-01"}, "on"),
        ({"state": "expiring", "within": "7", "sort": "name"}, "sort"),
    ],
)
def test_other_days_are_refused(query: dict[str, str], field: str) -> None:
    with pytest.raises(FilterError, match=f"^{field}: "):
        filters.query(query, domains=[])


@pytest.mark.parametrize("values", [["x", "id"], ["2026-13-01", "id"], [1, "id"]])
def test_a_marker_without_a_day_is_refused(values: list[Any]) -> None:
    query = AccountQuery(state=INACTIVE_SOON)
    with pytest.raises(MarkerError):
        page(query, marker=query.marker_prefix + BY_ACTIVITY.marker_of(values))


@given(
    facts=st.lists(
        st.tuples(st.integers(-3, 20), st.integers(0, 86_399), st.booleans()), max_size=12
    )
)
@some(20)
@pytest.mark.parametrize("state", BY_STATE, ids=str)
def test_both_orders_have_the_same_accounts(
    state: State, facts: list[tuple[int, int, bool]]
) -> None:
    for model in (Password, UserOption, LocalUser, User):
        model.objects.using("keystone").all().delete()
    exempt = {options.IGNORE_PASSWORD_EXPIRY: True, options.IGNORE_USER_INACTIVITY: True}
    for number, (days, seconds, is_exempt) in enumerate(facts):
        given_options = exempt if is_exempt else {}
        make(state, f"user{number}", days + seconds / 86_400, options=given_options)
    by_date = page(AccountQuery(state=state)).accounts
    stops: list[date | datetime | None] = [
        account.password_expires_at if state is EXPIRING else account.active_on
        for account in by_date
    ]

    assert stops == sorted(stops)  # type: ignore[type-var]  # none is None
    assert {account.name for account in by_date} == set(
        names(AccountQuery(state=state, sort="name"))
    )
