"""Tests of lists of rare states: a scan and what is newer find every account in the state."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import OperationalError, connections, transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import prefilter, rare, search, selectors, tasks
from pciops.accounts.models import RareState
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import EXPIRED, MUST_CHANGE, NO_EXPIRY, NO_PASSWORD
from pciops.accounts.states.state import State
from pciops.keystone import database, options
from pciops.keystone.models import LocalUser, Password, User, UserOption
from tests.accounts.scenes import Scene, policies, scenes
from tests.factories import NOW, POLICY, PasswordRow, make_password, make_user
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

RARE = [MUST_CHANGE, NO_EXPIRY, NO_PASSWORD]
DAY = timedelta(days=1)
FIRST = PasswordRow(created_at=NOW - DAY, expires_at=NOW - DAY)  # must be changed
USUAL = PasswordRow(expires_at=NOW + 60 * DAY)
WITHOUT_EXPIRY = PasswordRow()


@pytest.fixture(autouse=True)
def _no_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the watermark be the newest row: the tables of tests are small."""
    monkeypatch.setattr(rare, "MARGIN", 0)


def listed(
    state: State, *, scene: Scene | None = None, fresh: bool = False, text: str = ""
) -> list[str]:
    """Return the names in the list of the state, page by page."""
    names, marker = [], ""
    while True:
        page = selectors.page(
            AccountQuery(state=state, text=text),
            scope=None,
            policy=scene.policy if scene else POLICY,
            now=scene.now if scene else NOW,
            marker=marker,
            limit=2,
            fresh=fresh,
        )
        names += [account.name for account in page.accounts]
        marker = page.next
        if not marker:
            return names


def change_password(user: User, row: PasswordRow) -> None:
    """Add a password as Keystone does: those before it end with it."""
    old = Password.objects.using("keystone").filter(local_user__user_id=user.id)
    for password in old:
        if password.expires_at_int is None or password.expires_at_int > row.created_at:
            password.expires_at_int = row.created_at
            password.save(using="keystone")
    make_password(LocalUser.objects.get(user_id=user.id), row)


# --- The rule -----------------------------------------------------------------------------------
# What Keystone does after the scan, in any order: each of these with the user of a number.
CHANGES = ["password", "expiring password", "first password", "exempt", "not exempt", "delete"]
AGES = [timedelta(0), timedelta(seconds=1), DAY]


def change(kind: str, user: User, age: timedelta) -> None:
    """Let Keystone change something about a user."""
    options_ = UserOption.objects.using("keystone").filter(
        user_id=user.id, option_id=options.IGNORE_PASSWORD_EXPIRY
    )
    at = NOW - age
    if kind == "delete":
        User.objects.using("keystone").filter(pk=user.pk).delete()
        LocalUser.objects.using("keystone").filter(user_id=user.id).delete()
    elif kind.endswith("exempt"):
        options_.delete()
        UserOption.objects.using("keystone").create(
            user_id=user.id,
            option_id=options.IGNORE_PASSWORD_EXPIRY,
            option_value="true" if kind == "exempt" else "false",
        )
    else:
        expiry = {"password": None, "first password": at, "expiring password": at + 90 * DAY}[kind]
        change_password(user, PasswordRow(created_at=at, expires_at=expiry))


@given(
    scene=scenes(),
    later=policies(),
    changes=st.lists(
        st.tuples(st.sampled_from(CHANGES), st.integers(0, 3), st.sampled_from(AGES)), max_size=5
    ),
    new=st.lists(st.sampled_from([[], [FIRST], [USUAL], [WITHOUT_EXPIRY]]), max_size=2),
    passed=st.sampled_from([timedelta(0), timedelta(hours=2)]),
    at_once=st.sampled_from([0, 1000]),
)
@some(25)
def test_list_equals_its_rule_whatever_keystone_does_after_the_scan(
    scene: Scene, later: Any, changes: Any, new: Any, passed: timedelta, at_once: int
) -> None:
    with (
        transaction.atomic(using="keystone"),
        mock.patch.multiple(prefilter, AT_ONCE=at_once, SPARE=1),
    ):
        users = [make_user(f"user{number}", **facts) for number, facts in enumerate(scene.users)]
        rare.scan(scene.policy, scene.now)
        for kind, number, age in changes:
            if number < len(users) and LocalUser.objects.filter(user_id=users[number].id).exists():
                change(kind, users[number], age)
        for number, passwords in enumerate(new):
            make_user(f"new{number}", passwords=passwords)
        now = replace(scene, policy=later, now=scene.now + passed)
        found = {state: sorted(listed(state, scene=now)) for state in RARE}
        ruled = {state: sorted(listed(state, scene=now, fresh=True)) for state in RARE}
        used = [rare.find(state, now.now) is not None for state in RARE]
        transaction.set_rollback(True, using="keystone")

    assert all(used) or "delete" in [kind for kind, _, _ in changes]
    assert found == ruled


@pytest.mark.parametrize("state", RARE, ids=repr)
def test_list_of_a_scan_is_complete_and_can_be_searched(state: State) -> None:
    passwords = {MUST_CHANGE: [FIRST], NO_EXPIRY: [WITHOUT_EXPIRY], NO_PASSWORD: []}[state]
    for name in ("ann", "ben", "bob"):
        make_user(name, passwords=passwords)
    make_user("other", passwords=[USUAL])
    rare.scan(POLICY, NOW)
    make_user("eve", passwords=passwords)

    assert listed(state) == ["ann", "ben", "bob", "eve"]
    assert listed(state, text="b") == ["ben", "bob"]


def test_exempt_account_is_in_the_list_when_its_exemption_ends() -> None:
    option = {options.IGNORE_PASSWORD_EXPIRY: True}
    user = make_user("ann", passwords=[FIRST], options=option)
    rare.scan(POLICY, NOW)
    before = listed(MUST_CHANGE)
    UserOption.objects.using("keystone").filter(user_id=user.id).delete()

    assert (before, listed(MUST_CHANGE)) == ([], ["ann"])


def test_accounts_whose_passwords_once_had_to_be_changed_are_not_kept() -> None:
    for number in range(3):
        make_user(f"user{number}", passwords=[FIRST, replace(USUAL, created_at=NOW)])
    rare.scan(POLICY, NOW)

    assert RareState.objects.get(state="must_change").local_ids == []


@pytest.mark.parametrize("name", ["a", "z"])
def test_many_accounts_of_a_scan_are_found_wherever_they_are_in_the_order(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Those first in the order are looked at first, and the others only if the page needs them."""
    monkeypatch.setattr(prefilter, "AT_ONCE", 0)
    monkeypatch.setattr(prefilter, "SPARE", 1)
    for number in range(3):
        make_user(f"{name}{number}", passwords=[FIRST])
    others = [make_user(f"m{number}", passwords=[FIRST]) for number in range(5)]
    rare.scan(POLICY, NOW)
    for other in others:
        change_password(other, replace(USUAL, created_at=NOW))

    assert listed(MUST_CHANGE) == [f"{name}{number}" for number in range(3)]


# --- When it is not used ------------------------------------------------------------------------
def test_list_without_a_scan_or_with_an_old_one_is_read_as_ever() -> None:
    make_user("ann", passwords=[])

    assert rare.find(NO_PASSWORD, NOW) is None
    rare.scan(POLICY, NOW)
    assert rare.find(NO_PASSWORD, NOW) is not None
    assert rare.find(NO_PASSWORD, NOW + rare.STALE) is None
    assert rare.find(EXPIRED, NOW) is None
    assert rare.find(None, NOW) is None


def test_state_of_many_accounts_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "FEW", 1)
    for name in ("ann", "bob"):
        for passwords in ([], [FIRST], [WITHOUT_EXPIRY]):
            make_user(name, passwords=passwords)
    rare.scan(POLICY, NOW)

    assert [row.local_ids for row in RareState.objects.all()] == [None] * 3
    assert [rare.find(state, NOW) for state in RARE] == [None] * 3
    assert len(listed(NO_PASSWORD)) == 2


def test_many_new_rows_are_read_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    rare.scan(POLICY, NOW)
    make_user("ann", passwords=[])
    make_user("bob", passwords=[])
    monkeypatch.setattr(search, "FEW", 1)

    assert rare.find(NO_PASSWORD, NOW) is None
    assert listed(NO_PASSWORD) == ["ann", "bob"]


def test_scan_of_a_newer_database_than_a_restored_one_is_not_used() -> None:
    make_user("ann", passwords=[])
    make_user("bob", passwords=[])
    rare.scan(POLICY, NOW)
    LocalUser.objects.using("keystone").filter(name="bob").delete()

    assert rare.find(NO_PASSWORD, NOW) is None


def test_fresh_list_finds_what_other_sql_changed() -> None:
    make_user("ann", passwords=[USUAL])
    rare.scan(POLICY, NOW)
    Password.objects.using("keystone").update(expires_at_int=None, expires_at=None)

    assert listed(NO_EXPIRY) == []
    assert listed(NO_EXPIRY, fresh=True) == ["ann"]


def test_rows_below_the_watermark_by_a_margin_are_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_user("ann", passwords=[])
    slow = make_user("slow", passwords=[])
    LocalUser.objects.using("keystone").filter(user_id=slow.id).delete()
    make_user("bob", passwords=[])
    monkeypatch.setattr(rare, "MARGIN", 5)
    rare.scan(POLICY, NOW)
    LocalUser.objects.using("keystone").create(
        pk=LocalUser.objects.get(name="bob").pk - 1,
        user_id=slow.id,
        name="slow",
        domain_id="default",
    )

    assert listed(NO_PASSWORD) == ["ann", "bob", "slow"]


# --- Cost and job -------------------------------------------------------------------------------
def test_list_of_an_empty_state_takes_two_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        make_user(f"user{number}", passwords=[USUAL])
    rare.scan(POLICY, NOW)
    with django_assert_num_queries(2, using="keystone"):  # the newest row, and newer ones
        assert listed(NO_PASSWORD) == []


def test_page_of_many_accounts_looks_at_the_first_of_them(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(prefilter, "AT_ONCE", 0)
    for number in range(20):
        make_user(f"user{number:02}", passwords=[])
    rare.scan(POLICY, NOW)
    # The newest row, newer ones, the first in the order, those in the state, and seven of a page.
    with django_assert_num_queries(4 + 7, using="keystone") as queries:
        page = selectors.page(
            AccountQuery(state=NO_PASSWORD),
            scope=None,
            policy=POLICY,
            now=NOW,
            marker="",
            limit=2,
            fresh=False,
        )

    assert [account.name for account in page.accounts] == ["user00", "user01"]
    assert "LIMIT 12" in queries.captured_queries[2]["sql"]


def test_worker_scans_once_an_hour() -> None:
    make_user("ann", passwords=[])
    tasks.census()
    first = RareState.objects.get(state="no_password").scanned_at
    tasks.census()

    assert RareState.objects.count() == len(RARE)
    assert RareState.objects.get(state="no_password").scanned_at == first


def test_outage_of_our_own_database_is_not_one_of_keystones() -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError(2002, "Can't connect to server")

    with connections["default"].execute_wrapper(refuse), pytest.raises(database.OwnDatabaseError):
        listed(NO_PASSWORD)
