"""The tasks of the notices."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from pciops.lib.models import JobRun
from pciops.notices import tasks
from pciops.notices.models import Notice
from tests.factories import PasswordRow, make_locked_user, make_user
from tests.notices.letterbox import Letterbox

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def make_expiring() -> None:
    """A user whose password expires in two days."""
    now = timezone.now()
    row = PasswordRow(created_at=now - timedelta(days=80), expires_at=now + timedelta(days=2))
    make_user("ann", passwords=[row], email="ann@example.test", last_active_at=now.date())


def test_what_one_task_plans_another_sends(letterbox: Letterbox) -> None:
    make_expiring()
    tasks.plan_by_date()
    tasks.send_due()

    assert letterbox.reached == ["ann@example.test"]


def test_two_planners_of_one_hour_plan_once() -> None:
    make_expiring()
    tasks.plan_by_date()
    tasks.plan_by_date()

    assert JobRun.objects.filter(job="notices.plan").count() == 1
    assert Notice.objects.count() == 1


def test_locks_are_planned_by_a_task_of_their_own() -> None:
    make_locked_user(last_active_at=timezone.now().date())
    tasks.plan_by_lock()

    assert Notice.objects.get().kind == "locked"


def test_a_planning_that_failed_is_made_up_for_in_the_same_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_expiring()
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE user_option RENAME TO elsewhere")
    tasks.plan_by_date()
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO user_option")
    tasks.plan_by_date()

    assert "notices.plan: Keystone's database does not answer" in caplog.text
    assert Notice.objects.count() == 1


def test_no_server_is_no_news_every_minute(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tasks.send_due()

    assert caplog.text == ""


def test_a_server_that_does_not_answer_is_a_warning(
    letterbox: Letterbox, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    make_expiring()
    tasks.plan_by_date()
    settings.MAIL_SERVER = type(letterbox.server)(host="127.0.0.1", port=1, tls="none")
    tasks.send_due()

    assert "notices are not sent: 127.0.0.1:1 (none): Connection refused" in caplog.text


def test_rules_that_make_no_sense_any_more_are_an_error_in_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.NOTICE_DOMAINS = "/no/such"
    tasks.plan_by_date()
    tasks.send_due()

    assert caplog.text.count("PCIOPS_NOTICE_DOMAINS names /no/such") == 2
