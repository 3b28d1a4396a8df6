"""Planning: what is stored, once, and what is canceled."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import connections
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.accounts.account import Failures
from pciops.accounts.selectors import get
from pciops.audit import services
from pciops.audit.models import Event
from pciops.keystone import options
from pciops.keystone.models import LocalUser, Password, User, UserOption
from pciops.notices import candidates, plan, rules
from pciops.notices.models import Notice, NoticeStatus
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    make_initiator,
    make_password,
    make_user,
)
from tests.notices.queued import make_expiring

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def plan_all(now: datetime = NOW) -> tuple[int, int]:
    """Do what the tasks do in an hour; return how many were planned and canceled."""
    book = rules.current()
    planned = plan.by_date(policy=POLICY, book=book, now=now).planned.total()
    planned += plan.by_lock(policy=POLICY, book=book, now=now).planned.total()
    return planned, plan.review(policy=POLICY, book=book, now=now)


def kinds() -> list[tuple[str, str, int]]:
    """Return name, kind and step of all notices."""
    return sorted(Notice.objects.values_list("name", "kind", "step"))


def inactive_in(days: int) -> datetime:
    """Return the last activity of an account that becomes inactive then."""
    return NOW - (90 - days) * DAY


def test_planning_again_adds_nothing() -> None:
    make_expiring()

    assert plan_all() == (1, 0)
    assert kinds() == [("ann", "password_expiring", 3)]
    assert plan_all(NOW + HOUR) == (0, 0)


def test_the_next_step_replaces_a_waiting_notice() -> None:
    make_expiring()
    plan_all()
    plan_all(NOW + 25 * HOUR)
    old, new = Notice.objects.order_by("-step")

    assert (new.step, new.status) == (1, NoticeStatus.PLANNED)
    assert (old.status, old.answer) == (NoticeStatus.CANCELLED, "a nearer one takes its place")


def test_days_without_planning_are_made_up_for_with_one_notice() -> None:
    make_expiring(left=14 * DAY)
    plan_all(NOW + 12 * DAY)

    assert kinds() == [("ann", "password_expiring", 3)]


def test_a_new_password_cancels_the_waiting_notice_and_is_planned_anew() -> None:
    user = make_expiring()
    plan_all()
    local = LocalUser.objects.get(user=user)
    Password.objects.using("keystone").filter(local_user=local).update(expires_at_int=NOW)
    make_password(local, PasswordRow(created_at=NOW, expires_at=NOW + 90 * DAY))
    plan_all(NOW + HOUR)
    assert "password was changed" in Notice.objects.get().answer

    User.objects.using("keystone").update(last_active_at=(NOW + 80 * DAY).date())
    plan_all(NOW + 80 * DAY)
    assert Notice.objects.filter(status=NoticeStatus.PLANNED).count() == 1


def test_only_the_expiry_of_the_newest_password_counts() -> None:
    old = PasswordRow(created_at=NOW - 88 * DAY, expires_at=NOW + 2 * DAY)
    newest = PasswordRow(created_at=NOW - DAY, expires_at=NOW + 89 * DAY)
    make_user("ann", passwords=[old, newest], last_active_at=NOW.date())
    plan_all()

    assert kinds() == []


def test_the_old_expiry_column_counts_if_the_new_one_is_unset() -> None:
    row = PasswordRow(created_at=NOW - 88 * DAY, expires_at=NOW + 20 * HOUR, old_columns=True)
    make_user("ann", passwords=[row], email="ann@example.test", last_active_at=NOW.date())
    plan_all()

    assert kinds() == [("ann", "password_expiring", 1)]


def disable(_: User) -> None:
    User.objects.using("keystone").update(enabled=False)


def exempt(user: User) -> None:
    UserOption.objects.using("keystone").create(
        user_id=user.id, option_id=options.IGNORE_PASSWORD_EXPIRY, option_value="true"
    )


def leave_unused(_: User) -> None:
    User.objects.using("keystone").update(last_active_at=(NOW - 200 * DAY).date())


def delete(_: User) -> None:
    for table in ("password", "local_user", "user"):
        with connections["keystone"].cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (disable, "the account is disabled"),
        (exempt, "exempt from the rule"),
        (leave_unused, "the account is inactive"),
        (delete, "the account is gone"),
    ],
)
def test_an_obsolete_notice_is_canceled_with_the_reason(
    change: Callable[[User], None], reason: str
) -> None:
    user = make_expiring()
    plan_all()
    change(user)

    assert plan_all() == (0, 1)
    assert Notice.objects.get().status == NoticeStatus.CANCELLED
    assert reason in Notice.objects.get().answer


def test_exempt_accounts_are_not_planned() -> None:
    make_expiring("ann", options={options.IGNORE_PASSWORD_EXPIRY: True})
    make_user(
        "bob",
        last_active_at=inactive_in(5).date(),
        options={options.IGNORE_USER_INACTIVITY: True},
    )
    plan_all()

    assert kinds() == []


def test_inactivity_is_planned_ahead() -> None:
    make_user("ann", last_active_at=inactive_in(1).date())
    make_user("bob", last_active_at=inactive_in(70).date())
    plan_all()

    assert kinds() == [("ann", "inactivity", 1)]


def test_a_lock_is_planned_once_and_canceled_when_its_row_is_cleared() -> None:
    make_user(
        "ann",
        failed_auth_count=3,
        failed_auth_at=NOW,
        email="ann@example.test",
        last_active_at=NOW.date(),
    )
    plan_all()
    plan_all(NOW + MINUTE)
    assert kinds() == [("ann", "locked", 0)]

    plan_all(NOW + HOUR)  # the lock has lapsed
    assert Notice.objects.get().status == NoticeStatus.PLANNED

    LocalUser.objects.using("keystone").update(failed_auth_count=0, failed_auth_at=None)
    plan_all(NOW + HOUR)
    assert Notice.objects.get().answer == "the lock is over"


def test_an_unlock_is_planned_from_the_audit_log_after_it_is_settled() -> None:
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
    plan_all(NOW + MINUTE)
    assert kinds() == []

    services.settle(event, Event.Outcome.SUCCESS)
    plan_all(NOW + MINUTE)
    plan_all(NOW + 2 * MINUTE)
    assert kinds() == [("ann", "unlocked", 0)]


@pytest.mark.parametrize(
    ("email", "status"),
    [
        (None, NoticeStatus.NO_ADDRESS),
        ("  ", NoticeStatus.NO_ADDRESS),
        ("ann", NoticeStatus.BAD_ADDRESS),
        ("ann@example.test, bob@example.test", NoticeStatus.BAD_ADDRESS),
        ("ann@example.test\nBcc: all@example.test", NoticeStatus.BAD_ADDRESS),
        ("ann@example.test", NoticeStatus.PLANNED),
    ],
)
def test_the_first_status_is_that_of_the_address(email: str | None, status: str) -> None:
    make_expiring(email=email)
    plan_all()

    assert Notice.objects.get().status == status


@pytest.mark.parametrize(
    ("email", "status"),
    [
        ("ann@corp.example", NoticeStatus.PLANNED),
        ("ann@CORP.example", NoticeStatus.PLANNED),
        ("ann@evil.example", NoticeStatus.BAD_ADDRESS),
        ("ann@x.corp.example", NoticeStatus.BAD_ADDRESS),
        ("ann@corp.example.evil.example", NoticeStatus.BAD_ADDRESS),
    ],
)
def test_only_addresses_in_allowed_domains_are_used(
    settings: Settings, email: str, status: str
) -> None:
    settings.MAIL_DOMAINS = ("corp.example",)
    make_expiring(email=email)
    plan_all()
    notice = Notice.objects.get()

    assert notice.status == status
    assert ("PCIOPS_MAIL_DOMAINS" in notice.answer) == (status == NoticeStatus.BAD_ADDRESS)


def test_notice_follows_a_change_of_the_allowed_domains(settings: Settings) -> None:
    make_expiring(email="ann@corp.example")
    plan_all()
    settings.MAIL_DOMAINS = ("other.example",)
    plan_all()
    before = Notice.objects.get()
    settings.MAIL_DOMAINS = ("other.example", "corp.example")
    plan_all()
    after = Notice.objects.get()

    assert (before.status, after.status) == (NoticeStatus.BAD_ADDRESS, NoticeStatus.PLANNED)
    assert after.answer == ""


@pytest.mark.parametrize("email", ["\\ud800@example.test", "\\u0000", "x" * 5000])
def test_hostile_text_of_an_account_does_not_stop_the_planning(email: str) -> None:
    make_expiring("ann", email=None, extra=f'{{"email": "{email}"}}')
    make_expiring("bob")

    assert plan_all() == (2, 0)
    assert Notice.objects.get(name="ann").status == NoticeStatus.BAD_ADDRESS
    assert plan_all() == (0, 0)


def test_an_address_that_is_added_later_is_used() -> None:
    make_expiring(email=None)
    plan_all()
    User.objects.using("keystone").update(extra='{"email": "ann@example.test"}')
    plan_all()

    assert Notice.objects.get().status == NoticeStatus.PLANNED


def test_rules_of_a_domain_come_before_the_settings(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "domains.toml"
    path.write_text("[Customers]\npassword_expiring = [30]\n[default]\npassword_expiring = false\n")
    settings.NOTICE_DOMAINS = str(path)
    make_expiring("ann", 20 * DAY, domain_id="c1", domain_name="Customers")
    make_expiring("bob", 2 * DAY)
    plan_all()

    assert kinds() == [("ann", "password_expiring", 30)]


def test_the_number_of_queries_does_not_grow_with_the_accounts(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        make_expiring(f"ann{number}")
    book = rules.current()
    # Domains; passwords in range, their users and options; then the users that become inactive. No
    # chunk is full, so each is the last.
    with django_assert_num_queries(5, using="keystone"):
        plan.by_date(policy=POLICY, book=book, now=NOW)
    # What is planned already is known by passwords and activity alone.
    with django_assert_num_queries(3, using="keystone"):
        plan.by_date(policy=POLICY, book=book, now=NOW)

    assert Notice.objects.count() == 30


def test_chunks_leave_no_account_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "CHUNK", 3)
    for number in range(10):
        make_expiring(f"ann{number}")
        make_user(f"bob{number}", last_active_at=inactive_in(5).date())
    plan_all()

    assert len(kinds()) == 20
