"""Sending: claims notices that are due, a batch at a time, and keeps each answer at once.

No text of a mail goes out before the answers to all before it are in the journal: so at any
instant there is at most one that the server may have taken, and that a crash would repeat.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Final, Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from pciops.accounts.policy.policy import Policy
from pciops.events.diagnosis import selectors as diagnoses
from pciops.events.diagnosis.selectors import AttemptOrigin
from pciops.lib.addresses import mail_address
from pciops.lib.post import WHOLE, Answer, Mail, MailServerDown, Post, Verdict, office
from pciops.notices import claims, journal, plan, rendering
from pciops.notices.claims import Claim
from pciops.notices.journal import Entry, Journal
from pciops.notices.models import Notice, NoticeEvent
from pciops.notices.rules import Book

Status = Notice.Status
Clock = Callable[[], datetime]

BATCH: Final = 300  # mails that one connection gets
UNTOLD: Final = 100  # answers of which our database may not know
LAG: Final = timedelta(seconds=1)  # after which it is told of fewer
CROWD: Final = 20  # more workers than this do not claim at one moment
MARGIN: Final = timedelta(minutes=4)  # before a lease ends, in which no mail is begun
FAILED: Final = (Status.REFUSED, Status.GIVEN_UP)

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
        tell_of_the_dead()  # each time, for what they have claimed may be due by now
        now = clock()
        if not claims.first_due(now, 1):
            return sent
        share = claims.free(now)
        if share <= 0:
            pause(1)
            continue
        try:
            with office(settings.MAIL_SERVER, cacert=settings.MAIL_CACERT) as post:
                claim = Claim.take(clock(), min(BATCH, share))
                if claim is not None:
                    if share < CROWD * BATCH:  # others have claimed at the same moment
                        claim.give_back(-claims.free(now))
                    _send(claim, post, sent, policy=policy, book=book, clock=clock)
        except MailServerDown as error:
            sent.problem = str(error)
            return sent
    return sent


def tell_of_the_dead() -> None:
    """Tell our database what is in the journals that workers on this machine have left."""
    for owner, entries in journal.left():
        settled = claims.settle(owner, entries).total()
        log.warning("a worker died with %d answers that nobody knew of", settled)


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


def _send(
    claim: Claim, post: Post, sent: Sent, *, policy: Policy, book: Book, clock: Clock
) -> None:
    """Send a batch; what it does not come to is released."""
    untried = {notice.pk: notice for notice in claim.notices}
    asked: deque[Notice] = deque()  # handed in, or about to be

    def mails() -> Iterator[Mail]:
        for notice in waiting:
            if clock() >= claim.until - MARGIN:
                return
            to = mail_address(notice.email)
            if to is None:  # it got a broken address since, and has that status
                del untried[notice.pk]
                continue
            known = origins.get(notice.user_id)
            mail = _mail(notice, to, known, policy=policy, book=book, now=clock())
            if isinstance(mail, Answer):
                del untried[notice.pk]
                answers.keep(notice, mail)
            else:
                asked.append(notice)
                yield Mail(to, mail)

    try:
        waiting = plan.standing(claim.notices, policy=policy, book=book, now=clock())
        sent.ended[Status.CANCELLED] += len(claim.notices) - len(waiting)
        origins = _origins(waiting, clock())
        with Answers(claim.owner, sent, clock) as answers:
            for answer in post.deliver_all(mails(), sender=parseaddr(settings.MAIL_FROM)[1]):
                notice = asked.popleft()
                del untried[notice.pk]
                answers.keep(notice, answer)
    except MailServerDown:
        asked.clear()  # of these none was tried
        raise
    finally:
        unknown = {notice.pk for notice in asked}  # whether the server has them, nobody knows
        claim.release(notice for pk, notice in untried.items() if pk not in unknown)


class Answers:
    """Keeps what the server says of a batch: in the journal at once, in our database soon."""

    def __init__(self, owner: str, sent: Sent, clock: Clock) -> None:
        self._owner = owner
        self._sent = sent
        self._clock = clock
        self._journal = Journal(owner)
        self._untold: list[Entry] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._tell()
        finally:
            self._journal.close(told=not self._untold)

    def keep(self, notice: Notice, answer: Answer) -> None:
        """Keep what became of a mail."""
        entry = Entry(notice.pk, answer, self._clock())
        self._untold.append(entry)
        enough = len(self._untold) >= UNTOLD or entry.at - self._untold[0].at >= LAG
        if not self._journal.add(entry) or enough:
            self._tell()

    def _tell(self) -> None:
        """Tell our database, and once more where it has closed the connection."""
        if not self._untold:
            return
        try:
            settled = claims.settle(self._owner, self._untold)
        except (OperationalError, InterfaceError) as error:
            log.warning("answers are written down at the second try: %s", error)
            connection.close()
            settled = claims.settle(self._owner, self._untold)
        self._untold.clear()
        self._sent.later += settled.pop(Status.PLANNED, 0)
        self._sent.ended.update(settled)


def _origins(notices: Iterable[Notice], now: datetime) -> Mapping[str, AttemptOrigin]:
    """Where the failures came from of those that tell of a lock."""
    users = [notice.user_id for notice in notices if notice.kind == Notice.Kind.LOCKED]
    try:
        return diagnoses.origins(users, now) if users else {}
    except Exception:
        log.exception("notices of locks go out without where the failures came from")
        return {}


def _mail(
    notice: Notice,
    to: str,
    known: AttemptOrigin | None,
    *,
    policy: Policy,
    book: Book,
    now: datetime,
) -> bytes | Answer:
    """The mail, or why it cannot be written: such a one must not stand before all others."""
    reply_to = book.of_domain(notice.domain_id, notice.domain_name).reply_to
    try:
        letter = rendering.write(notice, policy=policy, now=now, origin=known)
        return rendering.message(notice, letter, to=to, reply_to=reply_to, now=now)
    except Exception as error:
        log.exception("a notice cannot be written: %s", notice)
        return Answer(Verdict.LATER, f"it cannot be written: {error}")
