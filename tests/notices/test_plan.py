"""Planning: what is kept, once, and what is cancelled."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts.account import Failures
from pciops.accounts.selectors import get
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone import options
from pciops.keystone.models import LocalUser, Password, User, UserOption
from pciops.notices import plan, rules
from pciops.notices.models import Notice
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    make_initiator,
    make_password,
    make_user,
)

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
DAY = timedelta(days=1)
Status = Notice.Status


def password(left: timedelta) -> PasswordRow:
    """A password of 90 days with so much time to go."""
    return PasswordRow(created_at=NOW + left - 90 * DAY, expires_at=NOW + left)


def make_expiring(name: str = "ann", left: timedelta = 2 * DAY, **facts: Any) -> User:
    """A user whose password expires soon."""
    facts = {"email": f"{name}@example.test", "last_active_at": NOW.date(), **facts}
    return make_user(name, passwords=[password(left)], **facts)


def plan_all(now: datetime = NOW) -> plan.Plan:
    """What the tasks do in an hour."""
    book = rules.current()
    done = plan.by_date(policy=POLICY, book=book, now=now)
    done.planned += plan.by_lock(policy=POLICY, book=book, now=now).planned
    done.cancelled = plan.review(policy=POLICY, book=book, now=now)
    return done


def kinds() -> list[tuple[str, str, int]]:
    """Name, kind and step of all notices."""
    return sorted(Notice.objects.values_list("name", "kind", "step"))


def test_who_is_at_two_days_gets_the_notice_of_three_days_and_no_other() -> None:
    make_expiring()
    plan_all()

    assert kinds() == [("ann", "password_expiring", 3)]


def test_planning_again_adds_nothing() -> None:
    make_expiring()
    plan_all()
    again = plan_all(NOW + timedelta(hours=1))

    assert again.planned.total() == 0
    assert Notice.objects.count() == 1


def test_the_next_step_is_planned_when_it_comes_and_takes_the_place_of_what_waits() -> None:
    make_expiring()
    plan_all()
    plan_all(NOW + timedelta(hours=25))
    old, new = Notice.objects.order_by("-step")

    assert (new.step, new.status) == (1, Status.PLANNED)
    assert (old.status, old.answer) == (Status.CANCELLED, "a nearer one takes its place")


def test_days_that_nobody_planned_are_caught_up_with_one_notice() -> None:
    make_expiring(left=14 * DAY)
    plan_all(NOW + 12 * DAY)

    assert kinds() == [("ann", "password_expiring", 3)]


def test_a_new_password_cancels_what_waits_and_is_announced_anew() -> None:
    user = make_expiring()
    plan_all()
    local = LocalUser.objects.get(user=user)
    Password.objects.using("keystone").filter(local_user=local).update(expires_at_int=NOW)
    make_password(local, PasswordRow(created_at=NOW, expires_at=NOW + 90 * DAY))
    plan_all(NOW + timedelta(hours=1))

    assert Notice.objects.get().answer == "the password was changed, or its expiry"

    User.objects.using("keystone").update(last_active_at=(NOW + 80 * DAY).date())
    plan_all(NOW + 80 * DAY)

    assert Notice.objects.filter(status=Status.PLANNED).count() == 1


def test_an_old_password_that_expires_later_than_the_newest_makes_no_notice() -> None:
    newest = PasswordRow(created_at=NOW - DAY, expires_at=NOW + 89 * DAY)
    make_user("ann", passwords=[password(2 * DAY), newest], last_active_at=NOW.date())
    plan_all()

    assert kinds() == []


def test_the_expiry_of_the_old_column_counts_where_the_new_one_is_unset() -> None:
    row = PasswordRow(
        created_at=NOW - 88 * DAY, expires_at=NOW + timedelta(hours=20), old_columns=True
    )
    make_user("ann", passwords=[row], email="ann@example.test", last_active_at=NOW.date())
    plan_all()

    assert kinds() == [("ann", "password_expiring", 1)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda user: User.objects.using("keystone").update(enabled=False), "account is disabled"),
        (
            lambda user: UserOption.objects.using("keystone").create(
                user_id=user.id,
                option_id=options.IGNORE_PASSWORD_EXPIRY,
                option_value="true",
            ),
            "exempt from the rule",
        ),
        (
            lambda user: User.objects.using("keystone").update(
                last_active_at=(NOW - 200 * DAY).date()
            ),
            "the account is inactive",
        ),
    ],
)
def test_what_no_longer_holds_is_cancelled_with_the_reason(change: Any, reason: str) -> None:
    user = make_expiring()
    plan_all()
    change(user)
    done = plan_all()

    assert done.cancelled == 1
    assert Notice.objects.get().status == Status.CANCELLED
    assert reason in Notice.objects.get().answer


def test_an_account_that_is_gone_cancels_its_notices() -> None:
    make_expiring()
    plan_all()
    for table in ("password", "local_user", "user"):
        with connections["keystone"].cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")
    plan_all()

    assert Notice.objects.get().answer == "the account is gone"


def test_exempt_accounts_are_never_planned() -> None:
    make_expiring("ann", options={options.IGNORE_PASSWORD_EXPIRY: True})
    make_user(
        "bob",
        last_active_at=(NOW - 85 * DAY).date(),
        options={options.IGNORE_USER_INACTIVITY: True},
    )
    plan_all()

    assert kinds() == []


def test_inactivity_is_planned_ahead() -> None:
    make_user("ann", last_active_at=(NOW - 89 * DAY).date())
    make_user("bob", last_active_at=(NOW - 20 * DAY).date())
    plan_all()

    assert kinds() == [("ann", "inactivity", 1)]


def test_a_lock_is_planned_once_and_cancelled_when_it_is_over() -> None:
    make_user("ann", failed_auth_count=3, failed_auth_at=NOW, last_active_at=NOW.date())
    plan_all()
    plan_all(NOW + timedelta(minutes=1))

    assert kinds() == [("ann", "locked", 0)]

    Notice.objects.update(status=Status.PLANNED)
    LocalUser.objects.using("keystone").update(failed_auth_count=0, failed_auth_at=None)
    plan_all(NOW + timedelta(minutes=2))

    assert Notice.objects.get().answer == "the lock is over"


def test_a_lock_that_has_run_out_is_still_news() -> None:
    make_user(
        "ann",
        failed_auth_count=3,
        failed_auth_at=NOW,
        email="ann@example.test",
        last_active_at=NOW.date(),
    )
    plan_all()
    plan_all(NOW + timedelta(hours=1))

    assert Notice.objects.get().status == Status.PLANNED


def test_an_unlock_is_planned_from_the_trail() -> None:
    user = make_user("ann", email="ann@example.test", last_active_at=NOW.date())
    account = get(user.id, scope=None)
    assert account is not None
    event = services.open_event(
        Event.Action.UNLOCK,
        account,
        precondition=Failures(failed_auth_count=3, failed_auth_at=NOW),
        initiator=make_initiator(),
        reason="INC-1: asked",
        identity="",
        now=NOW,
    )
    plan_all(NOW + timedelta(minutes=1))

    assert kinds() == []  # still pending

    services.settle(event, Event.Outcome.SUCCESS)
    plan_all(NOW + timedelta(minutes=1))
    plan_all(NOW + timedelta(minutes=2))

    assert kinds() == [("ann", "unlocked", 0)]


@pytest.mark.parametrize(
    ("email", "status"),
    [
        (None, Status.NO_ADDRESS),
        ("  ", Status.NO_ADDRESS),
        ("ann", Status.BAD_ADDRESS),
        ("ann@example.test, bob@example.test", Status.BAD_ADDRESS),
        ("ann@example.test\nBcc: all@example.test", Status.BAD_ADDRESS),
        ("ann@example.test", Status.PLANNED),
    ],
)
def test_an_address_that_cannot_be_sent_to_is_recorded(email: str | None, status: str) -> None:
    make_expiring(email=email)
    plan_all()

    assert Notice.objects.get().status == status


@pytest.mark.parametrize("email", ["\\ud800@example.test", "\\u0000", "x" * 5000])
def test_no_text_of_an_account_keeps_the_others_from_being_planned(email: str) -> None:
    make_expiring("ann", email=None, extra=f'{{"email": "{email}"}}')
    make_expiring("bob")
    plan_all()
    again = plan_all()

    assert [name for name, *_ in kinds()] == ["ann", "bob"]
    assert Notice.objects.get(name="ann").status == Status.BAD_ADDRESS
    assert again.planned.total() == 0


def test_an_address_that_comes_later_is_used() -> None:
    make_expiring(email=None)
    plan_all()
    User.objects.using("keystone").update(extra='{"email": "ann@example.test"}')
    plan_all()

    assert Notice.objects.get().status == Status.PLANNED


def test_the_domains_own_rules_come_before_the_settings(settings: Settings, tmp_path: Any) -> None:
    path = tmp_path / "domains.toml"
    path.write_text("[Customers]\npassword_expiring = [30]\n[default]\npassword_expiring = false\n")
    settings.NOTICE_DOMAINS = str(path)
    make_expiring("ann", 20 * DAY, domain_id="c1", domain_name="Customers")
    make_expiring("bob", 2 * DAY)
    plan_all()

    assert kinds() == [("ann", "password_expiring", 30)]


def test_planning_costs_as_many_queries_however_many_accounts_there_are(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        make_expiring(f"ann{number}")
    book = rules.current()
    # A chunk: passwords in range, users, their passwords, options; then the users who become
    # inactive, of whom there is none. Neither chunk is full, so there is nothing behind it.
    with django_assert_num_queries(5, using="keystone"):
        plan.by_date(policy=POLICY, book=book, now=NOW)

    assert Notice.objects.count() == 30


def test_chunks_leave_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "CHUNK", 3)
    for number in range(10):
        make_expiring(f"ann{number}")
        make_user(f"bob{number}", last_active_at=(NOW - 85 * DAY).date())
    plan_all()

    assert len(kinds()) == 20
