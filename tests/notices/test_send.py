"""Sending of notices over SMTP on loopback: each once, and only if it still holds."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries, Settings

from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.keystone.models import User
from pciops.lib import claims
from pciops.lib.env import MailServer
from pciops.notices import plan, rendering, rules, send
from pciops.notices.mail import operator_mail, queue
from pciops.notices.mail.message import RenderedMail
from pciops.notices.mail.transport import (
    DeliveryOutcome,
    DeliveryResult,
    SmtpTransport,
    open_transport,
)
from pciops.notices.models import (
    Notice,
    NoticeStatus,
    OperatorMail,
    QueuedMessage,
    WebhookCall,
)
from tests.events.heard import keep
from tests.events.histories import stale_script
from tests.factories import NOW, POLICY, make_locked_user
from tests.live.wait import free_port
from tests.notices.queued import (
    build_notice,
    make_due,
    make_expiring,
    make_storm,
    notice,
    send_all,
)
from tests.notices.smtp_server import SmtpServer, smtp_server_running

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MAIL = RenderedMail(subject="Digest", text="", html="")


def claim(limit: int = 10, now: datetime = NOW) -> list[Notice]:
    """Claim as another worker does."""
    return queue.claim(Notice, now, limit=limit, claimed_at=now)


def statuses() -> list[str]:
    return sorted(Notice.objects.values_list("status", flat=True))


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
    assert [entry.what for entry in notice().history] == ["Planned", "Tried, and put off", "Sent"]


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
        patched.setattr(plan, "accounts_of", fail)
        with pytest.raises(KeystoneDatabaseDownError):
            send_all()
    assert (notice().status, smtp_server.mails) == (NoticeStatus.PLANNED, [])

    send_all()
    assert smtp_server.recipients == ["ann@example.test"]


# --- Claims ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("model", [Notice, OperatorMail, WebhookCall])
def test_a_message_of_a_dead_worker_is_claimed_again_after_its_lease(
    model: type[QueuedMessage],
) -> None:
    build_notice().save()
    operator_mail.put(MAIL, about="a", to="ops@cloud.example", now=NOW, good_for=DAY)
    WebhookCall.objects.create(storm=make_storm(), body="", raised_at=NOW, next_attempt_at=NOW)

    for after, number in ((timedelta(0), 1), (queue.LEASE - MINUTE, 0), (queue.LEASE, 1)):
        assert len(queue.claim(model, NOW + after, limit=9)) == number


def test_the_review_leaves_claimed_notices_to_their_worker(sender: None) -> None:
    make_due("ann")
    claim()
    User.objects.using("keystone").update(enabled=False)

    assert plan.review(policy=POLICY, book=rules.current(), now=NOW) == 0
    assert plan.review(policy=POLICY, book=rules.current(), now=NOW + queue.LEASE) == 1


def test_a_notice_that_is_claimed_during_a_review_is_not_canceled(
    sender: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann")
    User.objects.using("keystone").update(enabled=False)
    accounts_of = plan.accounts_of

    def claim_meanwhile(user_ids: Any) -> Any:
        claim()
        return accounts_of(user_ids)

    monkeypatch.setattr(plan, "accounts_of", claim_meanwhile)
    plan.review(policy=POLICY, book=rules.current(), now=NOW)

    assert notice().status == NoticeStatus.PLANNED


def test_a_worker_whose_lease_has_lapsed_changes_nothing(smtp_server: SmtpServer) -> None:
    make_due("ann")
    [late] = claim()
    send_all(NOW + queue.LEASE)
    result = queue.SendResult()
    for outcome in DeliveryOutcome:
        queue.settle(late, DeliveryResult(outcome, "late"), result, NOW)
    claims.release([late])

    assert result == queue.SendResult()
    assert (notice().status, notice().answer) == (NoticeStatus.SENT, "250 queued as 4711")
    assert smtp_server.recipients == ["ann@example.test"]


def test_each_mail_is_settled_before_the_next_is_sent(
    smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann", "bob", "cleo")
    settled: list[int] = []
    transport_send = SmtpTransport.send

    def watch(self: SmtpTransport, content: bytes, *, to: str) -> DeliveryResult:
        settled.append(Notice.objects.filter(status=NoticeStatus.SENT).count())
        return transport_send(self, content, to=to)

    monkeypatch.setattr(SmtpTransport, "send", watch)
    send_all()

    assert settled == [0, 1, 2]


def test_settling_takes_one_statement(
    smtp_server: SmtpServer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_due("ann")
    [claimed] = claim()

    with django_assert_num_queries(1):
        result = DeliveryResult(DeliveryOutcome.SENT, "250 OK")
        queue.settle(claimed, result, queue.SendResult(), NOW)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OperationalError])
def test_a_crash_before_the_settling_repeats_one_mail_with_the_same_message_id(
    smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    make_due("ann", "bob")

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(queue, "settle", fail)
        with pytest.raises(error):
            send_all()
    assert len(smtp_server.mails) == 1
    send_all()
    assert len(smtp_server.mails) == 2  # the other notice was released
    send_all(NOW + queue.LEASE)

    assert len(smtp_server.mails) == 3
    assert len({mail["Message-ID"] for mail in smtp_server.mails}) == 2


def test_a_batch_ends_before_its_lease_and_releases_the_rest(
    smtp_server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due("ann", "bob", "cleo")
    batch = claim()
    late = NOW + queue.LEASE - queue.MARGIN

    def clock() -> datetime:
        return late if len(smtp_server.mails) >= 2 else NOW

    with closing(open_transport()) as transport:
        send._send_batch(
            batch,
            transport,
            queue.SendResult(),
            policy=POLICY,
            book=rules.current(),
            clock=clock,
        )

    assert statuses() == ["planned", "sent", "sent"]
    assert Notice.objects.filter(claimed_until=None).count() == 3


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
    keep(user.id, stale_script())
    plan.by_lock(policy=POLICY, book=rules.current(), now=NOW)
    send_all()
    [mail] = smtp_server.mails
    text = mail.get_body(("plain",))

    assert text is not None
    assert "10.2.3.4" in text.get_content()
