"""Unlocks and last activity that were changed past pciops are found, and nothing else is."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from pciops.accounts import selectors as accounts
from pciops.actions.unlock import unlock
from pciops.audit.models import Event
from pciops.events.models import Activity, HiddenChange, Outcome, SeenIdle, SeenLock
from pciops.events.tampering import out_of_band, words
from pciops.keystone.models import LocalUser, Password, User
from pciops.lib.evidence import Figure, Question, Table, parts
from tests.audit.helpers import open_event
from tests.events.heard import consumer, keep
from tests.events.histories import signed_in
from tests.factories import NOW, POLICY, make_initiator, make_locked_user, make_user

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def look(after: timedelta = timedelta(0)) -> int:
    """At locks."""
    return out_of_band.look_at_locks(policy=POLICY, now=NOW + after)


def look_at_activity(after: timedelta = timedelta(0)) -> int:
    return out_of_band.look_at_activity(policy=POLICY, now=NOW + after)


def change(user: User, **columns: Any) -> None:
    """Somebody else's hand in `local_user`."""
    LocalUser.objects.using("keystone").filter(user=user).update(**columns)


def touch(user: User, day: Any) -> None:
    """`last_active_at` becomes this."""
    User.objects.using("keystone").filter(pk=user.pk).update(last_active_at=day)


def said(user: User, after: timedelta = MINUTE) -> str:
    [one] = words.of_account(user.id, now=NOW + after, limit=5)
    return f"{one.words}. {one.how}"


def api_change(user: User, at: datetime) -> None:
    """Keystone has told of a PATCH."""
    Activity.objects.create(
        event_id="1",
        at=at,
        action=Activity.Action.UPDATED,
        outcome=Outcome.SUCCESS,
        user_id=user.id,
        name="ann",
        doer_id="b" * 32,
        doer_name="ada",
        doer_domain_name="Default",
    )


# --- Unlocks ------------------------------------------------------------------------------------
def test_an_unlock_by_another_hand_is_found() -> None:
    user = make_locked_user(at=NOW)
    look()
    change(user, failed_auth_count=0, failed_auth_at=None)

    assert look(MINUTE) == 1
    found = HiddenChange.objects.get()
    assert (found.kind, found.user_id, found.name) == ("unlock", user.id, "ann")
    assert "locked after 3 failures, the last at 22 Nov 2026, 14:02:11 UTC" in found.before


def test_an_unlock_is_found_once() -> None:
    user = make_locked_user(at=NOW)
    look()
    change(user, failed_auth_count=0, failed_auth_at=None)

    assert [look(MINUTE), look(2 * MINUTE), look(3 * MINUTE)] == [1, 0, 0]


def test_an_unlock_here_is_none() -> None:
    user = make_locked_user(at=NOW)
    look()
    account = accounts.get(user.id, scope=None)
    assert account is not None
    unlock(
        account,
        seen=account.failures,
        policy=POLICY,
        initiator=make_initiator(),
        reason="INC-4711",
        identity=Event.Identity.CALLBACK,
        now=NOW + MINUTE / 2,
    )

    assert look(MINUTE) == 0
    assert not SeenLock.objects.exists()


def test_an_unlock_here_an_hour_ago_explains_no_later_one() -> None:
    test_an_unlock_here_is_none()
    user = User.objects.get()
    change(user, failed_auth_count=3, failed_auth_at=NOW + HOUR)
    look(HOUR)
    change(user, failed_auth_count=0, failed_auth_at=None)

    assert look(HOUR + MINUTE) == 1


def test_a_lock_that_has_run_out_was_not_ended_by_a_hand() -> None:
    make_locked_user(at=NOW - 29 * MINUTE)
    look()

    assert look(2 * MINUTE) == 0


def test_a_sign_in_after_the_lock_ran_out_is_no_unlock() -> None:
    user = make_locked_user(at=NOW - 29 * MINUTE)
    look()
    change(user, failed_auth_count=0, failed_auth_at=None)

    assert look(5 * MINUTE) == 0


def test_an_unlock_is_found_even_where_the_account_has_failed_again_since() -> None:
    user = make_locked_user(at=NOW)
    look()
    change(user, failed_auth_count=1, failed_auth_at=NOW + MINUTE / 2)

    assert look(MINUTE) == 1


def test_an_account_that_was_deleted_was_not_unlocked() -> None:
    user = make_locked_user(at=NOW)
    look()
    change(user, failed_auth_count=0)
    Password.objects.using("keystone").filter(local_user__user=user).delete()
    LocalUser.objects.using("keystone").filter(user=user).delete()
    User.objects.using("keystone").filter(pk=user.pk).delete()

    assert look(MINUTE) == 0


def test_a_threshold_that_was_raised_unlocks_nobody() -> None:
    make_locked_user(at=NOW)
    look()
    raised = replace(POLICY, lockout_failure_attempts=5)

    assert out_of_band.look_at_locks(policy=raised, now=NOW + MINUTE) == 0


def test_who_did_it_through_keystones_api_is_named() -> None:
    user = make_locked_user(at=NOW)
    look()
    change(user, failed_auth_count=0, failed_auth_at=None)
    look(MINUTE)
    api_change(user, NOW + MINUTE / 2)

    assert "ada (Default) changed the account through Keystone's API at 14:02:41 UTC" in said(user)


def test_without_a_notification_it_was_done_in_the_tables() -> None:
    consumer(until=-HOUR)
    user = make_locked_user(at=NOW)
    look()
    change(user, failed_auth_count=0, failed_auth_at=None)
    look(MINUTE)

    assert "so far" in said(user)
    assert "most likely its tables were changed directly" in said(user, HOUR)


def test_where_nobody_listened_nobody_is_said_to_have_done_it() -> None:
    user = make_locked_user(at=NOW)
    look()
    change(user, failed_auth_count=0, failed_auth_at=None)
    look(MINUTE)

    assert "no consumer was connected" in said(user, HOUR)


# --- Last activity ------------------------------------------------------------------------------
def idle(days: int, name: str = "ann") -> User:
    """An account that was active so many days ago."""
    return make_user(name, last_active_at=NOW.date() - days * DAY)


def test_an_inactive_account_that_was_active_again_was_changed() -> None:
    user = idle(200)
    look_at_activity()
    touch(user, NOW.date())

    assert look_at_activity(HOUR) == 1
    found = HiddenChange.objects.get()
    assert found.kind == "activity"
    assert found.before == "last active on 6 May 2026"
    assert found.after == "last active on 22 Nov 2026"


def test_an_account_that_stays_inactive_was_not_changed() -> None:
    idle(200)

    assert [look_at_activity(number * HOUR) for number in range(3)] == [0, 0, 0]


def test_only_idle_accounts_are_remembered() -> None:
    idle(200, "ann")
    idle(86, "bob")
    idle(5, "cleo")
    look_at_activity()

    assert SeenIdle.objects.count() == 2


def test_an_account_that_became_inactive_was_not_changed() -> None:
    idle(89)
    look_at_activity()

    assert look_at_activity(DAY) == 0
    assert SeenIdle.objects.get().inactive


def test_an_idle_account_that_signed_in_was_not_changed() -> None:
    consumer(until=-DAY)
    user = idle(86)
    look_at_activity()
    touch(user, NOW.date())
    keep(user.id, [signed_in(-60)])

    assert [look_at_activity(number * HOUR) for number in range(1, 4)] == [0, 0, 0]


def test_an_idle_account_without_a_sign_in_is_changed_at_the_second_look() -> None:
    consumer(until=-DAY)
    keep("other", [signed_in(-60)])
    user = idle(86)
    look_at_activity()
    touch(user, NOW.date())

    assert [look_at_activity(number * HOUR) for number in range(1, 4)] == [0, 1, 0]


def test_where_a_consumer_was_away_nothing_is_claimed() -> None:
    consumer(until=-MINUTE)
    keep("other", [signed_in(-60)])
    user = idle(86)
    look_at_activity()
    touch(user, NOW.date())

    assert [look_at_activity(number * HOUR) for number in range(1, 4)] == [0, 0, 0]


def test_where_keystone_reports_no_successes_nothing_is_claimed() -> None:
    consumer(until=-DAY)
    user = idle(86)
    look_at_activity()
    touch(user, NOW.date())

    assert [look_at_activity(number * HOUR) for number in range(1, 4)] == [0, 0, 0]


@pytest.mark.parametrize(
    "day", [NOW.date() - 300 * DAY, NOW.date() - DAY, NOW.date() + 9 * DAY, None]
)
def test_a_day_that_no_sign_in_can_write_was_changed_whatever_was_heard(day: Any) -> None:
    user = idle(86)
    look_at_activity()
    touch(user, day)

    assert look_at_activity(HOUR) == 1


def test_a_change_here_is_none() -> None:
    user = idle(200)
    look_at_activity()
    touch(user, NOW.date())
    account = accounts.get(user.id, scope=None)
    assert account is not None
    open_event(account=account, now=NOW + MINUTE)

    assert look_at_activity(HOUR) == 0


def test_a_rule_that_is_off_remembers_nobody() -> None:
    idle(200)
    look_at_activity()
    off = replace(POLICY, disable_user_account_days_inactive=None)

    assert out_of_band.look_at_activity(policy=off, now=NOW) == 0
    assert not SeenIdle.objects.exists()


# --- The report ---------------------------------------------------------------------------------
@pytest.mark.parametrize(("section", "key"), [("8.2.6", "activity"), ("8.3.4", "unlock")])
def test_the_report_has_each_change_once(section: str, key: str) -> None:
    HiddenChange.objects.bulk_create(
        HiddenChange(
            fold=uuid.uuid4(),
            kind=kind,
            user_id=f"{kind}{number}",
            name="ann",
            before="a",
            after="b",
            seen_at=NOW - HOUR,
            found_at=NOW + number // 3 * MINUTE,
        )
        for number in range(7)
        for kind in ("activity", "unlock")
    )
    question = Question(begins=NOW, ends=NOW + 2 * MINUTE, now=NOW + DAY)
    found = [
        part for part in parts(section, question) if getattr(part, "key", "").endswith(f"_{key}")
    ]
    [figure, table] = found

    assert isinstance(figure, Figure)
    assert isinstance(table, Table)
    assert figure.number == 6
    assert [row[1] for row in table.read()] == [f"{key}{number}" for number in range(6)]
