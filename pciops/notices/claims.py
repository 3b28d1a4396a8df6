"""Claims: who sends which of the notices that are due, and what became of them.

A claim is a conditional UPDATE with a lease. Whoever dies with a claim loses nothing: when the
lease has run out somebody else sends what has no answer yet, with the same Message-ID.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from pciops.lib.post import BACK_OFF, WHOLE, Verdict
from pciops.notices.journal import Entry
from pciops.notices.models import Notice, NoticeEvent

Status = Notice.Status

LEASE: Final = timedelta(minutes=10)
MINUTE: Final = timedelta(minutes=1)
PATIENCE: Final = timedelta(days=1)  # from the first attempt until it is given up
# What a mail does not need; reading an instant takes longer than reading a text.
_UNREAD: Final = (
    *("planned_at", "first_attempt_at", "next_attempt_at", "claimed_at", "claimed_until"),
    *("settled_at", "answer"),
)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Notices that are ours until the lease ends."""

    owner: str
    until: datetime
    notices: list[Notice]

    @classmethod
    def take(cls, now: datetime, limit: int) -> Claim | None:
        """Claim some of what is due; None where nothing is."""
        while ids := first_due(now, limit):
            owner = uuid.uuid4().hex
            ours = {"claimed_by": owner, "claimed_at": now, "claimed_until": now + LEASE}
            if _due(now).filter(pk__in=ids).update(status=Status.CLAIMED, **ours):
                notices = list(_held(owner).filter(pk__in=ids).defer(*_UNREAD))
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
        if ids:
            _held(self.owner).filter(pk__in=ids).update(
                status=Status.PLANNED, claimed_at=None, claimed_until=None, claimed_by=""
            )


def first_due(now: datetime, limit: int) -> list[uuid.UUID]:
    """What waits for longest, by the index, and then what the dead have left."""
    waiting = Notice.objects.filter(status=Status.PLANNED, next_attempt_at__lte=now)
    ids = list(waiting.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])
    if len(ids) < limit:
        left = Notice.objects.filter(status=Status.CLAIMED, claimed_until__lte=now)
        ids += left.values_list("pk", flat=True)[: limit - len(ids)]
    return ids


def free(now: datetime) -> int:
    """How many mails may be claimed in this minute; negative where it were too many."""
    return settings.NOTICE_RATE - Notice.objects.filter(claimed_at__gt=now - MINUTE).count()


def settle(owner: str, entries: Sequence[Entry]) -> Counter[Status]:
    """Keep what became of mails of a claim: all of them, or none.

    Doing it twice changes nothing, nor does it with those that another has taken over meanwhile.
    """
    settled: Counter[Status] = Counter()
    taken = [entry for entry in entries if entry.answer.verdict is Verdict.SENT]
    with transaction.atomic():
        if taken:
            settled[Status.SENT] += _settle_taken(owner, taken)
        for entry in entries:
            if entry.answer.verdict is not Verdict.SENT:
                status = _settle_other(owner, entry)
                if status is not None:
                    settled[status] += 1
    return settled


def _settle_taken(owner: str, entries: Sequence[Entry]) -> int:
    """One statement for all that the server took; says how many it was for.

    QuerySet.bulk_update takes longer to say the same than the database takes to do it.
    """
    key, instant = Notice._meta.pk.get_db_prep_value, connection.ops.adapt_datetimefield_value
    ids = [key(entry.notice, connection) for entry in entries]
    words: list[Any] = []
    times: list[Any] = []
    for pk, entry in zip(ids, entries, strict=True):
        words += pk, entry.answer.words[:WHOLE]
        times += pk, instant(entry.at)
    cases = f"CASE id {' '.join(['WHEN %s THEN %s'] * len(ids))} END"
    sql = (
        f"UPDATE notices_notice SET status = %s, answer = {cases}, settled_at = {cases},"  # noqa: S608
        " first_attempt_at = COALESCE(first_attempt_at, claimed_at), attempts = attempts + 1,"
        f" claimed_until = NULL WHERE id IN ({', '.join(['%s'] * len(ids))})"
        " AND claimed_by = %s AND status = %s"
    )
    held = [*ids, owner, Status.CLAIMED.value]
    with connection.cursor() as cursor:
        cursor.execute(sql, [Status.SENT.value, *words, *times, *held])
        return int(cursor.rowcount)


def _settle_other(owner: str, entry: Entry) -> Status | None:
    """Keep why a mail was not taken; None where it is not ours any more."""
    held, now, words = _held(owner).filter(pk=entry.notice), entry.at, entry.answer.words[:WHOLE]
    row = held.values_list("first_attempt_at", "attempts").first()
    if row is None:
        return None
    first, attempts = row[0] or now, row[1]
    said: dict[str, Any] = {"answer": words, "first_attempt_at": first, "claimed_until": None}
    status, settled = Status.REFUSED, {"settled_at": now}
    if entry.answer.verdict is Verdict.LATER:
        status = Status.GIVEN_UP
        if now - first < PATIENCE:
            status = Status.PLANNED
            settled = {"next_attempt_at": now + BACK_OFF[min(attempts, len(BACK_OFF) - 1)]}
    if not held.update(status=status, attempts=F("attempts") + 1, **said, **settled):
        return None
    if status is Status.PLANNED:
        NoticeEvent.objects.create(
            notice_id=entry.notice, at=now, what="Tried, and put off", words=words
        )
    return status


def _due(now: datetime) -> QuerySet[Notice]:
    waiting = Q(status=Status.PLANNED, next_attempt_at__lte=now)
    return Notice.objects.filter(waiting | Q(status=Status.CLAIMED, claimed_until__lte=now))


def _held(owner: str) -> QuerySet[Notice]:
    """What this claim still holds."""
    return Notice.objects.filter(claimed_by=owner, status=Status.CLAIMED)
