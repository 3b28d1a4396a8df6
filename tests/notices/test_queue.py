"""The queue of messages: claims, settling, and workers that die."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from pytest_django import DjangoAssertNumQueries

from pciops.keystone.models import User
from pciops.lib import claims
from pciops.notices import candidates, plan, rules, send
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
from tests.factories import NOW, POLICY
from tests.notices.queued import build_notice, claim, make_due, notice, send_all
from tests.notices.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db(databases=["default", "keystone"])
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
MAIL = RenderedMail(subject="Digest", text="", html="")


@pytest.mark.parametrize("model", [Notice, OperatorMail, WebhookCall])
def test_a_message_of_a_dead_worker_is_claimed_again_after_its_lease(
    model: type[QueuedMessage],
) -> None:
    build_notice().save()
    operator_mail.put(MAIL, about="a", to="ops@cloud.example", now=NOW, good_for=DAY)
    WebhookCall.objects.create(about="storm 7", body="", raised_at=NOW, next_attempt_at=NOW)

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
    accounts_of = candidates.accounts_of

    def claim_meanwhile(user_ids: Any) -> Any:
        claim()
        return accounts_of(user_ids)

    monkeypatch.setattr(candidates, "accounts_of", claim_meanwhile)
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


def test_settling_takes_one_transaction_of_one_statement(
    smtp_server: SmtpServer, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_due("ann")
    [claimed] = claim()

    with django_assert_num_queries(3):  # savepoint, update, release
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

    statuses = Notice.objects.values_list("status", flat=True)
    assert sorted(statuses) == ["planned", "sent", "sent"]
    assert Notice.objects.filter(claimed_until=None).count() == 3
