"""The doctor's checks of mail, digests and alerts."""

from __future__ import annotations

import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from pciops.lib.doctor import CheckLevel, CheckResult
from pciops.lib.env import MailServer
from pciops.lib.models import JobRun
from pciops.notices import doctor
from pciops.notices.alerts import operation
from pciops.notices.models import OperatorMail, WebhookCall
from tests.factories import NOW, make_user

SECRET = "a secret of the other side"  # noqa: S105 (of these tests)


def server(port: int) -> MailServer:
    return MailServer(host="127.0.0.1", port=port, user="", password="", tls="")


def check_mail(settings: Settings, mail_server: MailServer | None) -> CheckResult:
    settings.MAIL_SERVER = mail_server
    [finding] = doctor.mail()
    return finding


def test_without_a_server_the_settings_are_named(settings: Settings) -> None:
    finding = check_mail(settings, None)

    assert finding.level is CheckLevel.WARNING
    assert "PCIOPS_EMAIL_URL" in finding.remedy


def test_a_server_that_answers_is_ok_and_then_a_problem(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answers = check_mail(settings, server(port))
    down = check_mail(settings, server(port))

    assert (answers.level, down.level) == (CheckLevel.OK, CheckLevel.PROBLEM)
    assert f"127.0.0.1:{port}" in down.sentence


def test_a_folder_is_ok(settings: Settings) -> None:
    finding = check_mail(settings, MailServer(folder="/var/mails"))

    assert finding.level is CheckLevel.OK
    assert "/var/mails" in finding.sentence


# --- Digests --------------------------------------------------------------------------------------
@pytest.mark.django_db(databases=["keystone"])
@pytest.mark.parametrize(
    ("recipients", "level", "words"),
    [
        ((), CheckLevel.WARNING, "PCIOPS_DIGEST_RECIPIENTS"),
        (("a@x.example", "b@x.example"), CheckLevel.OK, "2 addresses"),
    ],
)
def test_a_digest_needs_recipients(
    settings: Settings, recipients: tuple[str, ...], level: CheckLevel, words: str
) -> None:
    settings.MAIL_SERVER = server(25)
    settings.DIGEST_RECIPIENTS = recipients
    [finding] = doctor.digest()

    assert finding.level is level
    assert words in finding.sentence + finding.remedy


@pytest.mark.django_db(databases=["keystone"])
def test_an_unknown_domain_in_the_file_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    make_user(domain_id="s1", domain_name="shops")
    path = tmp_path / "domains.toml"
    path.write_text("[shops]\n[shop]\n")
    settings.NOTICE_DOMAINS = str(path)
    [finding] = doctor.digest()

    assert finding.level is CheckLevel.WARNING
    assert "[shop]," in finding.sentence


# --- Alerts ---------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.parametrize(
    ("facts", "level", "words"),
    [
        ({}, CheckLevel.WARNING, "PCIOPS_ALERT_RECIPIENTS"),
        ({"ALERT_RECIPIENTS": ("ops@x.example",)}, CheckLevel.OK, "ops@x.example"),
        ({"ALERT_WEBHOOK_URL": "https://x.example/"}, CheckLevel.PROBLEM, "are not signed"),
        (
            {"ALERT_WEBHOOK_URL": "https://x.example/", "ALERT_WEBHOOK_SECRET": "xyzzy"},
            CheckLevel.WARNING,
            "shorter than 16 characters",
        ),
        (
            {"ALERT_WEBHOOK_URL": "https://x.example/", "ALERT_WEBHOOK_SECRET": SECRET},
            CheckLevel.OK,
            "not called yet",
        ),
        (
            {"ALERT_WEBHOOK_URL": "http://x.example/", "ALERT_WEBHOOK_SECRET": SECRET},
            CheckLevel.WARNING,
            "without TLS",
        ),
        (
            {"ALERT_WEBHOOK_URL": "https://x.example/", "ALERT_FORMAT": "slack"},
            CheckLevel.OK,
            "not called yet",
        ),
        (
            {"ALERT_WEBHOOK_URL": "https://x.example/", "ALERT_FORMAT": "pagerduty"},
            CheckLevel.PROBLEM,
            "PCIOPS_ALERT_PAGERDUTY_KEY",
        ),
    ],
    ids=["nobody", "by mail", "no secret", "short secret", "webhook", "no TLS", "Slack", "no key"],
)
def test_alerts_need_a_recipient_or_a_webhook_with_secret_and_tls(
    settings: Settings, facts: dict[str, Any], level: CheckLevel, words: str
) -> None:
    for name, value in facts.items():
        setattr(settings, name, value)
    finding = next(iter(doctor.alerts()))

    assert finding.level is level
    assert words in finding.sentence + finding.remedy
    assert all(secret not in finding.sentence + finding.remedy for secret in ("xyzzy", SECRET))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "level"),
    [("sent", CheckLevel.OK), ("planned", CheckLevel.PROBLEM), ("given_up", CheckLevel.PROBLEM)],
)
def test_the_last_call_of_the_webhook_is_a_finding(
    settings: Settings, status: str, level: CheckLevel
) -> None:
    settings.ALERT_WEBHOOK_URL = "https://x.example/"
    settings.ALERT_WEBHOOK_SECRET = SECRET
    WebhookCall.objects.create(
        about="storm 7",
        body="{}",
        raised_at=NOW,
        next_attempt_at=NOW,
        attempts=1,
        status=status,
        answer="500 Internal Server Error",
    )
    [finding] = doctor.alerts()

    assert finding.level is level
    assert ("500 Internal Server Error" in finding.sentence) is (level is CheckLevel.PROBLEM)


@pytest.mark.django_db
def test_alert_that_the_mail_server_refused_is_a_problem(settings: Settings) -> None:
    settings.ALERT_RECIPIENTS = ("ops@x.example",)
    for about, answer in (("alert 7", "550 no such user"), ("digest 7", "551 not here")):
        OperatorMail.objects.create(
            about=about,
            to="ops@x.example",
            written_at=timezone.now(),
            next_attempt_at=NOW,
            status="refused",
            answer=answer,
        )
    good, bad = doctor.alerts()

    assert (good.level, bad.level) == (CheckLevel.OK, CheckLevel.PROBLEM)
    assert "550 no such user" in bad.sentence


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("minutes", "level"), [(None, CheckLevel.WARNING), (4, CheckLevel.OK), (6, CheckLevel.PROBLEM)]
)
def test_schedule_that_stopped_is_a_problem(minutes: int | None, level: CheckLevel) -> None:
    if minutes is not None:
        at = timezone.now() - timedelta(minutes=minutes)
        JobRun.objects.create(job=operation.ALERTS, slot=at, done_at=at)
    [finding] = doctor.schedule()

    assert finding.level is level
