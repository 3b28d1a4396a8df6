"""`manage.py send_digest`, and the task that does the same."""

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
from tests.notices.letterbox import Letterbox

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])


@pytest.fixture(autouse=True)
def recipients(settings: Settings) -> None:
    """Who runs the cloud; the hour has always come."""
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example",)
    settings.DIGEST_HOUR = 0


def run(*words: str) -> str:
    """What the command writes on standard output."""
    out = io.StringIO()
    call_command("send_digest", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def make_locked(name: str = "zelda", domain_id: str = "default", domain_name: str = "") -> None:
    """A user who was locked just now."""
    at = timezone.now() - timedelta(minutes=5)
    make_locked_user(name, at=at, domain_id=domain_id, domain_name=domain_name)


def test_it_writes_and_sends_and_says_so(letterbox: Letterbox) -> None:
    make_locked()
    said = run().splitlines()

    assert said[0].startswith("the cloud: Test cloud: 1 new lock")
    assert said[1] == "1 sent, 0 refused, 0 put off, 0 given up"
    assert letterbox.reached == ["ops@cloud.example"]


def test_a_second_time_sends_nothing(letterbox: Letterbox) -> None:
    run()
    said = run()

    assert "are written already" in said
    assert len(letterbox.mails) == 1


def test_a_dry_run_prints_the_digest_and_keeps_nothing(letterbox: Letterbox) -> None:
    make_locked()
    said = run("--dry-run")

    assert said.startswith("Subject: Test cloud: 1 new lock")
    assert "* zelda (" in said
    assert not DailyDigest.objects.exists()
    assert letterbox.mails == []


def test_a_dry_run_for_another_time(sender: None) -> None:
    make_locked()
    later = (timezone.now() + timedelta(days=3)).isoformat()

    assert "zelda" not in run("--dry-run", "--now", later)


def test_a_sample_goes_to_the_address_alone(letterbox: Letterbox) -> None:
    said = run("--to", "ann@cloud.example")

    assert said == "sent, 250 queued as 4711\n"
    assert letterbox.reached == ["ann@cloud.example"]
    assert not DailyDigest.objects.exists()


def test_of_a_domain_by_name_or_id(sender: None) -> None:
    make_locked("ours", "c1", "Shops")
    make_locked("theirs")
    for text in ("c1", "Shops"):
        said = run("--dry-run", "--domain", text)

        assert "ours" in said
        assert "theirs" not in said


@pytest.mark.parametrize(
    ("words", "problem", "code"),
    [
        (["--now", "2026-11-22T14:00"], "--now goes with --dry-run or --to alone", 2),
        (["--dry-run", "--now", "noon"], "'noon' is no time", 2),
        (["--to", "nobody"], "'nobody' is no mail address", 2),
        (["--domain", "nowhere", "--dry-run"], "there is no domain 'nowhere'", 2),
        (["--to", "ann@cloud.example"], "PCIOPS_EMAIL_URL is not set", 1),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], problem: str, code: int) -> None:
    with pytest.raises(CommandError, match=problem) as raised:
        run(*words)

    assert raised.value.returncode == code


def test_without_a_server_it_stays_due_and_the_command_says_why() -> None:
    with pytest.raises(CommandError, match="PCIOPS_EMAIL_URL is not set"):
        run()

    assert DailyDigest.objects.get().mails == 1


def test_a_sample_that_is_refused_is_a_failure(letterbox: Letterbox) -> None:
    letterbox.answers["ann@cloud.example"] = "550 no such user"
    with pytest.raises(CommandError, match="was not taken"):
        run("--to", "ann@cloud.example")


# --- The task -------------------------------------------------------------------------------------
def test_two_beats_write_one_digest(caplog: pytest.LogCaptureFixture, sender: None) -> None:
    caplog.set_level(logging.INFO, "pciops")
    tasks.write_digests()
    JobRun.objects.filter(job="notices.digest").delete()  # as if five minutes later
    tasks.write_digests()

    assert caplog.text.count("digest of the cloud") == 1


def test_before_the_hour_nothing_is_written(settings: Settings) -> None:
    settings.DIGEST_HOUR = 24
    tasks.write_digests()

    assert not DailyDigest.objects.exists()


def test_what_an_outage_prevented_is_written_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE local_user RENAME TO elsewhere")
    tasks.write_digests()
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO local_user")
    tasks.write_digests()

    assert "notices.digest: Keystone's database does not answer" in caplog.text
    assert DailyDigest.objects.count() == 1


def test_a_file_that_makes_no_sense_is_an_error_in_the_log(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "domains.toml"
    path.write_text('[shops]\ncontacts = ["nobody"]')
    settings.NOTICE_DOMAINS = str(path)
    tasks.write_digests()

    assert "[shops] contacts is no list of mail addresses" in caplog.text
