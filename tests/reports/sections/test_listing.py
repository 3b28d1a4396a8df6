"""The long lists of a report name exactly those of whom the states' rules are true."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from hypothesis import example, given

from pciops.accounts.states import EXPIRED, EXPIRING, INACTIVE, MUST_CHANGE
from pciops.keystone.models import User
from pciops.reports.sections import listing
from pciops.reports.sections.listing import BY_ACTIVITY, BY_PASSWORD, Names
from tests.accounts.scenes import EDGES, SPECIAL, Scene, by_rule, scenes, trying
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    make_federated_user,
    make_ldap_user,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def read(scope: str | None = None) -> listing.Lists:
    return listing.read(scope=scope, policy=POLICY, now=NOW, names=Names.read())


def check(scene: Scene) -> None:
    """Compare the lists with what the rules say of each account."""
    policy = replace(scene.policy, inactive_soon_days=listing.DUE, expiring_days=listing.AHEAD)
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(scene.users):
            make_user(f"user{number}", **facts)
        ruled = by_rule(replace(scene, policy=policy))
        found = listing.read(scope=None, policy=policy, now=scene.now, names=Names.read())
        transaction.set_rollback(True, using="keystone")
    listed = {state.name: [row[1] for row in spool.rows()] for state, spool in found.spools.items()}

    for state in (*BY_ACTIVITY, *BY_PASSWORD):
        assert sorted(map(str, listed[state.name])) == sorted(ruled[state.name]), state


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
    monkeypatch.setattr(listing, "CHUNK", chunk)
    monkeypatch.setattr(listing, "STRETCH", chunk)
    for number in range(5):
        make_user(
            f"user{number}",
            last_active_at=NOW.date() - timedelta(days=100 + number),
            passwords=[PasswordRow(expires_at=NOW - timedelta(days=number + 1))],
        )
        make_ldap_user(f"ldap{number}")
    found = read()

    assert (found.spools[INACTIVE].count, found.spools[EXPIRED].count) == (5, 5)
    assert found.not_covered.count == 5


def test_a_row_says_who_and_since_when() -> None:
    user = make_user("ann", created_at=NOW, last_active_at=NOW.date() - timedelta(days=100))

    assert list(read().spools[INACTIVE].rows()) == [
        (user.id, "ann", "Default", "", "2026-08-14", "2026-11-22", 100, "2026-11-12")
    ]


def test_expiring_passwords_are_counted_by_the_days_that_are_left() -> None:
    for days in (1, 7, 8, 14, 15, 30, 31):
        make_user(f"in{days}", passwords=[PasswordRow(expires_at=NOW + timedelta(days=days))])
    found = read()

    assert dict(found.expiring) == {7: 2, 14: 4, 30: 6}
    assert found.spools[EXPIRING].count == 6


def test_of_a_domain_only_its_own_accounts_are_listed() -> None:
    for domain in ("default", "other"):
        row = PasswordRow(created_at=NOW - timedelta(hours=1), expires_at=NOW - timedelta(hours=1))
        make_user(
            f"of-{domain}",
            domain_id=domain,
            last_active_at=NOW.date() - timedelta(days=200),
            passwords=[row],
        )
        make_ldap_user(domain_id=domain)
    found = read(scope="other")
    named = [
        [row[2] for row in spool.rows()]
        for spool in (found.spools[INACTIVE], found.spools[MUST_CHANGE], found.not_covered)
    ]

    assert named == [["Other"], ["Other"], ["Other"]]


@pytest.mark.parametrize("local", [0, 1, 3])
@pytest.mark.parametrize("ldap", [0, 2])
def test_every_row_of_user_is_local_or_named(local: int, ldap: int) -> None:
    for number in range(local):
        make_user(f"user{number}")
    for number in range(ldap):
        make_ldap_user(f"ldap{number}")
    make_federated_user("fred")

    assert read().not_covered.count == User.objects.count() - local
