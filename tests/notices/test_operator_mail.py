"""Mails to operators: stored once, sent once, kept until they are sent."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from pciops.lib.env import MailServer
from pciops.notices import tasks
from pciops.notices.mail import operator_mail
from pciops.notices.mail.message import Attachment, RenderedMail
from pciops.notices.mail.queue import SendResult
from pciops.notices.mail.transport import NO_SERVER
from pciops.notices.models import OperatorMail
from tests.factories import NOW
from tests.notices.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
DOWN = MailServer(host="127.0.0.1", port=1, tls="none")
MAIL = RenderedMail(subject="Digest", text="Nothing.\n", html="<p>Nothing.</p>")


@pytest.fixture(autouse=True)
def server(smtp_server: SmtpServer) -> SmtpServer:
    return smtp_server


def put(about: str = "digest 2026-11-22", to: str = "ops@cloud.example", **facts: Any) -> bool:
    facts = {"mail": MAIL, "now": NOW, "good_for": DAY, **facts}
    return operator_mail.put(facts.pop("mail"), about=about, to=to, **facts)


def send(now: datetime = NOW) -> SendResult:
    return operator_mail.send_due(clock=lambda: now)


def test_a_mail_is_sent_as_it_was_written(server: SmtpServer) -> None:
    file = Attachment(name="a.csv", type="text/csv", content=b"1,2\r\n" * 50_000)
    put(reply_to="help@cloud.example", attachments=[file])
    send()
    [mail] = server.mails
    [part] = mail.iter_attachments()

    assert (mail["To"], mail["Subject"]) == ("ops@cloud.example", "Digest")
    assert mail["Reply-To"] == "help@cloud.example"
    assert part.get_payload(decode=True) == file.content


def test_a_second_mail_with_the_same_key_adds_nothing(server: SmtpServer) -> None:
    assert put()
    assert not put(mail=RenderedMail(subject="Another", text="", html=""))
    send()
    assert not put()
    send()

    assert [mail["Subject"] for mail in server.mails] == ["Digest"]


@pytest.mark.parametrize(
    "other",
    [{"about": "digest 2026-11-23"}, {"to": "eve@cloud.example"}, {"domain_id": "customers"}],
    ids=["another day", "another address", "another domain"],
)
def test_a_mail_with_another_key_is_sent_too(other: dict[str, str], server: SmtpServer) -> None:
    put()
    put(**other)
    send()

    assert len(server.mails) == 2


def test_a_sent_mail_keeps_the_reply_and_not_the_content() -> None:
    put()
    result = send()
    mail = OperatorMail.objects.get()

    assert (str(result), result.problem) == ("1 sent, 0 refused, 0 deferred, 0 given up", "")
    assert (mail.status, mail.settled_at, mail.attempts) == ("sent", NOW, 1)
    assert mail.answer == "250 queued as 4711"
    assert bytes(mail.content) == b""


def test_a_refused_address_does_not_stop_other_mails(server: SmtpServer) -> None:
    server.replies["gone@cloud.example"] = "550 no such user"
    put(to="gone@cloud.example")
    put()

    assert str(send()) == "1 sent, 1 refused, 0 deferred, 0 given up"
    [failed] = operator_mail.failed(since=NOW - DAY, scope=None, limit=9)
    assert (failed.to, failed.answer) == ("gone@cloud.example", "550 no such user")


def test_a_deferred_mail_is_sent_later_with_the_same_message_id(server: SmtpServer) -> None:
    put()
    before = OperatorMail.objects.get().message_id
    server.replies["ops@cloud.example"] = "451 try again"
    assert send().deferred == 1
    assert send(NOW + MINUTE / 2) == SendResult()

    server.replies.clear()
    send(NOW + MINUTE)
    assert [mail["Message-ID"] for mail in server.mails] == [before]


def test_while_the_server_is_down_mails_stay_due_with_the_reason(
    settings: Settings, server: SmtpServer
) -> None:
    put()
    settings.MAIL_SERVER = DOWN
    problem = send().problem
    mail = OperatorMail.objects.get()

    assert problem == "127.0.0.1:1 (none): Connection refused"
    assert (mail.status, mail.attempts, mail.answer) == ("planned", 0, problem)
    settings.MAIL_SERVER = server.address
    assert send().settled["sent"] == 1


@pytest.mark.parametrize(
    ("server_down", "reason"),
    [(DOWN, "127.0.0.1:1 (none): Connection refused"), (None, NO_SERVER)],
    ids=["down", "not set"],
)
def test_a_mail_that_is_not_sent_in_its_time_is_given_up_with_the_reason(
    settings: Settings, server_down: MailServer | None, reason: str
) -> None:
    put()
    settings.MAIL_SERVER = server_down
    send(NOW + DAY - MINUTE)
    result = send(NOW + DAY)
    mail = OperatorMail.objects.get()

    assert (result.settled["given_up"], result.problem) == (1, "")
    assert (mail.status, mail.settled_at, mail.answer) == ("given_up", NOW + DAY, reason)


def test_an_operator_of_one_domain_sees_its_mails_only() -> None:
    put()
    put(domain_id="customers")
    keys = ["digest 2026-11-22"]

    assert len(operator_mail.about(keys, scope=None)) == 2
    assert [mail.domain_id for mail in operator_mail.about(keys, scope="customers")] == [
        "customers"
    ]


def test_old_mails_are_deleted() -> None:
    put()
    send()
    operator_mail.forget(NOW + operator_mail.KEPT)
    assert OperatorMail.objects.count() == 1
    operator_mail.forget(NOW + operator_mail.KEPT + MINUTE)

    assert OperatorMail.objects.count() == 0


# --- The task -------------------------------------------------------------------------------------
def put_now() -> None:
    put(now=datetime.now(NOW.tzinfo))


def test_the_task_logs_what_it_did(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pciops")
    tasks.send_operator_mails()
    assert caplog.text == ""
    put_now()
    tasks.send_operator_mails()

    assert "1 sent, 0 refused, 0 deferred, 0 given up" in caplog.text


def test_the_task_logs_why_it_cannot_send(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    put_now()
    settings.MAIL_SERVER = DOWN
    tasks.send_operator_mails()

    assert "127.0.0.1:1 (none): Connection refused" in caplog.text


@pytest.mark.usefixtures("unguarded")
def test_a_database_error_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE lib_owedmail RENAME TO elsewhere")
    tasks.send_operator_mails()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE elsewhere RENAME TO lib_owedmail")

    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "notices.operator_mails" in caplog.text
