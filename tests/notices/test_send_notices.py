"""`pciops send_notices`."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from pciops.accounts import loading
from pciops.notices.models import Notice, NoticeKind
from tests.notices import queued
from tests.notices.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


def run(*words: str) -> str:
    """Return what the command writes on standard output."""
    out = io.StringIO()
    call_command("send_notices", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def make_expiring(name: str = "ann") -> None:
    queued.make_expiring(name, now=timezone.now())


def test_it_plans_and_sends(smtp_server: SmtpServer) -> None:
    make_expiring()

    assert run().splitlines() == ["1 planned, 0 canceled", "1 sent"]
    assert smtp_server.recipients == ["ann@example.test"]
    assert run().splitlines() == ["0 planned, 0 canceled"]
    assert "ann" not in run("--dry-run")  # it is planned already


def test_a_dry_run_lists_what_is_due_and_stores_nothing(smtp_server: SmtpServer) -> None:
    make_expiring()
    [row] = json.loads(run("--dry-run", "--format", "json"))["notices"]
    earlier = (timezone.now() - timedelta(days=30)).isoformat()

    assert (row["kind"], row["days"]) == ("password_expiring", 3)
    assert (row["address"], row["status"]) == ("ann@example.test", "planned")
    assert (Notice.objects.count(), smtp_server.mails) == (0, [])
    assert "ann" not in run("--dry-run", "--now", earlier)


@pytest.mark.parametrize("form", ["table", "csv"])
def test_a_dry_run_has_the_formats_of_all_lists(form: str) -> None:
    make_expiring("=cmd")
    output = run("--dry-run", "--format", form)

    assert "password_expiring" in output
    assert ("'=cmd" in output) is (form == "csv")


def test_a_sample_of_each_kind_is_sent_to_the_address(smtp_server: SmtpServer) -> None:
    output = run("--to", "me@example.test")

    assert smtp_server.recipients == ["me@example.test"] * len(NoticeKind)
    assert output.count("sent, 250 queued") == len(NoticeKind)
    assert Notice.objects.count() == 0


def test_a_refused_sample_is_a_failure(smtp_server: SmtpServer) -> None:
    smtp_server.replies["me@example.test"] = "550 no"
    with pytest.raises(CommandError, match="5 of 5 samples"):
        run("--to", "me@example.test")


def test_without_a_server_it_plans_and_fails_with_the_setting() -> None:
    make_expiring()
    with pytest.raises(CommandError, match="PCIOPS_EMAIL_URL is not set"):
        run()
    with pytest.raises(CommandError, match="PCIOPS_EMAIL_URL is not set"):
        run("--to", "me@example.test")

    assert Notice.objects.get().status == "planned"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--now", "2026-11-22T14:00"], "--now"),
        (["--dry-run", "--now", "soon"], "'soon'"),
        (["--dry-run", "--now", "2026-13-22T14:00"], "'2026-13-22T14:00'"),
        (["--to", "me"], "'me'"),
    ],
)
def test_wrong_usage_has_exit_code_2(words: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem) as raised:
        run(*words)

    assert raised.value.returncode == 2


def test_a_setting_that_makes_no_sense_has_exit_code_2(settings: Settings) -> None:
    settings.NOTICE_DOMAINS = "/no/such"
    with pytest.raises(CommandError, match="PCIOPS_NOTICE_DOMAINS") as raised:
        run("--dry-run")

    assert raised.value.returncode == 2


def test_keystones_database_down_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Any:
        raise OperationalError(2003, "Can't connect")

    monkeypatch.setattr(loading, "held_passwords", fail)
    with pytest.raises(CommandError, match="Keystone's database does not answer: Can't connect"):
        run()


def test_sample_to_another_domain_is_refused(settings: Settings) -> None:
    settings.MAIL_DOMAINS = ("cloud.example",)
    with pytest.raises(CommandError, match="PCIOPS_MAIL_DOMAINS") as raised:
        run("--to", "ann@evil.example")

    assert raised.value.returncode == 2
