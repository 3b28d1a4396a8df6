"""Mails to operators: digests, reports and alerts, stored as they are sent.

operator_mail.put(mail, about="report 2026-W47", to="ann@cloud.example", now=now, good_for=DAY)
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Final

from pciops.lib import claims, retries
from pciops.notices.mail import message, queue
from pciops.notices.mail.message import Attachment, RenderedMail
from pciops.notices.mail.queue import Clock, SendResult
from pciops.notices.mail.transport import (
    REPLY_LENGTH,
    DeliveryResult,
    MailServerDown,
    open_transport,
)
from pciops.notices.models import FAILED, DeliveryStatus, OperatorMail

KEPT: Final = timedelta(days=400)  # how long a settled mail is kept, without its content


def put(
    mail: RenderedMail,
    *,
    about: str,
    to: str,
    now: datetime,
    good_for: timedelta,
    domain_id: str = "",
    reply_to: str = "",
    attachments: Sequence[Attachment] = (),
) -> bool:
    """Queue a mail; return False if there is one about this to this address already.

    Args:
        about: the dedup key, with domain and address.
        to: an address as `mail_address` returns it.
        good_for: how long it is attempted.
    """
    row_id = uuid.uuid4()
    message_id = message.message_id(row_id.hex)
    content = message.build(
        mail, message_id=message_id, to=to, reply_to=reply_to, now=now, attachments=attachments
    )
    values = {
        "id": row_id,
        "subject": mail.subject,
        "message_id": message_id,
        "content": content,
        "written_at": now,
        "next_attempt_at": now,
        "give_up_at": now + good_for,
    }
    _, created = retries.run(
        lambda: OperatorMail.objects.get_or_create(
            about=about, domain_id=domain_id, to=to, defaults=values
        )
    )
    return created


def send_due(*, clock: Clock, until: datetime | None = None) -> SendResult:
    """Send what is due until nothing is, or until a time."""
    result = SendResult()
    result.settled[DeliveryStatus.GIVEN_UP] += _give_up(clock())
    if not queue.due(OperatorMail, clock()).exists():
        return result
    try:
        with closing(open_transport()) as transport:
            # One by one: with its attachments a mail may be large.
            while (until is None or clock() < until) and (
                batch := queue.claim(OperatorMail, clock())
            ):
                queue.deliver_batch(
                    batch,
                    lambda mail: transport.send(bytes(mail.content), to=mail.to),
                    result,
                    clock=clock,
                )
    except MailServerDown as error:
        result.problem = str(error)
        queue.due(OperatorMail, clock()).update(answer=result.problem[:REPLY_LENGTH])
    return result


def send_sample(mail: RenderedMail, *, to: str, now: datetime, reply_to: str) -> DeliveryResult:
    """Send a mail at once, without keeping it, or raise MailServerDown."""
    message_id = message.message_id(f"sample.{uuid.uuid4().hex}")
    content = message.build(mail, message_id=message_id, to=to, reply_to=reply_to, now=now)
    with closing(open_transport()) as transport:
        return transport.send(content, to=to)


def about(keys: Collection[str], *, scope: str | None) -> list[OperatorMail]:
    """Return the mails about these, without their content, the newest first.

    Args:
        scope: the one domain that the operator sees; None: all.
    """
    rows = OperatorMail.objects.filter(about__in=keys).defer("content")
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return list(rows.order_by("-written_at", "domain_id", "to"))


def failed(*, since: datetime, scope: str | None, limit: int) -> list[OperatorMail]:
    """Return the mails that failed since then, without their content, the newest first."""
    rows = OperatorMail.objects.filter(status__in=FAILED, settled_at__gt=since).defer("content")
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return list(rows.order_by("-settled_at", "to")[:limit])


def forget(now: datetime) -> None:
    """Delete what was settled long ago."""
    OperatorMail.objects.filter(settled_at__lt=now - KEPT).delete()


def _give_up(now: datetime) -> int:
    """Give up what could not be sent in its time; the last answer is the reason."""
    rows = OperatorMail.objects.filter(
        claims.unclaimed(now), status=DeliveryStatus.PLANNED, give_up_at__lte=now
    )
    return rows.update(
        status=DeliveryStatus.GIVEN_UP, settled_at=now, claimed_until=None, content=b""
    )
