"""`pciops send_digest`, and the task that writes digests."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from pciops.lib.models import JobRun
from pciops.notices import tasks
from pciops.notices.models import DailyDigest
from tests.factories import make_locked_user
from tests.notices.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture(autouse=True)
def recipients(settings: Settings) -> None:
    """Operators; the hour of sending has always come."""
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example",)
    settings.DIGEST_HOUR = 0


def run(*words: str) -> str:
    """Return what the command writes on standard output."""
    out = io.StringIO()
    call_command("send_digest", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def make_locked(name: str = "zelda", domain_id: str = "default", domain_name: str = "") -> None:
    """Create a user that was locked five minutes ago."""
    at = timezone.now() - timedelta(minutes=5)
    make_locked_user(name, at=at, domain_id=domain_id, domain_name=domain_name)


def test_it_writes_and_sends_once(smtp_server: SmtpServer) -> None:
    make_locked()
    first, second = run().splitlines(), run()

    assert "Test cloud: 1 new lock" in first[0]
    assert first[1] == "1 sent, 0 refused, 0 deferred, 0 given up"
    assert "written already" in second
    assert smtp_server.recipients == ["ops@cloud.example"]


def test_a_dry_run_prints_the_digest_and_stores_nothing(smtp_server: SmtpServer) -> None:
    make_locked()
    output = run("--dry-run")
    later = (timezone.now() + timedelta(days=3)).isoformat()

    assert output.startswith("Subject: Test cloud: 1 new lock")
    assert "* “zelda” (" in output
    assert "zelda" not in run("--dry-run", "--now", later)
    assert not DailyDigest.objects.exists()
    assert smtp_server.mails == []


def test_a_sample_is_sent_to_the_address_only(smtp_server: SmtpServer) -> None:
    assert run("--to", "ann@cloud.example") == "sent, 250 queued as 4711\n"
    assert smtp_server.recipients == ["ann@cloud.example"]
    assert not DailyDigest.objects.exists()


def test_a_refused_sample_is_a_failure(smtp_server: SmtpServer) -> None:
    smtp_server.replies["ann@cloud.example"] = "550 no such user"
    with pytest.raises(CommandError, match="did not accept"):
        run("--to", "ann@cloud.example")


@pytest.mark.parametrize("domain", ["c1", "Shops"])
def test_a_domain_is_named_by_id_or_name(sender: None, domain: str) -> None:
    make_locked("ours", "c1", "Shops")
    make_locked("theirs")
    output = run("--dry-run", "--domain", domain)

    assert "ours" in output
    assert "theirs" not in output


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--now", "2026-11-22T14:00"], "--now"),
        (["--dry-run", "--now", "noon"], "'noon'"),
        (["--to", "nobody"], "'nobody'"),
        (["--domain", "nowhere", "--dry-run"], "'nowhere'"),
        (["--to", "ann@cloud.example"], "PCIOPS_EMAIL_URL is not set"),
    ],
)
def test_wrong_usage_has_exit_code_2(words: list[str], problem: str) -> None:
    with pytest.raises(CommandError, match=problem) as raised:
        run(*words)

    assert raised.value.returncode == 2


def test_without_a_server_the_digest_stays_due() -> None:
    with pytest.raises(CommandError, match="PCIOPS_EMAIL_URL is not set"):
        run()

    assert DailyDigest.objects.get().mails == 1


# --- The task -------------------------------------------------------------------------------------
def test_two_runs_of_the_task_write_one_digest(
    caplog: pytest.LogCaptureFixture, sender: None
) -> None:
    caplog.set_level(logging.INFO, "pciops")
    tasks.write_digests()
    JobRun.objects.filter(job="notices.digest").delete()  # as if five minutes later
    tasks.write_digests()

    assert caplog.text.count("digest of the cloud") == 1


def test_before_the_hour_nothing_is_written(settings: Settings) -> None:
    settings.DIGEST_HOUR = 24
    tasks.write_digests()

    assert not DailyDigest.objects.exists()


def test_a_digest_is_written_after_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE local_user RENAME TO elsewhere")
    tasks.write_digests()
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO local_user")
    tasks.write_digests()

    assert "notices.digest: Keystone's database does not answer" in caplog.text
    assert DailyDigest.objects.count() == 1


def test_an_invalid_file_is_an_error_in_the_log(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "domains.toml"
    path.write_text('[shops]\ncontacts = ["nobody"]')
    settings.NOTICE_DOMAINS = str(path)
    tasks.write_digests()

    assert "[shops] contacts" in caplog.text


def test_sample_to_another_domain_is_refused(settings: Settings) -> None:
    settings.MAIL_DOMAINS = ("cloud.example",)
    with pytest.raises(CommandError, match="PCIOPS_MAIL_DOMAINS") as raised:
        run("--to", "ann@evil.example")

    assert raised.value.returncode == 2
