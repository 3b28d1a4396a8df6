"""The lists of accounts have exactly the accounts that the rules of the states name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import example, given
from pytest_django import Settings

from pciops.accounts.census import counting
from pciops.accounts.models import MachineRecord
from pciops.accounts.states import EXPIRED, EXPIRING, INACTIVE, MUST_CHANGE, NO_EXPIRY
from pciops.keystone.models import User
from pciops.lib import times
from pciops.reports import account_lists, machine_lists, password_lists
from pciops.reports.account_lists import Directory, Selection, UserLists
from pciops.reports.machine_lists import MachineLists
from pciops.reports.password_lists import PasswordLists
from tests.accounts.scenes import EDGES, SPECIAL, Scene, by_rule, scenes, trying
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_credential,
    make_federated_user,
    make_ldap_user,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
DAY = timedelta(days=1)


def select(scope: str | None = None) -> Selection:
    return Selection(scope=scope, policy=POLICY, now=NOW, directory=Directory.read())


def check(scene: Scene) -> None:
    """Compare the lists with what the rules say of each account, and the numbers with a census."""
    policy = replace(scene.policy, inactive_soon_days=account_lists.INACTIVE_DAYS)
    listed = replace(policy, expiring_days=password_lists.EXPIRING_DAYS)
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(scene.users):
            make_user(f"user{number}", **facts)
        expected = by_rule(replace(scene, policy=listed))
        numbers = counting.count(policy=policy, now=scene.now, kinds={}).numbers
        selection = Selection(scope=None, policy=policy, now=scene.now, directory=Directory.read())
        passwords = PasswordLists.read(selection)
        lists = {**UserLists.read(selection).states, **passwords.states}
        transaction.set_rollback(True, using="keystone")

    for state, spool in lists.items():
        names = [str(row[1]) for row in spool.rows()]
        assert sorted(names) == sorted(expected[state.name]), state
    assert passwords.numbers_by_state == {
        (domain_id, state): number
        for (domain_id, state, _), number in numbers.items()
        if domain_id and state in {by_password.name for by_password in passwords.states}
    }


@trying
@given(scene=scenes())
@example(scene=EDGES)
def test_the_lists_agree_with_the_rules(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize("scene", SPECIAL.values(), ids=list(SPECIAL))
def test_the_lists_agree_with_the_rules_at_the_edges(scene: Scene) -> None:
    check(scene)


@pytest.mark.parametrize("chunk", [1, 2, 3, 100])
def test_a_chunk_may_end_anywhere(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (account_lists, password_lists):
        monkeypatch.setattr(module, "CHUNK", chunk)
    monkeypatch.setattr(account_lists, "STRETCH", chunk)
    for number in range(5):
        make_user(
            f"user{number}",
            last_active_at=NOW.date() - timedelta(days=100 + number),
            passwords=[PasswordRow(expires_at=NOW - timedelta(days=number + 1))],
        )
        make_ldap_user(f"ldap{number}")
    users, passwords = UserLists.read(select()), PasswordLists.read(select())

    assert (users.states[INACTIVE].count, passwords.states[EXPIRED].count) == (5, 5)
    assert users.not_covered.count == 5


def test_a_row_has_the_names_and_the_days_of_an_account() -> None:
    user = make_user("ann", created_at=NOW, last_active_at=NOW.date() - timedelta(days=100))

    assert list(UserLists.read(select()).states[INACTIVE].rows()) == [
        (user.id, "ann", "Default", "", "2026-08-14", "2026-11-22", 100, "2026-11-12")
    ]


def test_expiring_passwords_are_counted_by_the_days_that_are_left() -> None:
    for days in (1, 7, 8, 14, 15, 30, 31):
        make_user(f"in{days}", passwords=[PasswordRow(expires_at=NOW + timedelta(days=days))])
    lists = PasswordLists.read(select())

    assert dict(lists.expiring) == {7: 2, 14: 4, 30: 6}
    assert lists.states[EXPIRING].count == 6


@pytest.mark.parametrize(("days", "number"), [(7, 1), (30, 3), (60, 4)])
def test_accounts_are_counted_as_expiring_by_the_days_of_the_site(days: int, number: int) -> None:
    for left in (7, 8, 30, 31):
        make_user(f"in{left}", passwords=[PasswordRow(expires_at=NOW + timedelta(days=left))])
    lists = PasswordLists.read(replace(select(), policy=replace(POLICY, expiring_days=days)))

    assert lists.numbers_by_state == {("default", "expiring"): number}
    assert lists.states[EXPIRING].count == 3


def test_a_domain_has_only_its_own_accounts() -> None:
    for domain in ("default", "other"):
        row = PasswordRow(created_at=NOW - timedelta(hours=1), expires_at=NOW - timedelta(hours=1))
        make_user(
            f"of-{domain}",
            domain_id=domain,
            last_active_at=NOW.date() - timedelta(days=200),
            passwords=[row],
        )
        make_ldap_user(domain_id=domain)
    selection = select("other")
    users, passwords = UserLists.read(selection), PasswordLists.read(selection)
    spools = (users.states[INACTIVE], passwords.states[MUST_CHANGE], users.not_covered)

    assert [[row[2] for row in spool.rows()] for spool in spools] == [["Other"]] * 3


@pytest.mark.parametrize("chunk", [1, 100])
@pytest.mark.parametrize("patterns", [[], ["svc-*"]])
def test_machines_are_listed_with_and_without_names_that_make_them(
    patterns: list[str], chunk: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SERVICE_NAME_PATTERNS = patterns
    monkeypatch.setattr(machine_lists, "CHUNK", chunk)
    holder, robot, admin, nova = map(make_user, ("holder", "robot", "admin", "nova"))
    for name in ("svc-backup", "ann"):
        make_user(name)
    for user in (holder, admin, make_user("elsewhere", domain_id="other")):
        make_credential(user)
    grant(admin, "admin")
    grant(nova, "service")
    MachineRecord.objects.create(user_id=robot.id, is_machine=True)
    lists = MachineLists.read(select("default"))

    named = {"svc-backup"} if patterns else set()
    assert {row[1] for row in lists.rows.rows()} == {"holder", "robot"} | named


@pytest.mark.parametrize("local", [0, 1, 3])
@pytest.mark.parametrize("ldap", [0, 2])
def test_every_user_is_local_or_listed_as_not_covered(local: int, ldap: int) -> None:
    for number in range(local):
        make_user(f"user{number}")
    for number in range(ldap):
        make_ldap_user(f"ldap{number}")
    make_federated_user("fred")

    assert UserLists.read(select()).not_covered.count == User.objects.count() - local


@pytest.mark.parametrize("old_columns", [False, True], ids=["new columns", "old columns"])
def test_a_password_is_listed_with_its_expiry(old_columns: bool) -> None:
    expiries = {"ann": NOW - 3 * DAY, "bob": NOW + 3 * DAY, "eve": None}
    for name, expires_at in expiries.items():
        row = PasswordRow(created_at=NOW - 80 * DAY, expires_at=expires_at, old_columns=old_columns)
        make_user(name, passwords=[row], last_active_at=NOW.date())
    lists = PasswordLists.read(select())
    listed = [row for state in (EXPIRED, EXPIRING, NO_EXPIRY) for row in lists.states[state].rows()]

    assert {row[1]: row[-1] for row in listed} == {
        name: times.iso(expires_at) for name, expires_at in expiries.items()
    }
