"""Tests of lists that are narrowed by scans: they equal lists that check each account."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import prefilter, search, selectors
from pciops.accounts.policy.policy import Policy
from pciops.accounts.query import AccountQuery
from pciops.accounts.states import (
    EXEMPT,
    EXPIRED,
    MUST_CHANGE,
    NEAR_LOCKOUT,
    SECOND_FACTOR_NOT_ENROLLED,
    STATES,
)
from pciops.accounts.states.state import State
from pciops.keystone.models import LocalUser
from tests.accounts.scenes import Scene, scenes
from tests.factories import NOW, POLICY, PasswordRow, make_user
from tests.support.examples import some

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample is two accounts, and one match in it is many."""
    monkeypatch.setattr(prefilter, "SAMPLE", 2)
    monkeypatch.setattr(prefilter, "MANY", 1)


def names(query: AccountQuery, *, policy: Policy = POLICY, now: datetime = NOW) -> list[str]:
    """Return the names of a list, read page by page."""
    listed, marker = [], ""
    while True:
        page = selectors.page(query, scope=None, policy=policy, now=now, marker=marker, limit=1)
        listed += [account.name for account in page.accounts]
        marker = page.next
        if not marker:
            return listed


@given(scene=scenes(), text=st.sampled_from(["", "", "user1", "us", "er"]), begins=st.booleans())
@some(20)
def test_narrowed_list_equals_its_rule(scene: Scene, text: str, begins: bool) -> None:
    with transaction.atomic(using="keystone"):
        for number, facts in enumerate(scene.users):
            make_user(f"user{number}", **facts)
        covered = [state for state in STATES if state.name != "not_covered"]
        listed = {
            state: names(
                AccountQuery(state=state, text=text, begins=begins),
                policy=scene.policy,
                now=scene.now,
            )
            for state in covered
        }
        ruled = {
            state: sorted(
                row.name
                for row in state.filter(LocalUser.objects.all(), scene.policy, scene.now)
                if (row.name.startswith(text) if begins else text in row.name)
            )
            for state in covered
        }
        transaction.set_rollback(True, using="keystone")

    assert {state: sorted(accounts) for state, accounts in listed.items()} == ruled


def make_many(facts: list[PasswordRow]) -> None:
    for number in range(8):
        make_user(f"user{number}", passwords=facts if number == 6 else [PasswordRow()])


@pytest.mark.parametrize("state", [EXPIRED, MUST_CHANGE], ids=repr)
def test_one_match_after_many_others_is_found(state: object) -> None:
    created_at = NOW if state is MUST_CHANGE else datetime(2026, 1, 1, tzinfo=NOW.tzinfo)
    make_many([PasswordRow(created_at=created_at, expires_at=NOW)])

    assert names(AccountQuery(state=MUST_CHANGE if state is MUST_CHANGE else EXPIRED)) == ["user6"]


def test_too_many_candidates_are_checked_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "FEW", 0)
    make_many([PasswordRow(created_at=NOW, expires_at=NOW)])

    assert names(AccountQuery(state=MUST_CHANGE)) == ["user6"]


@pytest.mark.parametrize(
    ("state", "queries"),
    [(NEAR_LOCKOUT, 1), (EXEMPT, 1), (SECOND_FACTOR_NOT_ENROLLED, 2)],
    ids=repr,
)
def test_list_that_needs_no_other_table_than_that_of_options_is_not_narrowed(
    django_assert_num_queries: DjangoAssertNumQueries, state: State, queries: int
) -> None:
    """The second factor's takes two: the different texts of options, short ones and long ones."""
    make_many([])

    with django_assert_num_queries(queries, using="keystone"):
        names(AccountQuery(state=state))


@pytest.mark.parametrize(
    ("email", "text"),
    [
        ("ann@corp.example", "ANN@corp"),
        ("änn@corp.example", "änn"),
        ('"ann b"@corp.example', '"ann'),
        ("ann\\b@corp.example", "ann\\b"),
    ],
)
def test_email_address_is_found_however_json_escapes_it(email: str, text: str) -> None:
    make_many([])
    make_user("ann", email=email)

    assert names(AccountQuery(text=text)) == ["ann"]
