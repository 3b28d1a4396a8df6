"""Sending of notices over SMTP on loopback: each once, and only if it still holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import User
from pciops.lib.env import MailServer
from pciops.notices import candidates, plan, rendering, rules, send
from pciops.notices.models import (
    Notice,
    NoticeStatus,
)
from tests.events.factories import save_attempts, stale_script
from tests.factories import NOW, POLICY, make_locked_user
from tests.notices.queued import (
    claim,
    make_due,
    make_expiring,
    notice,
    send_all,
)
from tests.notices.smtp_server import SmtpServer, smtp_server_running
from tests.support.processes import free_port

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
MINUTE = timedelta(minutes=1)


def test_each_notice_is_sent_once_and_keeps_the_reply(smtp_server: SmtpServer) -> None:
    make_due("ann", "bob")
    first, second = send_all(), send_all()

    assert smtp_server.recipients == ["ann@example.test", "bob@example.test"]
    assert (first.settled["sent"], second.settled.total()) == (2, 0)
    assert (notice().status, notice().answer) == (NoticeStatus.SENT, "250 queued as 4711")
    assert [entry.what for entry in notice().history] == ["Planned", "Sent"]
    assert {mail["Message-ID"] for mail in smtp_server.mails} == set(
        Notice.objects.values_list("message_id", flat=True)
    )


def test_without_a_server_notices_stay_due() -> None:
    make_due("ann")

    assert "PCIOPS_EMAIL_URL is not set" in send_all().problem
    assert notice().status == NoticeStatus.PLANNED


def test_a_server_that_is_down_costs_no_notice_an_attempt(settings: Settings, sender: None) -> None:
    port = free_port()
    settings.MAIL_SERVER = MailServer(host="127.0.0.1", port=port, tls="none")
    make_due("ann")

    assert "Connection refused" in send_all().problem
    assert (notice().status, notice().attempts) == (NoticeStatus.PLANNED, 0)

    with smtp_server_running(port) as server:
        send_all(NOW + MINUTE)

        assert server.recipients == ["ann@example.test"]


def test_a_refused_notice_is_not_attempted_again(smtp_server: SmtpServer) -> None:
    smtp_server.replies["ann@example.test"] = "550 5.1.1 no such user here"
    make_due("ann", "bob")
    send_all()
    send_all(NOW + timedelta(hours=2))

    assert smtp_server.recipients == ["bob@example.test"]
    assert notice().status == NoticeStatus.REFUSED
    assert notice().answer == "550 5.1.1 no such user here"


def test_a_deferred_notice_is_sent_later_with_the_same_message_id(smtp_server: SmtpServer) -> None:
    smtp_server.replies["ann@example.test"] = "450 4.2.1 greylisted"
    make_due("ann")
    planned = notice().message_id
    result = send_all()
    send_all(NOW + MINUTE / 2)
    smtp_server.replies.clear()
    send_all(NOW + MINUTE)

    assert result.deferred == 1
    assert [mail["Message-ID"] for mail in smtp_server.mails] == [planned]
    assert notice().attempts == 2
    assert [entry.what for entry in notice().history] == [
        "Planned",
        "Attempted, will be repeated",
        "Sent",
    ]


def test_a_language_that_changes_between_attempts_keeps_the_message_id(
    smtp_server: SmtpServer, settings: Settings
) -> None:
    smtp_server.replies["ann@example.test"] = "450 4.2.1 greylisted"
    make_due("ann")
    planned = notice().message_id
    send_all()
    settings.NOTICE_LANGUAGE = "de"
    smtp_server.replies.clear()
    send_all(NOW + MINUTE)

    [mail] = smtp_server.mails
    assert mail["Message-ID"] == planned
    assert "Ihr Passwort" in str(mail["Subject"])
    assert notice().status == NoticeStatus.SENT


def test_deferrals_wait_longer_each_time_for_a_day(smtp_server: SmtpServer) -> None:
    smtp_server.replies["ann@example.test"] = "450 mailbox full"
    make_due("ann")
    waits, now = [], NOW
    while notice().status == NoticeStatus.PLANNED:
        send_all(now)
        waits.append((notice().next_attempt_at - now) // MINUTE)
        now = notice().next_attempt_at

    assert waits[:6] == [1, 5, 15, 60, 60, 60]
    assert notice().settled_at == now >= NOW + timedelta(days=1)
    assert (notice().status, notice().answer) == (NoticeStatus.GIVEN_UP, "450 mailbox full")


def test_a_notice_that_cannot_be_rendered_does_not_stop_the_others(
    smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann", "bob")
    render = rendering.render_notice

    def fail_for_ann(row: Notice, **facts: Any) -> Any:
        if row.name == "ann":
            raise ZeroDivisionError("a bug")
        return render(row, **facts)

    monkeypatch.setattr(rendering, "render_notice", fail_for_ann)
    send_all()

    assert smtp_server.recipients == ["bob@example.test"]
    assert (notice().status, notice().attempts) == (NoticeStatus.PLANNED, 1)
    assert "a bug" in notice().answer


# --- Obsolete notices -----------------------------------------------------------------------------
def test_a_notice_that_became_obsolete_is_canceled(smtp_server: SmtpServer) -> None:
    make_due("ann", "bob")
    User.objects.using("keystone").filter(local_user__name="ann").update(enabled=False)
    result = send_all()

    assert smtp_server.recipients == ["bob@example.test"]
    assert result.settled["cancelled"] == 1
    assert (notice().status, notice().claimed_until) == (NoticeStatus.CANCELLED, None)


@pytest.mark.parametrize(
    ("email", "recipients", "status"),
    [
        ("new@example.test", ["new@example.test"], NoticeStatus.SENT),
        ("ann@bücher.example", ["ann@xn--bcher-kva.example"], NoticeStatus.SENT),
        ("用户@例子.example", ["用户@xn--fsqu00a.example"], NoticeStatus.SENT),
        ("ann", [], NoticeStatus.BAD_ADDRESS),
        ("", [], NoticeStatus.NO_ADDRESS),
    ],
)
def test_the_address_is_that_of_the_time_of_sending(
    smtp_server: SmtpServer, email: str, recipients: list[str], status: str
) -> None:
    make_due("ann")
    User.objects.using("keystone").update(extra=f'{{"email": "{email}"}}')
    send_all()

    assert smtp_server.recipients == recipients
    assert (notice().status, notice().claimed_until) == (status, None)


def test_nothing_is_sent_while_keystones_database_is_down(
    smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann")

    def fail(_: object) -> Any:
        raise KeystoneDatabaseDownError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(candidates, "accounts_of", fail)
        with pytest.raises(KeystoneDatabaseDownError):
            send_all()
    assert (notice().status, smtp_server.mails) == (NoticeStatus.PLANNED, [])

    send_all()
    assert smtp_server.recipients == ["ann@example.test"]


# --- The rate -------------------------------------------------------------------------------------
def send_at_rate(
    settings: Settings, clock: Callable[[], datetime], pause: Callable[[float], object]
) -> None:
    """Send five notices at two a minute."""
    settings.NOTICE_RATE = 2
    make_due("ann", "bob", "cleo", "dan", "eve")
    send.send_due(policy=POLICY, book=rules.current(), clock=clock, pause=pause)


def test_no_more_notices_are_sent_in_a_minute_than_the_rate_allows(
    smtp_server: SmtpServer, settings: Settings
) -> None:
    now, sent = NOW, []

    def pause(seconds: float) -> None:
        nonlocal now
        sent.append(len(smtp_server.mails))
        now += timedelta(seconds=20 * seconds)

    send_at_rate(settings, lambda: now, pause)

    assert sent == [2, 2, 2, 4, 4, 4]
    assert len(smtp_server.mails) == 5


def test_two_workers_that_claim_at_once_do_not_exceed_the_rate(
    smtp_server: SmtpServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, sent, allowed = NOW, [], send._allowed

    def claim_meanwhile(at: datetime) -> int:
        """Claim as another worker between our count and our claim."""
        number = allowed(at)
        monkeypatch.undo()
        claim(2, at)
        return number

    def pause(_: float) -> None:
        nonlocal now
        sent.append(len(smtp_server.mails))
        now += MINUTE

    monkeypatch.setattr(send, "_allowed", claim_meanwhile)
    send_at_rate(settings, lambda: now, pause)

    assert sent == [0, 2]
    assert len(smtp_server.mails) == 3


# --- Content --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "name", ["ann\r\nBcc: all@example.test", "\u202eevil", "x" * 255, "Doe, John <j@example.test>"]
)
def test_a_hostile_name_adds_no_recipient(smtp_server: SmtpServer, name: str) -> None:
    make_expiring(name, email="ann@example.test")
    plan.by_date(policy=POLICY, book=rules.current(), now=NOW)
    send_all()

    assert smtp_server.recipients == ["ann@example.test"]
    assert [(mail["To"], mail["Bcc"]) for mail in smtp_server.mails] == [("ann@example.test", None)]


def test_the_mail_about_a_lock_names_the_reported_address(smtp_server: SmtpServer) -> None:
    user = make_locked_user(at=NOW, email="ann@example.test")
    save_attempts(user.id, stale_script())
    plan.by_lock(policy=POLICY, book=rules.current(), now=NOW)
    send_all()
    [mail] = smtp_server.mails
    text = mail.get_body(("plain",))

    assert text is not None
    assert "10.2.3.4" in text.get_content()
