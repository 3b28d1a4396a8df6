"""Digests from tables to mails: sources, recipients, and one digest a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections
from pytest_django import Settings

from pciops.accounts.selectors import Domain
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import jobs
from pciops.notices import digests, rendering
from pciops.notices.digest_content import NAMED, Digest
from pciops.notices.mail import operator_mail
from pciops.notices.models import DailyDigest, OperatorMail
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
JOBS = digests.JOBS


@pytest.fixture(autouse=True)
def recipients(settings: Settings) -> None:
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example",)


@pytest.fixture(autouse=True)
def no_timetable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "JOBS", {})


@pytest.fixture
def contacts(settings: Settings, tmp_path: Path) -> None:
    """A contact of the domain `Shops`."""
    path = tmp_path / "domains.toml"
    path.write_text('[Shops]\ncontacts = ["desk@shops.example"]\n')
    settings.NOTICE_DOMAINS = str(path)


def cloud(now: datetime = NOW) -> Digest:
    """Return the cloud's digest as it would be now."""
    return digests.preview(None, policy=POLICY, now=now)


def write(now: datetime = NOW, day: date = TODAY, **facts: Any) -> list[str]:
    """Write what is due; return the subjects."""
    written = digests.write_due(policy=POLICY, now=now, day=day, **facts)
    return [row.subject for row in written]


def send(now: datetime = NOW) -> None:
    operator_mail.send_due(clock=lambda: now)


def make_locked(name: str = "lou", ago: timedelta = HOUR / 2, domain: Domain | None = None) -> None:
    facts = {"domain_id": domain.id, "domain_name": domain.name} if domain else {}
    make_locked_user(name, at=NOW - ago, **facts)


# --- Sources --------------------------------------------------------------------------------------
def test_locks_attacks_and_privileged_accounts_are_read_from_keystones_tables() -> None:
    row = PasswordRow(created_at=NOW - 80 * DAY, expires_at=NOW + 2 * DAY)
    make_locked("lou")
    make_locked("old", 3 * DAY)
    make_user("eve", failed_auth_count=99, failed_auth_at=NOW - HOUR, options={"1002": True})
    nova = make_user("nova", passwords=[row], last_active_at=TODAY)
    grant(nova, "service", on=make_project())
    make_user("expires too", passwords=[row])
    digest = cloud()

    assert [line.name for line in digest.locks.lines] == ["“lou”"]
    assert [line.name for line in digest.attacked.lines] == ["“eve”"]
    assert [(line.name, line.kinds) for line in digest.coming.lines] == [
        ("“nova”", "service account")
    ]


def test_locked_administrators_come_first() -> None:
    grant(make_locked_user("root", at=NOW - HOUR / 4), "admin", on=make_project())
    make_locked("ann", HOUR / 8)
    digest = cloud()

    assert [(line.name, line.kinds) for line in digest.locks.lines] == [
        ("“root”", "administrator"),
        ("“ann”", ""),
    ]
    assert (digest.locked_now, digest.locks.of_kind) == (2, 1)


def test_chunks_leave_no_account_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "CHUNK", 3)
    for number in range(NAMED + 5):
        make_locked(f"user{number}")
    locks = cloud().locks

    assert (locks.total, locks.hidden) == (NAMED + 5, 5)


def test_failed_notices_are_reported_with_the_reply() -> None:
    reply = "550 5.1.1 no such user"
    build_notice(name="bob", status="refused", answer=reply, settled_at=NOW - HOUR).save()
    build_notice(status="refused", answer=reply, settled_at=NOW - 2 * DAY).save()
    build_notice(status="sent", settled_at=NOW - HOUR).save()
    build_notice(status="no_address", email="", planned_at=NOW - HOUR).save()
    digest = cloud()
    [line] = digest.failed.lines

    assert (digest.failed.total, digest.unaddressed, line.name) == (1, 1, "“bob”")
    for term in ("“ann@example[.]test”", "refused", "22 Nov 2026, 13:02:11 UTC", reply):
        assert term in line.words


def test_a_digest_that_was_given_up_is_reported_by_the_next(settings: Settings) -> None:
    write()
    settings.MAIL_SERVER = None
    send()
    send(NOW + DAY)
    [line] = cloud(NOW + DAY + HOUR).failed.lines

    assert line.name == "ops@cloud.example"
    assert "given up" in line.words
    assert "PCIOPS_EMAIL_URL is not set" in line.words


def test_gaps_of_the_timetable_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "JOBS", JOBS)
    for ago in (26, 20, 3, 2, 1, 0):
        for job in ("census", "notices.plan"):
            run = jobs.claim(job, NOW - ago * HOUR, now=NOW, lease=HOUR)
            assert run is not None
            if job == "notices.plan":
                jobs.finish(run, NOW)
    census, planning, locks = cloud().gaps

    assert census.startswith("The census did not run between 21 Nov 2026, 14:02")  # unfinished
    assert planning.startswith("The planning of notices did not run between 21 Nov 2026, 18:02")
    assert locks.startswith("The look for locks did not run between 21 Nov 2026, 14:02")


def test_while_keystones_database_is_down_nothing_is_written() -> None:
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE local_user RENAME TO elsewhere")
    with pytest.raises(KeystoneDatabaseDownError):
        write()
    with connections["keystone"].cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO local_user")

    assert not DailyDigest.objects.exists()
    assert write()


# --- Recipients and times -------------------------------------------------------------------------
def test_the_clouds_digest_is_sent_once_a_day_to_the_operators(smtp_server: SmtpServer) -> None:
    make_locked()
    assert write() == ["Test cloud: 1 new lock, 22 Nov 2026"]
    assert write(NOW + HOUR) == []
    send()

    assert smtp_server.recipients == ["ops@cloud.example"]
    assert [mail["Subject"] for mail in smtp_server.mails] == [
        "Test cloud: 1 new lock, 22 Nov 2026"
    ]


def test_the_next_digest_begins_at_the_last_one() -> None:
    write()
    make_locked(ago=-HOUR)
    tomorrow = NOW + DAY + HOUR / 2
    digest = cloud(tomorrow)

    assert (digest.since, digest.locks.total) == (NOW, 1)
    assert len(write(tomorrow, TODAY + DAY)) == 1


@pytest.mark.parametrize(
    ("refused", "since"),
    [
        (["gone@cloud.example"], NOW),
        (["gone@cloud.example", "ops@cloud.example"], NOW + DAY - digests.LONGEST_SPAN),
    ],
    ids=["one recipient has it", "no recipient has it"],
)
def test_the_next_digest_begins_at_the_last_one_that_reached_a_recipient(
    settings: Settings, smtp_server: SmtpServer, refused: list[str], since: datetime
) -> None:
    settings.DIGEST_RECIPIENTS = ("ops@cloud.example", "gone@cloud.example")
    make_locked()
    write()
    smtp_server.replies.update(dict.fromkeys(refused, "550 no such user"))
    send()
    digest = cloud(NOW + DAY)

    assert digest.since == since
    assert digest.locks.total == (0 if since == NOW else 1)


@pytest.mark.parametrize(("days", "back"), [(3, 3), (30, 7)])
def test_a_digest_looks_back_a_week_at_most(days: int, back: int) -> None:
    write()
    now = NOW + days * DAY

    assert cloud(now).since == now - back * DAY


@pytest.mark.usefixtures("contacts")
def test_a_domains_digest_is_sent_to_its_contacts_and_has_its_accounts_only(
    smtp_server: SmtpServer,
) -> None:
    make_locked("ours", domain=SHOPS)
    make_locked("theirs")
    write()
    send()
    mails = {mail["To"]: mail for mail in smtp_server.mails}
    body = mails["desk@shops.example"].get_body(("plain",))
    assert body is not None

    assert mails["ops@cloud.example"]["Subject"] == "Test cloud: 2 new locks, 22 Nov 2026"
    assert (
        mails["desk@shops.example"]["Subject"]
        == "Test cloud, domain “Shops”: 1 new lock, 22 Nov 2026"
    )
    assert "ours" in body.get_content()
    assert "theirs" not in body.get_content()


@pytest.mark.usefixtures("contacts")
def test_an_empty_digest_of_a_domain_is_not_sent() -> None:
    make_user("quiet", domain_id="shops", domain_name="Shops")
    write()
    row = DailyDigest.objects.get(domain_id="shops")

    assert (row.empty, row.mails) == (True, 0)
    assert [mail.to for mail in OperatorMail.objects.all()] == ["ops@cloud.example"]


@pytest.mark.usefixtures("contacts")
def test_the_digest_of_one_domain_can_be_written() -> None:
    make_locked("ours", domain=SHOPS)

    assert write(only=SHOPS) == ["Test cloud, domain “Shops”: 1 new lock, 22 Nov 2026"]
    assert write() == ["Test cloud: 1 new lock, 22 Nov 2026"]


@pytest.mark.parametrize("is_sent", [True, False])
def test_the_settings_say_whether_an_empty_digest_is_sent(
    settings: Settings, is_sent: bool
) -> None:
    settings.DIGEST_EMPTY = is_sent

    assert len(write()) == 1
    assert OperatorMail.objects.exists() is is_sent


def test_without_recipients_nothing_is_written(settings: Settings) -> None:
    settings.DIGEST_RECIPIENTS = ()

    assert write() == []
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
def test_digests_are_due_from_the_hour_in_the_sites_zone(
    settings: Settings, zone: str, hour: int, now: str, day: str | None
) -> None:
    settings.SITE_ZONE, settings.DIGEST_HOUR = ZoneInfo(zone), hour
    due = digests.due_day(datetime.fromisoformat(now).replace(tzinfo=UTC))

    assert (due.isoformat() if due else None) == day


def test_a_crash_while_mails_are_queued_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> bool:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(operator_mail, "put", fail)
        with pytest.raises(SystemExit):
            write()
    assert not DailyDigest.objects.exists()
    assert len(write()) == 1


# --- Rendering ------------------------------------------------------------------------------------
def test_the_mail_is_short_and_links_to_the_list(settings: Settings) -> None:
    settings.SITE_URL = "https://pciops.cloud.example"
    for number in range(60):
        make_locked(f"user{number:02}")
    mail = digests.render(cloud())

    for text in (mail.text, mail.html):
        assert text.count("locked at") <= NAMED + 1
        assert "40 more" in text
        assert "https://pciops.cloud.example/accounts/?state=locked" in text


def test_without_the_url_of_the_site_there_is_no_link() -> None:
    make_locked()
    mail = digests.render(cloud())

    assert "http" not in mail.text + mail.html


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
    mail = digests.render(digests.preview(Domain(id="default", name=name), policy=POLICY, now=NOW))
    lines = mail.text.splitlines()

    assert mail.subject.isprintable()
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith(("Bcc:", "NEW LOCKS: 0")) for line in lines)
    assert "<script>" not in mail.html


def test_a_template_of_the_site_replaces_the_built_in_one(
    settings: Settings, tmp_path: Path
) -> None:
    settings.NOTICE_TEMPLATES = str(tmp_path)
    (tmp_path / "digest").mkdir()
    (tmp_path / "digest" / "subject.txt").write_text("Guten Morgen, {{ cloud }}")
    (tmp_path / "digest" / "body.html").write_text("{% if %}")

    assert digests.render(cloud()).subject == "Guten Morgen, Test cloud"
    assert "digest/body.html" in rendering.broken_templates()[0]


def test_an_empty_digest_says_so() -> None:
    mail = digests.render(cloud())

    assert "nothing needs attention" in mail.subject
    assert "No account was locked" in mail.text
