"""Mails to those who run the cloud: written once, handed in once, kept until they are."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from pciops.lib import outbox, tasks
from pciops.lib.env import MailServer
from pciops.lib.mail import Attachment, Letter
from pciops.lib.models import OwedMail
from pciops.lib.outbox import Handed
from pciops.lib.post import Answer, Verdict
from tests.factories import NOW
from tests.notices.letterbox import Letterbox, open_letterbox

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
AWAY = MailServer(host="127.0.0.1", port=1, tls="none")
LETTER = Letter(subject="Digest", text="Nothing.\n", html="<p>Nothing.</p>")


@pytest.fixture(autouse=True)
def box(settings: Settings) -> Iterator[Letterbox]:
    """The server that mails go to."""
    settings.MAIL_FROM = "pciops <pciops@cloud.example>"
    with open_letterbox() as box:
        settings.MAIL_SERVER = box.server
        yield box


def put(about: str = "digest 2026-11-22", to: str = "ops@cloud.example", **facts: Any) -> bool:
    return outbox.put(
        facts.pop("letter", LETTER), about=about, to=to, now=NOW, good_for=DAY, **facts
    )


def send(now: datetime = NOW) -> Handed:
    return outbox.send_due(clock=lambda: now)


def test_a_mail_is_handed_in_as_it_was_written(box: Letterbox) -> None:
    put(reply_to="help@cloud.example")
    send()
    [mail] = box.mails

    assert (mail["To"], mail["Subject"], mail["Reply-To"]) == (
        "ops@cloud.example",
        "Digest",
        "help@cloud.example",
    )


def test_files_go_along(box: Letterbox) -> None:
    put(attachments=[Attachment(name="a.csv", type="text/csv", content=b"1,2\r\n" * 50_000)])
    send()
    [file] = box.mails[0].iter_attachments()

    assert file.get_payload(decode=True) == b"1,2\r\n" * 50_000


def test_a_second_one_about_the_same_adds_nothing(box: Letterbox) -> None:
    assert put()
    assert not put(letter=Letter(subject="Another", text="", html=""))
    send()
    assert not put()
    send()

    assert [mail["Subject"] for mail in box.mails] == ["Digest"]


@pytest.mark.parametrize(
    "other",
    [{"about": "digest 2026-11-23"}, {"to": "eve@cloud.example"}, {"domain_id": "customers"}],
    ids=["another day", "another address", "another domain"],
)
def test_what_is_another_is_a_mail_of_its_own(other: dict[str, str], box: Letterbox) -> None:
    put()
    put(**other)
    send()

    assert len(box.mails) == 2


def test_what_was_sent_keeps_the_answer_and_not_the_content() -> None:
    put()
    handed = send()
    owed = OwedMail.objects.get()

    assert (handed.sent, handed.problem) == (1, "")
    assert (owed.status, owed.settled_at, owed.attempts) == ("sent", NOW, 1)
    assert owed.answer == "250 queued as 4711"
    assert bytes(owed.content) == b""


def test_a_refused_address_keeps_no_other_mail_back(box: Letterbox) -> None:
    box.answers["gone@cloud.example"] = "550 no such user"
    put(to="gone@cloud.example")
    put()
    handed = send()

    assert (handed.sent, handed.refused) == (1, 1)
    assert OwedMail.objects.get(to="gone@cloud.example").answer == "550 no such user"
    assert [owed.to for owed in outbox.failed(since=NOW - DAY, scope=None, limit=9)] == [
        "gone@cloud.example"
    ]


def test_what_is_put_off_goes_out_later_with_the_same_message_id(box: Letterbox) -> None:
    put()
    before = OwedMail.objects.get().message_id
    box.answers["ops@cloud.example"] = "451 try again"
    assert send().later == 1
    assert send(NOW + MINUTE / 2).later == 0

    box.answers.clear()
    send(NOW + MINUTE)
    assert [mail["Message-ID"] for mail in box.mails] == [before]


def test_without_a_server_that_answers_all_stays_due_and_the_reason_is_kept(
    settings: Settings, box: Letterbox
) -> None:
    put()
    settings.MAIL_SERVER = AWAY
    problem = send().problem
    owed = OwedMail.objects.get()

    assert problem == "127.0.0.1:1 (none): Connection refused"
    assert (owed.status, owed.attempts, owed.answer) == ("planned", 0, problem)
    settings.MAIL_SERVER = box.server
    assert send().sent == 1


@pytest.mark.parametrize(
    ("server", "reason"),
    [(AWAY, "127.0.0.1:1 (none): Connection refused"), (None, outbox.NO_SERVER)],
    ids=["away", "not set"],
)
def test_what_nobody_takes_in_its_time_is_given_up_with_the_reason(
    settings: Settings, server: MailServer | None, reason: str
) -> None:
    put()
    settings.MAIL_SERVER = server
    send(NOW + DAY - MINUTE)
    handed = send(NOW + DAY)
    owed = OwedMail.objects.get()

    assert (handed.given_up, handed.problem) == (1, "")
    assert (owed.status, owed.settled_at, owed.answer) == ("given_up", NOW + DAY, reason)


def test_who_dies_with_a_claim_loses_nothing(box: Letterbox) -> None:
    put()
    assert outbox._claim(NOW) is not None
    assert send(NOW + outbox.LEASE - MINUTE) == Handed()
    assert send(NOW + outbox.LEASE).sent == 1


def test_who_comes_back_late_changes_nothing(box: Letterbox) -> None:
    put()
    late = outbox._claim(NOW)
    assert late is not None
    send(NOW + outbox.LEASE)
    handed = Handed()
    outbox._write_down(late, Answer(Verdict.REFUSED, "550"), handed, NOW)

    assert OwedMail.objects.get().status == "sent"
    assert handed == Handed()


def test_two_workers_never_claim_the_same(box: Letterbox) -> None:
    put()
    put(to="eve@cloud.example")
    claimed = [outbox._claim(NOW), outbox._claim(NOW)]

    assert {owed.to for owed in claimed if owed} == {"ops@cloud.example", "eve@cloud.example"}
    assert outbox._claim(NOW) is None


def test_an_operator_of_one_domain_sees_its_mails_alone() -> None:
    put()
    put(domain_id="customers")

    assert len(outbox.about(["digest 2026-11-22"], scope=None)) == 2
    assert [one.domain_id for one in outbox.about(["digest 2026-11-22"], scope="customers")] == [
        "customers"
    ]


def test_what_ended_long_ago_is_forgotten() -> None:
    put()
    send()
    outbox.forget(NOW + outbox.KEPT)
    assert OwedMail.objects.count() == 1
    outbox.forget(NOW + outbox.KEPT + MINUTE)

    assert OwedMail.objects.count() == 0


def test_the_task_says_what_it_did(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pciops")
    tasks.send_mails()
    assert caplog.text == ""
    put_now()
    tasks.send_mails()

    assert "1 sent, 0 refused, 0 put off, 0 given up" in caplog.text


def test_the_task_says_why_it_cannot(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    put_now()
    settings.MAIL_SERVER = AWAY
    tasks.send_mails()

    assert "are not sent: 127.0.0.1:1 (none): Connection refused" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_database_of_ours_that_fails_is_an_error_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE lib_owedmail RENAME TO elsewhere")
    tasks.send_mails()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO lib_owedmail")

    assert "pciops' own database fails" in caplog.text


def put_now() -> None:
    """A mail that is due by the clock on the wall."""
    now = datetime.now(NOW.tzinfo)
    outbox.put(LETTER, about="digest", to="ops@cloud.example", now=now, good_for=DAY)
