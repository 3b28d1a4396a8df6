"""Sending: claims notices that are due, a batch at a time, and writes down each answer at once.

A claim is a conditional UPDATE with a lease. Whoever dies with a claim loses nothing: when the
lease has run out somebody else sends what has no answer yet, with the same Message-ID.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Final

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import F, Q, QuerySet

from pciops.accounts import origin
from pciops.accounts.origin import Origin
from pciops.accounts.policy import Policy
from pciops.keystone.database import KeystoneDatabaseDownError
from pciops.lib.addresses import mail_address
from pciops.lib.post import BACK_OFF, WHOLE, Answer, Post, PostDownError, Verdict, office
from pciops.notices import letters, plan
from pciops.notices.models import Notice, NoticeEvent
from pciops.notices.rules import Book

Status = Notice.Status
Clock = Callable[[], datetime]

BATCH: Final = 100  # mails that one connection gets
LEASE: Final = timedelta(minutes=10)
MARGIN: Final = timedelta(minutes=4)  # before a lease ends, in which no mail is begun
MINUTE: Final = timedelta(minutes=1)
FAILED: Final = (Status.REFUSED, Status.GIVEN_UP)
PATIENCE: Final = timedelta(days=1)  # from the first attempt until it is given up

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Sent:
    """What a run of sending did."""

    ended: Counter[str] = field(default_factory=Counter)  # status → notices
    later: int = 0
    problem: str = ""  # why it stopped before its time; "" where it did not


def send_due(
    *,
    policy: Policy,
    book: Book,
    clock: Clock,
    until: datetime | None = None,
    pause: Callable[[float], object] = time.sleep,
) -> Sent:
    """Send what is due until nothing is, or it is that late.

    Raises:
        KeystoneDatabaseDownError: nothing is sent that may no longer be true.
    """
    sent = Sent()
    if settings.MAIL_SERVER is None:
        sent.problem = "PCIOPS_EMAIL_URL is not set: what is due stays due"
        return sent
    while until is None or clock() < until:
        now = clock()
        if not _due(now).exists():
            return sent
        share = settings.NOTICE_RATE - Notice.objects.filter(claimed_at__gt=now - MINUTE).count()
        if share <= 0:
            pause(1)
            continue
        try:
            with office(settings.MAIL_SERVER, cacert=settings.MAIL_CACERT) as post:
                claim = Claim.take(clock(), min(BATCH, share))
                if claim is not None:
                    _send(claim, post, sent, policy=policy, book=book, clock=clock)
        except PostDownError as error:
            sent.problem = str(error)
            return sent
    return sent


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Notices that are ours until the lease ends."""

    owner: str
    until: datetime
    notices: list[Notice]

    @classmethod
    def take(cls, now: datetime, limit: int) -> Claim | None:
        """Claim some of what is due; None where nothing is."""
        while ids := _first_due(now, limit):
            owner = uuid.uuid4().hex
            ours = {"claimed_by": owner, "claimed_at": now, "claimed_until": now + LEASE}
            if _due(now).filter(pk__in=ids).update(status=Status.CLAIMED, **ours):
                notices = list(Notice.objects.filter(claimed_by=owner, status=Status.CLAIMED))
                return cls(owner=owner, until=now + LEASE, notices=notices)
        return None

    def release(self, notices: Iterable[Notice]) -> None:
        """Give back what was not tried: it is due as it was before."""
        ids = [notice.pk for notice in notices]
        held = Notice.objects.filter(pk__in=ids, claimed_by=self.owner, status=Status.CLAIMED)
        held.update(status=Status.PLANNED, claimed_at=None, claimed_until=None, claimed_by="")

    def write_down(self, notice: Notice, answer: Answer, now: datetime) -> Notice.Status | None:
        """Keep what became of a mail; None where another has taken it over meanwhile."""
        first = notice.first_attempt_at or now
        status, retry = _status(answer, first, now), now
        if status is Status.PLANNED:
            retry = now + BACK_OFF[min(notice.attempts, len(BACK_OFF) - 1)]
        settled = {} if status is Status.PLANNED else {"settled_at": now}
        held = Notice.objects.filter(pk=notice.pk, claimed_by=self.owner, status=Status.CLAIMED)
        changed = held.update(
            status=status,
            answer=answer.words[:WHOLE],
            attempts=F("attempts") + 1,
            first_attempt_at=first,
            next_attempt_at=retry,
            claimed_until=None,
            **settled,
        )
        if not changed:
            return None
        if status is Status.PLANNED:
            NoticeEvent.objects.create(
                notice=notice, at=now, what="Tried, and put off", words=answer.words[:WHOLE]
            )
        return status


def again(notice: Notice, *, by: str, now: datetime) -> bool:
    """Make a notice due that failed; False where it has not failed (any more)."""
    failed = Notice.objects.filter(pk=notice.pk, status__in=FAILED)
    if not failed.update(
        status=Status.PLANNED, next_attempt_at=now, first_attempt_at=None, settled_at=None
    ):
        return False
    NoticeEvent.objects.create(
        notice=notice, at=now, what=notice.get_status_display(), words=notice.answer
    )
    NoticeEvent.objects.create(
        notice=notice, at=now, what="To be sent again", words=f"asked for by {by}"[:WHOLE]
    )
    return True


def _due(now: datetime) -> QuerySet[Notice]:
    waiting = Q(status=Status.PLANNED, next_attempt_at__lte=now)
    return Notice.objects.filter(waiting | Q(status=Status.CLAIMED, claimed_until__lte=now))


def _first_due(now: datetime, limit: int) -> list[uuid.UUID]:
    """What waits for longest, by the index, and then what the dead have left."""
    waiting = Notice.objects.filter(status=Status.PLANNED, next_attempt_at__lte=now)
    ids = list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])
    if len(ids) < limit:
        left = Notice.objects.filter(status=Status.CLAIMED, claimed_until__lte=now)
        ids += left.values_list("pk", flat=True)[: limit - len(ids)]
    return ids


def _status(answer: Answer, first: datetime, now: datetime) -> Notice.Status:
    if answer.verdict is Verdict.SENT:
        return Status.SENT
    if answer.verdict is Verdict.REFUSED:
        return Status.REFUSED
    return Status.GIVEN_UP if now - first >= PATIENCE else Status.PLANNED


def _send(
    claim: Claim, post: Post, sent: Sent, *, policy: Policy, book: Book, clock: Clock
) -> None:
    """Send a batch; what it does not come to is released."""
    try:
        waiting = plan.standing(claim.notices, policy=policy, book=book, now=clock())
    except KeystoneDatabaseDownError:
        claim.release(claim.notices)
        raise
    sent.ended[Status.CANCELLED] += len(claim.notices) - len(waiting)
    waiting.reverse()
    origins = _origins(waiting, clock())
    try:
        while waiting and clock() < claim.until - MARGIN:
            notice = waiting[-1]
            to = mail_address(notice.email)
            if to is not None:  # else it got a broken address since, and has that status
                answer = _deliver(
                    *(notice, to, post, origins.get(notice.user_id)),
                    policy=policy,
                    book=book,
                    now=clock(),
                )
                waiting.pop()  # whatever comes now, it has been tried, and is not given back
                status = _written_down(claim, notice, answer, clock)
                if status is Status.PLANNED:
                    sent.later += 1
                elif status is not None:
                    sent.ended[status] += 1
            else:
                waiting.pop()
    finally:
        if waiting:
            claim.release(waiting)


def _written_down(
    claim: Claim, notice: Notice, answer: Answer, clock: Clock
) -> Notice.Status | None:
    """As `Claim.write_down`, and once more where our database has closed the connection.

    What is not written down goes out again when the lease is over.
    """
    try:
        return claim.write_down(notice, answer, clock())
    except (OperationalError, InterfaceError) as error:
        log.warning("the answer to %s is written down at the second try: %s", notice, error)
        connection.close()
        return claim.write_down(notice, answer, clock())


def _origins(notices: Iterable[Notice], now: datetime) -> Mapping[str, Origin]:
    """Where the failures came from of those that tell of a lock."""
    users = [notice.user_id for notice in notices if notice.kind == Notice.Kind.LOCKED]
    try:
        return origin.origins(users, now) if users else {}
    except Exception:
        log.exception("notices of locks go out without where the failures came from")
        return {}


def _deliver(
    notice: Notice,
    to: str,
    post: Post,
    known: Origin | None,
    *,
    policy: Policy,
    book: Book,
    now: datetime,
) -> Answer:
    reply_to = book.of_domain(notice.domain_id, notice.domain_name).reply_to
    try:
        letter = letters.write(notice, policy=policy, now=now, origin=known)
        mail = letters.message(notice, letter, to=to, reply_to=reply_to, now=now)
    except Exception as error:
        # One that cannot be written must not stand before all others for ever.
        log.exception("a notice cannot be written: %s", notice)
        return Answer(Verdict.LATER, f"it cannot be written: {error}")
    return post.deliver(mail, sender=parseaddr(settings.MAIL_FROM)[1], to=to)
