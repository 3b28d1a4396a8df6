"""The tasks of notices."""

from __future__ import annotations

import logging

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from pciops.lib.env import MailServer
from pciops.lib.models import JobRun
from pciops.notices import tasks
from pciops.notices.models import Notice
from tests.factories import make_locked_user
from tests.notices.queued import make_expiring
from tests.notices.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def test_one_task_sends_what_another_planned(smtp_server: SmtpServer) -> None:
    make_expiring(now=timezone.now())
    tasks.plan_by_date()
    tasks.plan_by_date()
    tasks.send_due()

    assert smtp_server.recipients == ["ann@example.test"]
    assert JobRun.objects.filter(job="notices.plan").count() == 1


def test_locks_are_planned_by_a_task_of_their_own() -> None:
    make_locked_user(last_active_at=timezone.now().date())
    tasks.plan_by_lock()

    assert Notice.objects.get().kind == "locked"


def test_a_failed_planning_is_repeated_in_the_same_hour(caplog: pytest.LogCaptureFixture) -> None:
    make_expiring(now=timezone.now())
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE user_option RENAME TO elsewhere")
    tasks.plan_by_date()
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO user_option")
    tasks.plan_by_date()

    assert "notices.plan: Keystone's database does not answer" in caplog.text
    assert Notice.objects.count() == 1


@pytest.mark.parametrize(
    ("server", "words"),
    [(None, ""), (MailServer(host="127.0.0.1", port=1, tls="none"), "Connection refused")],
    ids=["not set", "down"],
)
def test_only_a_server_that_is_down_is_a_warning(
    settings: Settings, caplog: pytest.LogCaptureFixture, server: MailServer | None, words: str
) -> None:
    make_expiring(now=timezone.now())
    tasks.plan_by_date()
    settings.MAIL_SERVER = server
    caplog.set_level(logging.INFO)
    caplog.clear()
    tasks.send_due()

    assert (words in caplog.text) if words else caplog.text == ""


def test_rules_that_became_invalid_are_an_error_in_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.NOTICE_DOMAINS = "/no/such"
    tasks.plan_by_date()
    tasks.send_due()

    assert caplog.text.count("PCIOPS_NOTICE_DOMAINS names /no/such") == 2
