"""What was heard from Keystone, and since when nothing was."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Max, QuerySet, Sum

from pciops.events.models import Activity, Attempts, ConsumerSession, DeadLetter, Name
from pciops.lib.keyset import Column, Order

QUIET: Final = timedelta(seconds=45)  # a consumer that has given no sign for so long is gone

# The newest come first; both orders have an index after each of the narrowings below.
ATTEMPTS_ORDER: Final[Order[Attempts]] = Order(
    (Column(name="window", kind=datetime, falling=True), Column(name="id", kind=int, falling=True))
)
ACTIVITY_ORDER: Final[Order[Activity]] = Order(
    (Column(name="at", kind=datetime, falling=True), Column(name="id", kind=int, falling=True))
)


@dataclass(frozen=True, kw_only=True)
class News:
    """Whether notifications are coming in.

    Attributes:
        running: a consumer gave a sign of life just now.
        connected: one that runs is connected to RabbitMQ.
        until: up to then one was connected; None where none ever was.
        last_message_at: when the last notification came.
        error: why none is connected, in the words of one that tries.
    """

    running: bool
    connected: bool
    until: datetime | None
    last_message_at: datetime | None
    error: str


def attempts(user_id: str = "") -> QuerySet[Attempts]:
    """Folded sign-ins, newest first: of one account, or all."""
    rows = Attempts.objects.filter(user_id=user_id) if user_id else Attempts.objects.all()
    return ATTEMPTS_ORDER.sort(rows)


def activity(user_id: str = "") -> QuerySet[Activity]:
    """What was done to one account, or to all, newest first."""
    rows = Activity.objects.filter(user_id=user_id) if user_id else Activity.objects.all()
    return ACTIVITY_ORDER.sort(rows)


def activity_by(doer_id: str) -> QuerySet[Activity]:
    """What this account did to any, newest first."""
    return ACTIVITY_ORDER.sort(Activity.objects.filter(doer_id=doer_id))


def names(user_ids: Collection[str]) -> dict[str, Name]:
    """What these ids were called when they were last heard of, those of deleted accounts too."""
    return Name.objects.in_bulk(list(user_ids))


def news(now: datetime) -> News:
    """Whether notifications are coming in, and since when they are not."""
    fresh = ConsumerSession.objects.filter(until__gt=now - QUIET).order_by("-until")
    alive = [row for row in fresh if not (row.connected and row.error)]  # whose stretch is over
    ever = ConsumerSession.objects.filter(connected=True).aggregate(at=Max("until"))
    last = ConsumerSession.objects.aggregate(at=Max("last_message_at"))
    connected = any(row.connected for row in alive)
    return News(
        running=bool(alive),
        connected=connected,
        until=ever["at"],
        last_message_at=last["at"],
        error="" if connected else next((row.error for row in alive if row.error), ""),
    )


def gaps(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of this time in which no consumer was connected (PCI DSS 10.7.2).

    A pause as short as that between two signs of life is none.
    """
    begin = since
    rows = ConsumerSession.objects.filter(connected=True, until__gt=since, since__lt=until)
    for row in rows.order_by("since"):
        if row.since - begin > QUIET:
            yield begin, row.since
        begin = max(begin, row.until)
    if until - begin > QUIET:
        yield begin, until


def set_aside() -> QuerySet[DeadLetter]:
    """Messages that make no sense, by what is wrong with them, the newest first."""
    return DeadLetter.objects.order_by("-last_at", "-pk")


def set_aside_count() -> int:
    """How many messages were set aside in all."""
    return int(DeadLetter.objects.aggregate(total=Sum("count"))["total"] or 0)
