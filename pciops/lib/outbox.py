"""Mails to those who run the cloud: each is written once and kept until it is handed in.

    outbox.put(letter, about="report 2026-W47", to="ann@cloud.example", now=now, good_for=DAY)

A task hands in what is due. What must be repeated is the same mail, to its last byte: whoever dies
with a claim leaves it, and when the lease has run out somebody else hands the mail in.

The notices to the owners of accounts are not here: they are many, and only what still holds is
written.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Final

from django.conf import settings
from django.db.models import F, Q, QuerySet

from pciops.lib import mail
from pciops.lib.mail import Attachment, Letter
from pciops.lib.models import OwedMail
from pciops.lib.post import BACK_OFF, WHOLE, Answer, MailServerDown, Verdict, office

Status = OwedMail.Status

LEASE: Final = timedelta(minutes=10)  # longer than a mail takes whatever the server does
KEPT: Final = timedelta(days=400)  # how long it is known what became of a mail
FAILED: Final = (Status.REFUSED, Status.GIVEN_UP)
NO_SERVER: Final = "PCIOPS_EMAIL_URL is not set"


@dataclass(kw_only=True)
class Handed:
    """What a run of sending did."""

    sent: int = 0
    refused: int = 0
    later: int = 0
    given_up: int = 0
    problem: str = ""  # why it stopped before its time; "" where it did not


def put(
    letter: Letter,
    *,
    about: str,
    to: str,
    now: datetime,
    good_for: timedelta,
    domain_id: str = "",
    reply_to: str = "",
    attachments: Sequence[Attachment] = (),
) -> bool:
    """Owe a mail; False where one about this to this address is owed or was sent already.

    Args:
        about: what and when; the same words make it the same mail.
        to: an address as `mail_address` gives it.
        good_for: how long it is tried.
    """
    owed = OwedMail(
        about=about,
        domain_id=domain_id,
        to=to,
        subject=letter.subject,
        written_at=now,
        good_until=now + good_for,
        next_attempt_at=now,
    )
    owed.message_id = mail.message_id(owed.id.hex)
    owed.content = mail.message(
        letter,
        message_id=owed.message_id,
        to=to,
        reply_to=reply_to,
        now=now,
        attachments=attachments,
    )
    OwedMail.objects.bulk_create([owed], ignore_conflicts=True)
    return OwedMail.objects.filter(pk=owed.pk).exists()


def hand_in(
    letter: Letter,
    *,
    to: str,
    now: datetime,
    reply_to: str = "",
    attachments: Sequence[Attachment] = (),
) -> Answer:
    """Hand in a sample, at once and once: nothing of it is kept.

    Raises:
        MailServerDown: also where there is no server.
    """
    if settings.MAIL_SERVER is None:
        raise MailServerDown(NO_SERVER)
    wire = mail.message(
        letter,
        message_id=mail.message_id(f"sample.{uuid.uuid4().hex}"),
        to=to,
        reply_to=reply_to,
        now=now,
        attachments=attachments,
    )
    with office(settings.MAIL_SERVER, cacert=settings.MAIL_CACERT) as post:
        return post.deliver(wire, sender=parseaddr(settings.MAIL_FROM)[1], to=to)


def send_due(*, clock: Callable[[], datetime], until: datetime | None = None) -> Handed:
    """Hand in what is due until nothing is, or it is that late."""
    handed = Handed(given_up=_give_up(clock()))
    if not _due(clock()).exists():
        return handed
    if settings.MAIL_SERVER is None:
        handed.problem = NO_SERVER
    else:
        try:
            with office(settings.MAIL_SERVER, cacert=settings.MAIL_CACERT) as post:
                while (until is None or clock() < until) and (owed := _claim(clock())):
                    sender = parseaddr(settings.MAIL_FROM)[1]
                    try:
                        answer = post.deliver(bytes(owed.content), sender=sender, to=owed.to)
                    except MailServerDown:
                        _mine(owed).update(status=Status.PLANNED, claimed_until=None)
                        raise
                    _write_down(owed, answer, handed, clock())
        except MailServerDown as error:
            handed.problem = str(error)
    if handed.problem:
        _due(clock()).update(answer=handed.problem[:WHOLE])
    return handed


def about(words: Collection[str], *, scope: str | None) -> list[OwedMail]:
    """The mails about these, without their content, the newest first.

    Args:
        scope: the one domain that the operator sees; None: all.
    """
    rows = OwedMail.objects.filter(about__in=words).defer("content")
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return list(rows.order_by("-written_at", "domain_id", "to"))


def failed(*, since: datetime, scope: str | None, limit: int) -> list[OwedMail]:
    """The mails that failed since then, without their content, the newest first."""
    rows = OwedMail.objects.filter(status__in=FAILED, settled_at__gt=since).defer("content")
    if scope is not None:
        rows = rows.filter(domain_id=scope)
    return list(rows.order_by("-settled_at", "to")[:limit])


def forget(now: datetime) -> None:
    """Delete what ended long ago."""
    OwedMail.objects.filter(settled_at__lt=now - KEPT).delete()


def _due(now: datetime) -> QuerySet[OwedMail]:
    waiting = Q(status=Status.PLANNED, next_attempt_at__lte=now)
    left = Q(status=Status.CLAIMED, claimed_until__lte=now)
    return OwedMail.objects.filter(waiting | left, good_until__gt=now)


def _claim(now: datetime) -> OwedMail | None:
    """Make one of those that are due ours until the lease ends; None where none is."""
    while pk := _due(now).order_by("next_attempt_at").values_list("pk", flat=True).first():
        owner = uuid.uuid4().hex
        ours = {"status": Status.CLAIMED, "claimed_by": owner, "claimed_until": now + LEASE}
        if _due(now).filter(pk=pk).update(**ours):
            return OwedMail.objects.filter(claimed_by=owner).first()
    return None


def _mine(owed: OwedMail) -> QuerySet[OwedMail]:
    """The row, unless another has taken it over."""
    return OwedMail.objects.filter(pk=owed.pk, claimed_by=owed.claimed_by, status=Status.CLAIMED)


def _write_down(owed: OwedMail, answer: Answer, handed: Handed, now: datetime) -> None:
    said = {"answer": answer.words[:WHOLE], "attempts": F("attempts") + 1, "claimed_until": None}
    if answer.verdict is Verdict.LATER:
        wait = BACK_OFF[min(owed.attempts, len(BACK_OFF) - 1)]
        _mine(owed).update(status=Status.PLANNED, next_attempt_at=now + wait, **said)
        handed.later += 1
        return
    sent = answer.verdict is Verdict.SENT
    status = Status.SENT if sent else Status.REFUSED
    if _mine(owed).update(status=status, settled_at=now, content=b"", **said):
        handed.sent += sent
        handed.refused += not sent


def _give_up(now: datetime) -> int:
    """What nobody took in its time has failed, with the last answer as the reason."""
    over = OwedMail.objects.filter(good_until__lte=now)
    left = Q(status=Status.PLANNED) | Q(status=Status.CLAIMED, claimed_until__lte=now)
    return over.filter(left).update(
        status=Status.GIVEN_UP, settled_at=now, content=b"", claimed_until=None
    )
