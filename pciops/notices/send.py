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
from typing import Final, Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Q, QuerySet

from pciops.accounts import origin
from pciops.accounts.origin import Origin
from pciops.accounts.policy import Policy
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
        if not _first_due(now, 1):
            return sent
        share = _free(now)
        if share <= 0:
            pause(1)
            continue
        try:
            with office(settings.MAIL_SERVER, cacert=settings.MAIL_CACERT) as post:
                claim = Claim.take(clock(), min(BATCH, share))
                if claim is not None:
                    claim.give_back(-_free(now))  # others have claimed at the same moment
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
                ours_now = Notice.objects.filter(pk__in=ids, claimed_by=owner)
                notices = list(ours_now.filter(status=Status.CLAIMED))
                return cls(owner=owner, until=now + LEASE, notices=notices)
        return None

    def give_back(self, number: int) -> None:
        """Let go of so many; of none for 0 or less."""
        if number > 0:
            self.release(self.notices[-number:])
            del self.notices[-number:]

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
        settled = None if status is Status.PLANNED else now
        instants = [
            connection.ops.adapt_datetimefield_value(instant) for instant in (first, retry, settled)
        ]
        key = Notice._meta.pk.get_db_prep_value(notice.pk, connection)
        held = [key, self.owner, Status.CLAIMED.value]
        with connection.cursor() as cursor:
            cursor.execute(_WRITE_DOWN, [status.value, answer.words[:WHOLE], *instants, *held])
            if cursor.rowcount != 1:
                return None
        if status is Status.PLANNED:
            NoticeEvent.objects.create(
                notice=notice, at=now, what="Tried, and put off", words=answer.words[:WHOLE]
            )
        return status


# The one statement that each mail costs. QuerySet.update takes five times as long to say it, which
# is more than all else that a mail costs.
_WRITE_DOWN: Final = (
    "UPDATE notices_notice SET status = %s, answer = %s, attempts = attempts + 1,"
    " first_attempt_at = %s, next_attempt_at = %s, settled_at = %s, claimed_until = NULL"
    " WHERE id = %s AND claimed_by = %s AND status = %s"
)


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


def _free(now: datetime) -> int:
    """How many mails may be claimed in this minute; negative where it were too many."""
    return settings.NOTICE_RATE - Notice.objects.filter(claimed_at__gt=now - MINUTE).count()


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
    untried = {notice.pk: notice for notice in claim.notices}
    try:
        waiting = plan.standing(claim.notices, policy=policy, book=book, now=clock())
        sent.ended[Status.CANCELLED] += len(claim.notices) - len(waiting)
        origins = _origins(waiting, clock())
        with Desk(claim, post, sent, clock) as desk:
            for notice in waiting:
                if clock() >= claim.until - MARGIN:
                    break
                to = mail_address(notice.email)
                if to is not None:  # else it got a broken address since, and has that status
                    known = origins.get(notice.user_id)
                    mail = _mail(notice, to, known, policy=policy, book=book, now=clock())
                    if isinstance(mail, Answer):
                        desk.keep(notice, mail)
                    else:
                        desk.hand_in(notice, mail, to)
                del untried[notice.pk]
    finally:
        claim.release(untried.values())


class Desk:
    """Hands in mails, and writes down what became of each, while the server looks at the next.

    The text of a mail goes out only when all answers before it are written down: so at any time
    there is at most one that the server may have taken, and that a crash would repeat.
    """

    def __init__(self, claim: Claim, post: Post, sent: Sent, clock: Clock) -> None:
        self._claim = claim
        self._post = post
        self._sent = sent
        self._clock = clock
        self._sender = parseaddr(settings.MAIL_FROM)[1]
        self._out: Notice | None = None  # handed in, and its answer is not written down

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._out is not None:
            self.keep(self._out, self._post.answer())

    def hand_in(self, notice: Notice, mail: bytes, to: str) -> None:
        """Hand in a mail; the answer to it is written down with the next one, or at the end.

        Raises:
            PostDownError: it was not tried.
        """
        out, self._out = self._out, None
        answer = None if out is None else self._post.answer()
        try:
            self._post.announce(sender=self._sender, to=to)
        finally:
            if out is not None and answer is not None:
                self.keep(out, answer)
        self._post.hand_in(mail)
        self._out = notice

    def keep(self, notice: Notice, answer: Answer) -> None:
        """Write down what became of a mail."""
        status = _written_down(self._claim, notice, answer, self._clock)
        if status is Status.PLANNED:
            self._sent.later += 1
        elif status is not None:
            self._sent.ended[status] += 1


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


def _mail(
    notice: Notice, to: str, known: Origin | None, *, policy: Policy, book: Book, now: datetime
) -> bytes | Answer:
    """The mail, or why it cannot be written: such a one must not stand before all others."""
    reply_to = book.of_domain(notice.domain_id, notice.domain_name).reply_to
    try:
        letter = letters.write(notice, policy=policy, now=now, origin=known)
        return letters.message(notice, letter, to=to, reply_to=reply_to, now=now)
    except Exception as error:
        log.exception("a notice cannot be written: %s", notice)
        return Answer(Verdict.LATER, f"it cannot be written: {error}")
