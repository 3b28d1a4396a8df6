"""Sending of notices, at most PCIOPS_NOTICE_RATE a minute, each only if it still holds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from pciops.accounts.policy.policy import Policy
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.diagnosis.selectors import AttemptOrigin
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib import claims
from pciops.notices import plan, rendering
from pciops.notices.mail import message, queue, recipients
from pciops.notices.mail.queue import Clock, SendResult
from pciops.notices.mail.transport import (
    REPLY_LENGTH,
    DeliveryOutcome,
    DeliveryResult,
    MailServerDown,
    MailTransport,
    open_transport,
)
from pciops.notices.models import FAILED, Notice, NoticeKind, NoticeStatus
from pciops.notices.rules import RuleBook

BATCH: Final = 100  # notices that are claimed and checked together
MINUTE: Final = timedelta(minutes=1)
CROWD: Final = 20  # workers that may claim at the same moment

log = logging.getLogger(__name__)


def send_due(
    *,
    policy: Policy,
    book: RuleBook,
    clock: Clock,
    until: datetime | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> SendResult:
    """Send what is due until nothing is, or until a time.

    Raises:
        KeystoneDatabaseDownError: nothing is sent that may no longer hold.
    """
    result = SendResult()
    if settings.MAIL_SERVER is None:
        result.problem = "PCIOPS_EMAIL_URL is not set: what is due stays due"
        return result
    try:
        with closing(open_transport()) as transport:
            while (until is None or clock() < until) and _is_due(clock()):
                if batch := _claim(clock()):
                    _send_batch(batch, transport, result, policy=policy, book=book, clock=clock)
                else:
                    transport.close()
                    pause(1)
    except MailServerDown as error:
        result.problem = str(error)
    return result


def send_again(notice: Notice, *, by: str, now: datetime) -> bool:
    """Make a failed notice due; return False if it has not failed."""
    failed = Notice.objects.filter(pk=notice.pk, status__in=FAILED)
    if not failed.update(
        status=NoticeStatus.PLANNED, next_attempt_at=now, give_up_at=None, settled_at=None
    ):
        return False
    notice.events.create(at=now, what=notice.get_status_display(), words=notice.answer)
    words = f"requested by {by}"[:REPLY_LENGTH]
    notice.events.create(at=now, what="To be sent again", words=words)
    return True


def _is_due(now: datetime) -> bool:
    return queue.due(Notice, now).filter(claims.unclaimed(now)).exists()


def _claim(now: datetime) -> list[Notice]:
    """Claim a batch, as far as the rate of all workers together allows."""
    allowed = _allowed(now)
    if allowed <= 0:
        return []
    limit = min(BATCH, allowed)
    batch = queue.claim(Notice, now, limit=limit, claimed_at=now)
    if allowed < CROWD * BATCH and (excess := -_allowed(now)) > 0:  # others claimed meanwhile
        claims.release(batch[-excess:], claimed_at=None)
        del batch[-excess:]
    return batch


def _allowed(now: datetime) -> int:
    """Return how many more notices may be claimed in this minute; negative if too many were."""
    return settings.NOTICE_RATE - Notice.objects.filter(claimed_at__gt=now - MINUTE).count()


def _send_batch(
    batch: list[Notice],
    transport: MailTransport,
    result: SendResult,
    *,
    policy: Policy,
    book: RuleBook,
    clock: Clock,
) -> None:
    try:
        standing = plan.standing(batch, policy=policy, book=book, now=clock())
    except KeystoneDatabaseDownError:
        claims.release(batch)
        raise
    if len(standing) < len(batch):
        result.settled[NoticeStatus.CANCELLED] += len(batch) - len(standing)
    if sendable := [notice for notice in standing if notice.status == NoticeStatus.PLANNED]:
        origins = _origins(sendable, clock())

        def deliver(notice: Notice) -> DeliveryResult:
            to = recipients.allowed(notice.email)  # not "", or its status would say so
            rules = book.of_domain(notice.domain_id, notice.domain_name)
            try:
                content = message.build(
                    rendering.render_notice(
                        notice,
                        policy=policy,
                        rules=rules,
                        now=clock(),
                        origin=origins.get(notice.user_id),
                    ),
                    message_id=notice.message_id,
                    to=to,
                    reply_to=rules.reply_to,
                    now=clock(),
                )
            except Exception as error:  # the notices after this one have to be sent
                log.exception("a notice cannot be written: %s", notice)
                return DeliveryResult(DeliveryOutcome.DEFERRED, f"it cannot be written: {error}")
            return transport.send(content, to=to)

        queue.deliver_batch(sendable, deliver, result, clock=clock)


def _origins(notices: Iterable[Notice], now: datetime) -> Mapping[str, AttemptOrigin]:
    """Return the origin of the failures that locked each account."""
    users = [notice.user_id for notice in notices if notice.kind == NoticeKind.LOCKED]
    try:
        return diagnoses.origins(users, now) if users else {}
    except Exception:
        log.exception("notices of locks go out without where the failures came from")
        return {}
