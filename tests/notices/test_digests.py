"""Digests from tables to mails: what is read, who gets it, and that each goes out once a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from pciops.notices.digest import NAMED, Digest
from pytest_django import Settings

from pciops.accounts.selectors import Domain
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import jobs, outbox
from pciops.lib.models import JobRun, OwedMail
from pciops.notices import digest_facts, digests, rendering
from pciops.notices.models import DailyDigest
from tests.factories import (
    NOW,
    POLICY,
    PasswordRow,
    grant,
    make_locked_user,
    make_project,
    make_user,
)
from tests.notices.queued import build_notice
from tests.notices.smtp_server import SmtpServer

pytestmark = [
    pytest.mark.django_db(databases=["default", "keystone"]),
    pytest.mark.usefixtures("sender"),
]
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TODAY = date(2026, 11, 22)
SHOPS = Domain(id="shops", name="Shops")


@pytest.fixture(autouse=True)
def recipients(settings: Settings) -> None:
    """Who runs the cloud."""
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example",)


@pytest.fixture(autouse=True)
def timetable() -> None:
    """Every job has run all the time, and will."""
    half_hours = [NOW + number * HOUR / 2 for number in range(-9 * 48, 9 * 48)]
    JobRun.objects.bulk_create(
        JobRun(job=job, slot=slot, done_at=slot) for job in digest_facts.JOBS for slot in half_hours
    )


@pytest.fixture
def contacts(settings: Settings, tmp_path: Path) -> None:
    """Who is to hear of the domain `Shops`."""
    path = tmp_path / "domains.toml"
    path.write_text('[Shops]\ncontacts = ["desk@shops.example"]\n')
    settings.NOTICE_DOMAINS = str(path)


def cloud(now: datetime = NOW) -> Digest:
    """The cloud's digest as it would be."""
    return digests.preview(None, policy=POLICY, now=now)


def issue(now: datetime = NOW, day: date = TODAY, **facts: Any) -> list[str]:
    """Write what is due; the subjects."""
    written = digests.issue(policy=POLICY, now=now, day=day, **facts)
    return [row.subject for row in written]


def make_service(name: str, **facts: Any) -> None:
    """An account with the role `service`."""
    grant(make_user(name, **facts), "service", on=make_project())


# --- What is read -------------------------------------------------------------------------------
def test_locks_attacks_and_service_accounts_are_read_from_keystones_tables() -> None:
    row = PasswordRow(created_at=NOW - 80 * DAY, expires_at=NOW + 2 * DAY)
    make_locked_user("lou", at=NOW - HOUR / 2)
    make_locked_user("old", at=NOW - 3 * DAY)
    make_user("eve", failed_auth_count=99, failed_auth_at=NOW - HOUR, options={"1002": True})
    make_service("nova", passwords=[row], last_active_at=TODAY)
    make_user("expires too", passwords=[row])
    found = cloud()

    assert [line.name for line in found.locks.lines] == ["lou"]
    assert [line.name for line in found.attacked.lines] == ["eve"]
    assert [line.name for line in found.coming.lines] == ["nova"]
    assert found.coming.lines[0].kinds == "service account"


def test_a_locked_administrator_is_told_from_the_others() -> None:
    user = make_locked_user("root", at=NOW - HOUR / 4)
    grant(user, "admin", on=make_project())
    make_locked_user("ann", at=NOW - HOUR / 8)
    found = cloud()

    assert [(line.name, line.kinds) for line in found.locks.lines] == [
        ("root", "administrator"),
        ("ann", ""),
    ]
    assert (found.locked_now, found.locks.of_kind) == (2, 1)


def test_more_accounts_than_are_read_at_a_time_are_all_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digest_facts, "CHUNK", 3)
    for number in range(NAMED + 5):
        make_locked_user(f"user{number}", at=NOW - HOUR / 4)
    found = cloud()

    assert (found.locks.total, found.locks.hidden) == (NAMED + 5, 5)


def test_mails_that_failed_are_told_with_the_words_of_the_server() -> None:
    words = "550 5.1.1 no such user"
    build_notice(name="bob", status="refused", answer=words, settled_at=NOW - HOUR).save()
    build_notice(status="refused", answer=words, settled_at=NOW - 2 * DAY).save()
    build_notice(status="sent", settled_at=NOW - HOUR).save()
    build_notice(status="no_address", email="", planned_at=NOW - HOUR).save()
    found = cloud()

    assert (found.failed.total, found.unaddressed) == (1, 1)
    assert found.failed.lines[0].name == "bob"
    assert found.failed.lines[0].words == (
        "Password expires soon, to ann@example.test: refused by the mail server at"
        " 22 Nov 2026, 13:02:11 UTC: 550 5.1.1 no such user"
    )


def test_a_digest_that_nobody_took_is_told_by_the_next(settings: Settings) -> None:
    issue()
    settings.MAIL_SERVER = None
    outbox.send_due(clock=lambda: NOW)
    outbox.send_due(clock=lambda: NOW + DAY)
    [line] = cloud(NOW + DAY + HOUR).failed.lines

    assert line.name == "ops@cloud.example"
    assert "Test cloud: nothing needs you: given up" in line.words
    assert "PCIOPS_EMAIL_URL is not set" in line.words


def test_a_planner_that_did_not_run_is_told() -> None:
    JobRun.objects.exclude(job="census").delete()
    JobRun.objects.filter(slot__lt=NOW - 26 * HOUR).delete()
    for ago in (26, 20, 3, 2, 1, 0):
        run = jobs.claim("notices.plan", NOW - ago * HOUR, now=NOW, lease=HOUR)
        assert run is not None
        jobs.finish(run, NOW)
    gaps = cloud().gaps

    assert gaps[0].startswith("The planning of notices did not run between 21 Nov 2026, 18:02")
    assert gaps[1:] == (
        "The look for locks did not run between 21 Nov 2026, 14:02:11 UTC and"
        " 22 Nov 2026, 14:02:11 UTC (1 day).",
    )


def test_a_database_that_is_away_writes_nothing() -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE local_user RENAME TO elsewhere")
    with pytest.raises(KeystoneDatabaseDownError):
        issue()
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO local_user")

    assert not DailyDigest.objects.exists()
    assert issue()


# --- Who gets it, and when ------------------------------------------------------------------------
def test_the_clouds_digest_goes_to_those_who_run_it(smtp_server: SmtpServer) -> None:
    make_locked_user("lou", at=NOW - HOUR / 2)
    assert issue() == ["Test cloud: 1 new lock"]
    outbox.send_due(clock=lambda: NOW)
    [mail] = smtp_server.mails

    assert smtp_server.recipients == ["ops@cloud.example"]
    assert mail["Subject"] == "Test cloud: 1 new lock"


def test_a_second_writing_of_the_day_adds_nothing() -> None:
    issue()
    assert issue(NOW + HOUR) == []

    assert OwedMail.objects.count() == 1


def test_the_next_day_begins_where_this_one_ended() -> None:
    issue()
    make_locked_user("lou", at=NOW + HOUR)
    tomorrow = NOW + DAY + HOUR / 2
    found = cloud(tomorrow)

    assert (found.since, found.locks.total) == (NOW, 1)
    assert len(issue(tomorrow, TODAY + DAY)) == 1


def test_what_a_digest_that_nobody_got_has_told_is_told_again(smtp_server: SmtpServer) -> None:
    make_locked_user("lou", at=NOW - HOUR)
    issue()
    smtp_server.replies["ops@cloud.example"] = "550 no such user"
    outbox.send_due(clock=lambda: NOW)
    found = cloud(NOW + DAY)

    assert [line.name for line in found.locks.lines] == ["lou"]
    assert found.since == NOW + DAY - digests.FURTHEST


def test_one_who_got_it_is_enough(settings: Settings, smtp_server: SmtpServer) -> None:
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example", "gone@cloud.example")
    issue()
    smtp_server.replies["gone@cloud.example"] = "550 no such user"
    outbox.send_due(clock=lambda: NOW)

    assert cloud(NOW + DAY).since == NOW


@pytest.mark.parametrize(("days", "back"), [(3, 3), (30, 7)])
def test_after_days_without_any_it_looks_back_a_week_at_most(days: int, back: int) -> None:
    issue()
    now = NOW + days * DAY

    assert cloud(now).since == now - back * DAY


@pytest.mark.usefixtures("contacts")
def test_a_domains_contacts_hear_of_that_domain_alone(smtp_server: SmtpServer) -> None:
    make_locked_user("ours", at=NOW - HOUR / 4, domain_id="shops", domain_name="Shops")
    make_locked_user("theirs", at=NOW - HOUR / 4)
    issue()
    outbox.send_due(clock=lambda: NOW)
    mails = {mail["To"]: mail for mail in smtp_server.mails}
    body = mails["desk@shops.example"].get_body(("plain",))
    assert body is not None

    assert mails["ops@cloud.example"]["Subject"] == "Test cloud: 2 new locks"
    assert mails["desk@shops.example"]["Subject"] == "Test cloud, domain Shops: 1 new lock"
    assert "ours" in body.get_content()
    assert "theirs" not in body.get_content()


@pytest.mark.usefixtures("contacts")
def test_a_domain_in_which_nothing_happened_hears_nothing() -> None:
    make_user("quiet", domain_id="shops", domain_name="Shops")
    issue()
    row = DailyDigest.objects.get(domain_id="shops")

    assert (row.empty, row.mails) == (True, 0)
    assert [owed.to for owed in OwedMail.objects.all()] == ["ops@cloud.example"]


@pytest.mark.usefixtures("contacts")
def test_one_domain_alone_may_be_written() -> None:
    make_locked_user("ours", at=NOW - HOUR / 4, domain_id="shops", domain_name="Shops")
    assert issue(only=SHOPS) == ["Test cloud, domain Shops: 1 new lock"]
    assert issue() == ["Test cloud: 1 new lock"]


def test_an_empty_digest_goes_out_unless_the_settings_say_otherwise(settings: Settings) -> None:
    settings.DIGEST_EMPTY = False
    assert issue() == ["Test cloud: nothing needs you"]
    assert not OwedMail.objects.exists()

    settings.DIGEST_EMPTY = True
    issue(NOW + DAY, TODAY + DAY)
    assert OwedMail.objects.count() == 1


def test_without_recipients_nothing_is_written(settings: Settings) -> None:
    settings.DIGEST_RECIPIENTS = ()

    assert issue() == []
    assert not DailyDigest.objects.exists()


@pytest.mark.parametrize(
    ("zone", "hour", "now", "day"),
    [
        ("UTC", 7, "2026-11-22T06:59:59", None),
        ("UTC", 7, "2026-11-22T07:00:00", "2026-11-22"),
        ("UTC", 7, "2026-11-22T23:59:59", "2026-11-22"),
        ("UTC", 0, "2026-11-22T00:00:00", "2026-11-22"),
        ("Europe/Berlin", 7, "2026-11-22T05:59:59", None),
        ("Europe/Berlin", 7, "2026-11-22T06:00:00", "2026-11-22"),
        ("Europe/Berlin", 7, "2026-07-22T05:00:00", "2026-07-22"),
        ("Pacific/Auckland", 7, "2026-11-21T18:00:00", "2026-11-22"),
        ("Europe/Berlin", 2, "2026-03-29T01:00:00", "2026-03-29"),
    ],
    ids=[
        *("before", "on the hour", "the same evening", "midnight", "before, in a zone"),
        *("on the hour, in a zone", "summer", "the day before in UTC", "an hour that is not"),
    ],
)
def test_it_is_due_from_the_hour_on_in_the_sites_zone(
    settings: Settings, zone: str, hour: int, now: str, day: str | None
) -> None:
    settings.SITE_ZONE, settings.DIGEST_HOUR = ZoneInfo(zone), hour
    due = digests.today(datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert (due.isoformat() if due else None) == day


def test_a_crash_before_the_end_leaves_nothing_half_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: Any, **__: Any) -> bool:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put", die)
        with pytest.raises(SystemExit):
            issue()
    assert not DailyDigest.objects.exists()
    assert issue() == ["Test cloud: nothing needs you"]


# --- What it says ---------------------------------------------------------------------------------
def test_the_mail_is_short_however_much_there_is_and_leads_to_the_list(settings: Settings) -> None:
    settings.SITE_URL = "https://pciops.cloud.example"
    for number in range(60):
        make_locked_user(f"user{number:02}", at=NOW - HOUR / 4)
    letter = digests.write(cloud())

    for text in (letter.text, letter.html):
        assert text.count("locked at") <= NAMED + 1
        assert "40 more" in text
        assert "https://pciops.cloud.example/accounts/?state=locked" in text


def test_without_the_address_of_the_site_there_is_no_link() -> None:
    make_locked_user("lou", at=NOW - HOUR / 4)
    letter = digests.write(cloud())

    assert "http" not in letter.text + letter.html


@pytest.mark.parametrize(
    "name",
    [
        "ann\r\nBcc: all@example.test",
        "ann\n\nNEW LOCKS: 0",
        "<script>alert(1)</script>",
        "\u202eevil\u2066",
        "{{ cloud }}{% include 'x' %}",
        "a" * 255,
    ],
)
def test_a_hostile_name_adds_no_line_and_no_markup(name: str) -> None:
    make_locked_user(name, at=NOW - HOUR / 4, domain_name=name[:64])
    letter = digests.write(digests.preview(Domain(id="default", name=name), policy=POLICY, now=NOW))

    assert letter.subject.isprintable()
    assert all(line.isprintable() for line in letter.text.splitlines())
    assert not any(line.startswith(("Bcc:", "NEW LOCKS: 0")) for line in letter.text.splitlines())
    assert "<script>" not in letter.html


def test_a_template_of_the_sites_takes_the_place_of_ours(
    settings: Settings, tmp_path: Path
) -> None:
    settings.NOTICE_TEMPLATES = str(tmp_path)
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "subject.txt").write_text("Guten Morgen, {{ cloud }}")
    (tmp_path / "digest" / "body.html").write_text("{% if %}")

    assert digests.write(cloud()).subject == "Guten Morgen, Test cloud"
    assert "digest/body.html" in str(*rendering.broken())


def test_nothing_to_say_is_said_in_a_sentence() -> None:
    letter = digests.write(cloud())

    assert letter.subject == "Test cloud: nothing needs you"
    assert "Nothing needs you: no account was locked" in letter.text
