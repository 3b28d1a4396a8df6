"""Unlocks and changes of the last activity outside pciops are found, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from pciops.accounts import selectors as accounts
from pciops.events.models import Activity, IdleSnapshot, LockSnapshot, Outcome, OutOfBandChange
from pciops.events.tampering import detection, selectors
from pciops.keystone.models import LocalUser, Password, User
from tests.audit.helpers import open_event
from tests.events.factories import save_attempts, save_session, success
from tests.factories import NOW, POLICY, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TODAY = NOW.date()


def find_unlocks(after: timedelta = timedelta(0)) -> int:
    return detection.find_unlocks(policy=POLICY, now=NOW + after)


def find_activity(*hours: int) -> list[int]:
    """Return the changes of the last activity that the checks at these hours find."""
    return [detection.find_activity_changes(policy=POLICY, now=NOW + hour * HOUR) for hour in hours]


def set_failures(user: User, count: int = 0, at: datetime | None = None) -> None:
    """Change `local_user` outside pciops; by default, unlock the account."""
    rows = LocalUser.objects.using("keystone").filter(user=user)
    rows.update(failed_auth_count=count, failed_auth_at=at)


def set_last_activity(user: User, day: date | None) -> None:
    User.objects.using("keystone").filter(pk=user.pk).update(last_active_at=day)


def act(user: User, at: datetime) -> None:
    """Put an act of pciops into the audit log."""
    account = accounts.get(user.id, scope=None)
    assert account is not None
    open_event(account=account, now=at)


@pytest.fixture
def locked() -> User:
    """An account that was locked at the last check."""
    user = make_locked_user(at=NOW)
    find_unlocks()
    return user


# --- Unlocks ------------------------------------------------------------------------------------
def test_an_unlock_elsewhere_is_found_once(locked: User) -> None:
    set_failures(locked)

    assert [find_unlocks(n * MINUTE) for n in (1, 2, 3)] == [1, 0, 0]
    change = OutOfBandChange.objects.get()
    assert (change.kind, change.user_id, change.name) == ("unlock", locked.id, "ann")
    assert "3 failures, the last at 22 Nov 2026, 14:02:11 UTC" in change.before
    assert not LockSnapshot.objects.exists()


def test_an_unlock_in_pciops_is_not_reported(locked: User) -> None:
    act(locked, NOW + MINUTE / 2)
    set_failures(locked)

    assert find_unlocks(MINUTE) == 0


def test_an_unlock_in_pciops_does_not_explain_a_later_one(locked: User) -> None:
    act(locked, NOW + MINUTE / 2)
    set_failures(locked)
    find_unlocks(MINUTE)
    set_failures(locked, 3, NOW + HOUR)
    find_unlocks(HOUR)
    set_failures(locked)

    assert find_unlocks(HOUR + MINUTE) == 1


def test_an_unlock_is_found_even_after_another_failure(locked: User) -> None:
    set_failures(locked, 1, NOW + MINUTE / 2)

    assert find_unlocks(MINUTE) == 1


@pytest.mark.parametrize(("signed_in", "minutes"), [(False, 2), (True, 5)])
def test_a_lapsed_lock_is_not_an_unlock(signed_in: bool, minutes: int) -> None:
    user = make_locked_user(at=NOW - 29 * MINUTE)
    find_unlocks()
    if signed_in:
        set_failures(user)

    assert find_unlocks(minutes * MINUTE) == 0


def test_a_deleted_account_is_not_unlocked(locked: User) -> None:
    Password.objects.using("keystone").filter(local_user__user=locked).delete()
    LocalUser.objects.using("keystone").filter(user=locked).delete()
    User.objects.using("keystone").filter(pk=locked.pk).delete()

    assert find_unlocks(MINUTE) == 0


@pytest.mark.usefixtures("locked")
def test_a_higher_threshold_is_not_an_unlock() -> None:
    higher = replace(POLICY, lockout_failure_attempts=5)

    assert detection.find_unlocks(policy=higher, now=NOW + MINUTE) == 0


@pytest.mark.parametrize(
    ("consumer", "api_change", "after", "expected"),
    [
        (True, True, MINUTE, "ada (Default) changed the account through Keystone's API"),
        (True, False, MINUTE, "yet"),
        (True, False, HOUR, "tables were changed directly"),
        (False, False, HOUR, "no consumer was connected"),
    ],
)
def test_a_change_is_attributed_as_far_as_notifications_tell(
    locked: User, consumer: bool, api_change: bool, after: timedelta, expected: str
) -> None:
    if consumer:
        save_session(until=-HOUR)
    set_failures(locked)
    find_unlocks(MINUTE)
    if api_change:
        Activity.objects.create(
            event_id="1",
            at=NOW + MINUTE / 2,
            action=Activity.Action.UPDATED,
            outcome=Outcome.SUCCESS,
            user_id=locked.id,
            doer_id="b" * 32,
            doer_name="ada",
            doer_domain_name="Default",
        )
    [described] = selectors.changes_of(locked.id, now=NOW + after, limit=5)

    assert expected in described.attribution
    assert "locked after 3 failures" in described.summary


# --- Last activity ------------------------------------------------------------------------------
def idle(days: int, name: str = "ann") -> User:
    """Make an account that was active so many days ago, and take its snapshot."""
    user = make_user(name, last_active_at=TODAY - days * DAY)
    find_activity(0)
    return user


def test_new_activity_of_an_inactive_account_is_found() -> None:
    set_last_activity(idle(200), TODAY)

    assert find_activity(1) == [1]
    change = OutOfBandChange.objects.get()
    assert change.kind == "activity"
    assert change.before == "last active on 6 May 2026"
    assert change.after == "last active on 22 Nov 2026"


def test_an_account_that_stays_inactive_is_not_reported() -> None:
    idle(200)

    assert find_activity(1, 2, 3) == [0, 0, 0]


def test_only_idle_accounts_have_snapshots() -> None:
    for days, name in ((200, "ann"), (86, "bob"), (5, "cleo")):
        idle(days, name)

    assert IdleSnapshot.objects.count() == 2


def test_an_account_that_became_inactive_is_not_reported() -> None:
    idle(89)

    assert find_activity(24) == [0]
    assert IdleSnapshot.objects.get().inactive


@pytest.mark.parametrize(
    ("session_until", "signed_in", "found"),
    [
        (-DAY, "ann", [0, 0, 0]),  # a sign-in explains it
        (-DAY, "other", [0, 1, 0]),  # reported at the second check
        (-MINUTE, "other", [0, 0, 0]),  # the consumer was away later
        (-DAY, "", [0, 0, 0]),  # Keystone reports no successes
    ],
)
def test_activity_of_an_idle_account_is_reported_if_a_sign_in_would_be_known(
    session_until: timedelta, signed_in: str, found: list[int]
) -> None:
    save_session(until=session_until)
    user = idle(86)
    set_last_activity(user, TODAY)
    if signed_in:
        save_attempts(user.id if signed_in == "ann" else signed_in, [success(-60)])

    assert find_activity(1, 2, 3) == found


@pytest.mark.parametrize("day", [TODAY - 300 * DAY, TODAY - DAY, TODAY + 9 * DAY, None])
def test_a_day_that_no_sign_in_can_write_is_reported_at_once(day: Any) -> None:
    set_last_activity(idle(86), day)

    assert find_activity(1) == [1]


def test_activity_after_an_act_of_pciops_is_not_reported() -> None:
    user = idle(200)
    set_last_activity(user, TODAY)
    act(user, NOW + MINUTE)

    assert find_activity(1) == [0]


def test_without_the_rule_there_are_no_snapshots() -> None:
    idle(200)
    off = replace(POLICY, disable_user_account_days_inactive=None)

    assert detection.find_activity_changes(policy=off, now=NOW) == 0
    assert not IdleSnapshot.objects.exists()
