"""Tests of the views of the list of accounts, and of several states as one filter."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts import selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import (
    DISABLED,
    EXPIRED,
    EXPIRING,
    INACTIVE_SOON,
    LOCKED,
    NEVER_SIGNED_IN,
    STATES,
    blocking,
)
from pciops.accounts.states.state import State
from pciops.accounts.views import BY_NAME, VIEWS, AnyOf, view_of
from tests.factories import NOW, POLICY, PasswordRow, grant, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

DAY = timedelta(days=1)
GONE = [PasswordRow(expires_at=NOW - DAY)]
SOON = [PasswordRow(expires_at=NOW + DAY)]
EXEMPT = {"1002": True}
IDLE = (NOW - 200 * DAY).date()


def make_cloud() -> None:
    """Accounts in many states, each named for them; those with `root` are privileged."""
    make_user("fine")
    make_user("off", enabled=False)
    make_user("gone", passwords=GONE)
    make_user("soon", passwords=SOON)
    make_user("idle", last_active_at=IDLE)
    make_user("near", failed_auth_count=2, failed_auth_at=NOW)
    make_user("attacked", failed_auth_count=9, failed_auth_at=NOW, options=EXEMPT)
    make_locked_user("locked")
    make_locked_user("locked-off", enabled=False)
    privileged: dict[str, dict[str, Any]] = {
        "root": {},
        "root-gone": {"passwords": GONE},
        "root-soon": {"passwords": SOON},
        "root-soon-off": {"passwords": SOON, "enabled": False},
        "root-soon-idle": {"passwords": SOON, "last_active_at": IDLE},
        "root-sleepy": {"last_active_at": (NOW - 88 * DAY).date()},
    }
    for name, facts in privileged.items():
        grant(make_user(name, **facts), "service")


def listed(state: State | None, **filters: Any) -> set[str]:
    """Return the names in a list of this state."""
    query = AccountQuery(state=state, **filters)
    page = selectors.page(query, scope=None, policy=POLICY, now=NOW, marker="", limit=100)
    return {account.name for account in page.accounts}


@pytest.mark.parametrize(
    ("view", "names"),
    [
        (
            "attention",
            {"near", "attacked", "locked", "locked-off", "root-gone", "root-soon", "root-sleepy"},
        ),
        (
            "blocked",
            {"off", "gone", "idle", "locked", "locked-off"}
            | {"root-gone", "root-soon-off", "root-soon-idle"},
        ),
        ("soon", {"soon", "root-soon", "root-soon-off", "root-soon-idle", "root-sleepy"}),
        ("exempt", {"attacked"}),
    ],
)
def test_a_view_lists_its_accounts(view: str, names: set[str]) -> None:
    make_cloud()

    assert listed(BY_NAME[view].state) == names


def test_both_forms_of_a_view_agree() -> None:
    make_cloud()
    query = AccountQuery()
    everyone = selectors.page(query, scope=None, policy=POLICY, now=NOW, marker="", limit=100)
    for view in VIEWS[:-1]:
        assert view.state is not None
        held = {one.name for one in everyone.accounts if view.state.holds(one, POLICY, NOW)}

        assert listed(view.state) == held


def test_candidates_have_every_account_of_a_view() -> None:
    make_cloud()
    for state in (BY_NAME["attention"].state, BY_NAME["blocked"].state, BY_NAME["soon"].state):
        assert isinstance(state, AnyOf)
        query = AccountQuery(state=state)
        found = selectors.count(query, scope=None, policy=POLICY, now=NOW).value

        assert found <= len(set(state.candidates(POLICY, NOW)))


@pytest.mark.parametrize("sort", ["failed", "name"])
def test_accounts_that_need_attention_have_pages(sort: str) -> None:
    make_cloud()
    query, marker, names = AccountQuery(state=BY_NAME["attention"].state, sort=sort), "", []
    while True:
        page = selectors.page(query, scope=None, policy=POLICY, now=NOW, marker=marker, limit=2)
        names += [account.name for account in page.accounts]
        marker = page.next
        if not marker:
            break

    assert len(names) == len(set(names)) == 7


def test_without_rules_nothing_needs_attention() -> None:
    make_cloud()
    state = BY_NAME["attention"].state
    page = selectors.page(
        AccountQuery(state=state), scope=None, policy=Policy(), now=NOW, marker="", limit=100
    )

    # Dates of passwords remain, whatever the policy.
    assert {"locked", "near", "attacked"}.isdisjoint(one.name for one in page.accounts)


def test_several_states_are_one_filter() -> None:
    make_cloud()

    assert listed(AnyOf((DISABLED, EXPIRED)), text="root") == {"root-gone", "root-soon-off"}


@pytest.mark.parametrize(
    ("state", "view"),
    [
        (None, "all"),
        (LOCKED, "attention"),
        (DISABLED, "blocked"),
        (NEVER_SIGNED_IN, "all"),
        (AnyOf((EXPIRING, INACTIVE_SOON)), "attention"),
        (AnyOf((LOCKED, DISABLED)), "blocked"),
        (AnyOf((LOCKED, NEVER_SIGNED_IN)), "all"),
    ],
)
def test_the_view_of_states_is_the_first_that_has_all_of_them(
    state: State | None, view: str
) -> None:
    assert view_of(state).name == view


def test_every_state_that_blocks_a_sign_in_is_in_that_view() -> None:
    assert set(BY_NAME["blocked"].states) == set(blocking(STATES))
