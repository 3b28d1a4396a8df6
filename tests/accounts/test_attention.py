"""Who needs a person now: the locked, the attacked, what is about to stop; each kind first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from pciops.accounts import attention
from pciops.accounts.account import Account
from pciops.accounts.attention import Attention, choose_failing, items_of, ranked
from pciops.accounts.policy.policy import Policy
from pciops.accounts.privileged import AccountKind
from pciops.accounts.selectors import FailingAccount
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
    """Locked so long ago."""
    return make_account(id=user_id, failed_auth_count=3, failed_auth_at=NOW - at, **facts)


def states_of(*accounts: Account) -> list[tuple[str, object]]:
    """Name and state of each matter, in their order."""
    matters = ranked(items_of(accounts, policy=POLICY, now=NOW), [])
    return [(matter.account.name, matter.state) for matter in matters]


# --- Which need somebody ------------------------------------------------------------------------
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
def test_an_account_that_needs_somebody_says_why(facts: dict[str, Any], state: object) -> None:
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
def test_an_account_that_needs_nobody_is_left_out(facts: dict[str, Any]) -> None:
    assert states_of(make_account(**facts)) == []


def test_a_lock_is_said_with_its_end_and_with_what_stands_behind_it() -> None:
    account = locked(password_expires_at=NOW - DAY)
    matter = items_of([account], policy=POLICY, now=NOW)[0]

    assert matter.text == (
        "until 14:31:11 UTC (29 min from now), and the password expired at "
        "21 Nov 2026, 14:02:11 UTC (1 day ago)"
    )


def test_an_end_is_said_with_its_day() -> None:
    account = make_account(kinds=SERVICE, last_active_at=(NOW - 88 * DAY).date())

    matter = items_of([account], policy=POLICY, now=NOW)[0]

    assert matter.text == "it becomes inactive on 24 Nov 2026 (in 2 days)"


# --- Their order --------------------------------------------------------------------------------
def test_those_of_a_kind_come_first_then_the_newest() -> None:
    failing = [FailingAccount(user_id=name, exempt=False) for name in ("new", "old", "service")]

    assert choose_failing(failing, {"service": SERVICE}) == ["service", "new", "old"]


def test_the_attacked_come_after_the_locked() -> None:
    failing = [FailingAccount(user_id="x", exempt=True), FailingAccount(user_id="l", exempt=False)]

    assert choose_failing(failing, {"x": SERVICE}) == ["l", "x"]


@given(
    failing=st.lists(
        st.builds(FailingAccount, user_id=st.text(max_size=3), exempt=st.booleans()), max_size=40
    )
)
def test_no_more_are_chosen_than_can_be_read(failing: list[FailingAccount]) -> None:
    chosen = choose_failing(failing, {})

    assert len(chosen) <= attention.MAX_LOCKED + attention.MAX_ATTACKED
    assert [name for name in chosen if name not in {one.user_id for one in failing}] == []


def test_what_is_chosen_stands_before_what_the_census_names() -> None:
    accounts = [
        make_account(id="e", name="expired", kinds=SERVICE, password_expires_at=NOW - DAY),
        make_account(id="x", name="attacked", failed_auth_count=9, options=EXEMPT),
        locked("o", name="old", at=9 * MINUTE),
        locked("n", name="new"),
    ]
    matters = ranked(items_of(accounts, policy=POLICY, now=NOW), ["n", "o", "x"])

    assert [matter.account.name for matter in matters] == ["new", "old", "attacked", "expired"]


def test_what_the_census_names_is_in_order_of_trouble_then_of_time() -> None:
    assert states_of(
        make_account(name="late", kinds=SERVICE, password_expires_at=NOW + 9 * DAY),
        make_account(name="early", kinds=SERVICE, password_expires_at=NOW + DAY),
        make_account(name="idle", kinds=SERVICE, last_active_at=(NOW - 88 * DAY).date()),
        make_account(name="gone", kinds=SERVICE, password_expires_at=NOW - DAY),
    ) == [("gone", EXPIRED), ("idle", INACTIVE_SOON), ("early", EXPIRING), ("late", EXPIRING)]


def test_of_what_the_census_names_the_worst_are_shown() -> None:
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


# --- All of it, from the tables -----------------------------------------------------------------
pytestmark = pytest.mark.django_db(databases=["keystone"])


def gather(*counted: User, scope: str | None = None, policy: Policy = POLICY) -> Attention:
    """What is gathered where the census names these."""
    return attention.gather([user.id for user in counted], scope=scope, policy=policy, now=NOW)


def names(found: Attention) -> list[str]:
    return [matter.account.name for matter in found.items]


def test_locked_service_accounts_come_first() -> None:
    make_locked_user("newest", at=NOW)
    grant(make_locked_user("nova", at=NOW - MINUTE), "service")
    make_locked_user("older", at=NOW - 2 * MINUTE)
    found = gather()

    assert names(found) == ["nova", "newest", "older"]
    assert found.numbers == {LOCKED: 3, ATTACKED_EXEMPT: 0}
    assert found.kinds[LOCKED] == {AccountKind.SERVICE: 1}


def test_a_lock_that_has_lapsed_is_no_matter() -> None:
    make_locked_user(at=NOW - 30 * MINUTE)

    assert gather() == Attention(
        items=[],
        numbers={LOCKED: 0, ATTACKED_EXEMPT: 0},
        kinds={LOCKED: {}, ATTACKED_EXEMPT: {}},
    )


def test_an_exempt_account_under_attack_is_one() -> None:
    make_locked_user("backup", at=NOW - 3 * DAY, options=EXEMPT)
    found = gather()

    assert names(found) == ["backup"]
    assert found.numbers == {LOCKED: 0, ATTACKED_EXEMPT: 1}


def test_what_the_census_names_is_judged_again() -> None:
    expiring = make_user("cinder", passwords=[PasswordRow(expires_at=NOW + DAY)])
    changed = make_user("glance", passwords=[PasswordRow(expires_at=NOW + 80 * DAY)])
    nobody = make_user("ann", passwords=[PasswordRow(expires_at=NOW + DAY)])
    grant(expiring, "service")
    grant(changed, "service")

    assert names(gather(expiring, changed, nobody, User(id="gone"))) == ["cinder"]


def test_more_are_locked_than_are_shown() -> None:
    for number in range(12):
        make_locked_user(f"user-{number}", at=NOW - number * MINUTE)
    found = gather()

    assert names(found) == [f"user-{number}" for number in range(10)]
    assert (found.locked, found.more_locked) == (12, 2)


def test_of_too_many_only_the_locked_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "MAX_SCANNED", 2)
    for number in range(4):
        make_locked_user(f"user-{number}", at=NOW - number * MINUTE)
    found = gather()

    assert found.numbers == {LOCKED: 4}
    assert found.kinds == {}
    assert (names(found), found.more_locked) == (["user-0", "user-1"], 2)


def test_another_domain_is_out_of_scope() -> None:
    make_locked_user("ours", at=NOW)
    theirs = make_locked_user("theirs", at=NOW, domain_id="shop")
    found = gather(theirs, scope="default")

    assert names(found) == ["ours"]
    assert found.locked == 1


def test_without_a_lockout_rule_nobody_is_locked() -> None:
    make_locked_user(at=NOW)

    assert gather(policy=Policy()).numbers == {LOCKED: 0, ATTACKED_EXEMPT: 0}


@pytest.mark.parametrize("accounts", [1, 12])
def test_it_takes_as_many_queries_for_any_number(
    django_assert_num_queries: DjangoAssertNumQueries, accounts: int
) -> None:
    for number in range(accounts):
        grant(make_locked_user(f"user-{number}", at=NOW), "service")
    counted = make_user("glance")

    # The scan; groups, roles, projects and where they are held; accounts, options and
    # passwords; and of all of them the groups, roles, projects and where they are held again.
    with django_assert_num_queries(12, using="keystone"):
        gather(counted)


def test_a_disabled_account_that_is_locked_still_is_one() -> None:
    make_locked_user("off", at=NOW, enabled=False)
    matter = gather().items[0]

    assert (matter.state, matter.verdict.blocking_after_unlock) == (LOCKED, [DISABLED])
