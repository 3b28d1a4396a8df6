"""An unlock that finds another account than the operator saw: nothing changes, and why is said."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pciops.accounts.account import Account, Failures
from pciops.actions import unlock as action
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone.models import LocalUser
from pciops.keystone.unlock import clear_failures
from tests.actions.acts import change, delete, first, read, refused, trail, unlock
from tests.factories import MICROSECOND, NOW, make_initiator, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

Outcome = Event.Outcome
LOCKED_AGAIN = (
    "The account was locked again after you opened the form. Nothing was changed: look at the "
    "new failures and decide again."
)
LAPSED = "The lock has run out by itself. Nothing was changed."
CLEARED = "The account is not locked. A sign-in or another tool has cleared its failures."
DELETED = "The account was deleted in Keystone."


@pytest.mark.parametrize(
    "seen",
    [
        Failures(failed_auth_count=4, failed_auth_at=NOW - timedelta(minutes=2)),
        Failures(failed_auth_count=3, failed_auth_at=NOW - timedelta(minutes=2) - MICROSECOND),
        Failures(failed_auth_count=3, failed_auth_at=None),
    ],
    ids=["count", "instant", "no instant"],
)
def test_a_lock_that_the_operator_did_not_see_stays(account: Account, seen: Failures) -> None:
    conflict = refused(account, seen=seen)

    assert (str(conflict), conflict.fits) == (LOCKED_AGAIN, True)
    assert read(account.id) == account


def test_a_lock_that_has_run_out_is_not_cleared() -> None:
    account = read(make_locked_user(at=NOW - timedelta(seconds=1800)).id)
    conflict = refused(account)

    assert (str(conflict), conflict.fits) == (LAPSED, False)
    assert read(account.id) == account


def test_an_account_that_is_not_locked_is_left_alone() -> None:
    account = read(make_user(failed_auth_count=2, failed_auth_at=NOW).id)

    assert str(refused(account)) == CLEARED
    assert read(account.id) == account


def test_the_second_operator_is_told_who_was_first(account: Account) -> None:
    unlock(account, initiator=make_initiator("first"), now=NOW - timedelta(seconds=30))
    conflict = refused(read(account.id), seen=account.failures)

    assert str(conflict) == (
        "The account is not locked. first (Default) unlocked it on 22 Nov 2026, 14:01:41 UTC."
    )


def test_an_unlock_of_more_failures_than_were_seen_is_named_too(account: Account) -> None:
    more = {"failed_auth_count": 4, "failed_auth_at": NOW - timedelta(minutes=1)}
    change(account, **more)
    unlock(read(account.id), initiator=make_initiator("first"))

    assert "first (Default) unlocked it on" in str(refused(read(account.id), seen=account.failures))


def test_an_unlock_of_an_earlier_lock_did_not_end_this_one(account: Account) -> None:
    unlock(account, initiator=make_initiator("first"), now=NOW)
    later = NOW + timedelta(days=21)
    change(account, failed_auth_count=3, failed_auth_at=later)
    seen = read(account.id).failures
    change(account, failed_auth_count=0, failed_auth_at=None)

    conflict = refused(read(account.id), seen=seen, now=later + timedelta(hours=1))
    assert str(conflict) == CLEARED


def test_an_unlock_of_long_ago_did_not_end_a_lock_without_an_instant(account: Account) -> None:
    unlock(account, initiator=make_initiator("first"))
    seen = Failures(failed_auth_count=3, failed_auth_at=None)

    conflict = refused(read(account.id), seen=seen, now=NOW + timedelta(days=21))
    assert str(conflict) == CLEARED


def test_of_a_crowd_that_came_too_late_each_is_told_who_was_first(account: Account) -> None:
    unlock(account, initiator=make_initiator("first"), now=NOW - timedelta(seconds=30))
    late = read(account.id)
    services.open_event(
        Event.Action.UNLOCK,
        late,
        precondition=late.failures,
        initiator=make_initiator("another who is late"),
        reason="called",
        identity=Event.Identity.CALLBACK,
        now=NOW,
    )

    assert "first (Default) unlocked it" in str(refused(late))


def test_an_unlock_still_under_way_is_named_as_such(account: Account) -> None:
    services.open_event(
        Event.Action.UNLOCK,
        account,
        precondition=account.failures,
        initiator=make_initiator("first"),
        reason="called",
        identity=Event.Identity.CALLBACK,
        now=NOW,
    )
    change(account, failed_auth_count=0, failed_auth_at=None)

    assert str(refused(read(account.id), seen=account.failures)) == (
        "The account is not locked. first (Default) began to unlock it on 22 Nov 2026, 14:02:11 "
        "UTC; how that ended is not recorded yet."
    )


def test_an_unlock_that_settles_in_a_moment_is_waited_for(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = services.open_event(
        Event.Action.UNLOCK,
        account,
        precondition=account.failures,
        initiator=make_initiator("first"),
        reason="called",
        identity=Event.Identity.CALLBACK,
        now=NOW,
    )
    change(account, failed_auth_count=0, failed_auth_at=None)
    monkeypatch.setattr(
        "pciops.actions.unlock.time.sleep", lambda seconds: services.settle(event, Outcome.SUCCESS)
    )

    assert "first (Default) unlocked it on" in str(refused(read(account.id), seen=account.failures))


@pytest.mark.parametrize(
    ("columns", "sentence", "locked"),
    [
        ({"failed_auth_count": 0, "failed_auth_at": None}, CLEARED, False),
        ({"failed_auth_count": 1, "failed_auth_at": NOW}, CLEARED, False),
        ({"failed_auth_count": 4, "failed_auth_at": NOW}, LOCKED_AGAIN, True),
        ({"failed_auth_at": NOW}, LOCKED_AGAIN, True),
        ({"failed_auth_at": None}, LOCKED_AGAIN, True),
        ({"failed_auth_at": NOW - timedelta(hours=1)}, LAPSED, False),
    ],
    ids=["cleared", "failed anew", "count", "instant", "no instant", "lapsed"],
)
def test_a_row_that_changes_between_look_and_update_stays_as_it_became(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    columns: dict[str, Any],
    sentence: str,
    locked: bool,
) -> None:
    first(monkeypatch, lambda: change(account, **columns))
    conflict = refused(account)

    assert (str(conflict), conflict.fits) == (sentence, locked)
    now = LocalUser.objects.get(user_id=account.id)
    assert {name: getattr(now, name) for name in columns} == columns


def test_of_two_operators_in_one_moment_one_succeeds(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other() -> None:
        monkeypatch.setattr(action, "clear_failures", clear_failures)
        unlock(account, initiator=make_initiator("first"))

    first(monkeypatch, other)
    conflict = refused(account)

    assert "first (Default) unlocked it on 22 Nov 2026, 14:02:11 UTC." in str(conflict)
    assert sorted(outcome for outcome, _ in trail()) == ["failure", "success"]


def test_an_account_that_was_deleted_is_said_to_be(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first(monkeypatch, lambda: delete(account))
    conflict = refused(account)

    assert (str(conflict), conflict.account) == (DELETED, None)


@pytest.mark.parametrize(
    "columns",
    [
        {"failed_auth_count": 0, "failed_auth_at": None},
        {"failed_auth_count": 4},
        {"failed_auth_at": NOW - timedelta(hours=1)},
    ],
    ids=["cleared", "locked again", "lapsed"],
)
def test_every_conflict_is_a_failure_in_the_trail_in_the_same_words(
    account: Account, monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any]
) -> None:
    first(monkeypatch, lambda: change(account, **columns))
    conflict = refused(account)

    assert trail() == [("failure", str(conflict))]
    assert conflict.event.outcome == Outcome.FAILURE


def test_a_deleted_account_leaves_a_failure_in_the_trail(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first(monkeypatch, lambda: delete(account))
    refused(account)

    assert trail() == [("failure", DELETED)]


def test_a_conflict_shows_the_account_as_it_is_now(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    first(monkeypatch, lambda: change(account, failed_auth_count=5))
    conflict = refused(account)

    assert conflict.account is not None
    assert conflict.account.failed_auth_count == 5
