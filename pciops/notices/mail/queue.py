"""The queue of messages: workers claim what is due, deliver it and settle it, one by one.

A message is settled with one UPDATE before the next one is delivered. If a worker dies, at most
one message was delivered and not settled; after the lease another worker repeats it with the same
Message-ID.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db.models import QuerySet

from pciops.lib import claims, counters, retries
from pciops.notices.mail.transport import (
    REPLY_LENGTH,
    DeliveryOutcome,
    DeliveryResult,
    MailServerDown,
)
from pciops.notices.models import DeliveryStatus, QueuedMessage

M = TypeVar("M", bound=QueuedMessage)
Clock = Callable[[], datetime]
Deliver = Callable[[M], DeliveryResult]

LEASE: Final = timedelta(minutes=10)
MARGIN: Final = timedelta(minutes=4)  # before the lease ends; longer than one delivery takes
PATIENCE: Final = timedelta(days=1)  # from the first attempt until a message is given up


@dataclass(kw_only=True)
class SendResult:
    """The result of one run of sending."""

    settled: Counter[str] = field(default_factory=Counter)  # status → messages
    deferred: int = 0
    problem: str = ""  # why it stopped early
    # For metrics, since the last batch.
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)  # (kind, outcome) → number
    seconds: dict[str, float] = field(default_factory=dict)  # kind → duration of its deliveries

    def __str__(self) -> str:
        """`3 sent, 0 refused, 1 deferred, 0 given up`."""
        sent, refused, given_up = (
            self.settled[status]
            for status in (DeliveryStatus.SENT, DeliveryStatus.REFUSED, DeliveryStatus.GIVEN_UP)
        )
        return f"{sent} sent, {refused} refused, {self.deferred} deferred, {given_up} given up"


def due(model: type[M], now: datetime) -> QuerySet[M]:
    """Return the messages that are due, the one that waits longest first."""
    rows = model._default_manager.filter(status=DeliveryStatus.PLANNED, next_attempt_at__lte=now)
    return rows.order_by("next_attempt_at")


def claim(model: type[M], now: datetime, *, limit: int = 1, **changes: Any) -> list[M]:
    """Claim messages that are due."""
    return claims.claim(due(model, now), now=now, lease=LEASE, limit=limit, **changes)


def deliver_batch(batch: list[M], deliver: Deliver[M], result: SendResult, *, clock: Clock) -> None:
    """Deliver and settle the messages of one claim; release those that were not attempted.

    Raises:
        MailServerDown: from `deliver`, which did not attempt the delivery then.
    """
    unattempted = batch[::-1]
    stop_at = (batch[0].claimed_until or clock()) - MARGIN
    try:
        while unattempted and clock() < stop_at:
            message = unattempted.pop()
            began = time.monotonic()
            try:
                delivery = deliver(message)
            except MailServerDown:
                unattempted.append(message)
                raise
            took = result.seconds.get(message.counted_as, 0) + time.monotonic() - began
            result.seconds[message.counted_as] = took
            settle(message, delivery, result, clock())
    finally:
        claims.release(unattempted)
        _count(result)


def _count(result: SendResult) -> None:
    """Add the deliveries of a batch to the counters."""
    for labels, number in result.outcomes.items():
        counters.add("messages", *labels, by=number)
    for kind, seconds in result.seconds.items():
        counters.add("message_seconds", kind, by=seconds)
    result.outcomes.clear()
    result.seconds.clear()


def settle(
    message: QueuedMessage, delivery: DeliveryResult, result: SendResult, now: datetime
) -> None:
    """Record an attempt, unless another worker has taken the message over."""
    row, reply = claims.held(message), delivery.reply[:REPLY_LENGTH]
    values = {"attempts": message.attempts + 1, "answer": reply, "claimed_until": None}
    give_up_at = message.give_up_at or now + PATIENCE
    if delivery.outcome is DeliveryOutcome.DEFERRED and now < give_up_at:
        wait = message.BACK_OFF[min(message.attempts, len(message.BACK_OFF) - 1)]
        next_attempt_at = now + timedelta(minutes=wait)

        def defer() -> int:
            held = row.update(**values, give_up_at=give_up_at, next_attempt_at=next_attempt_at)
            if held:
                message.record_deferral(reply, now)
            return held

        if retries.run(defer):
            result.deferred += 1
            result.outcomes[message.counted_as, "deferred"] += 1
        return
    status = _FINAL[delivery.outcome]
    # Idempotent: a message whose delivery is not recorded would be delivered again.
    if retries.run(
        lambda: row.update(**values, **message.ON_SETTLED, status=status, settled_at=now),
        idempotent=True,
    ):
        result.settled[status] += 1
        result.outcomes[message.counted_as, status] += 1


_FINAL: Final = {
    DeliveryOutcome.SENT: DeliveryStatus.SENT,
    DeliveryOutcome.REFUSED: DeliveryStatus.REFUSED,
    DeliveryOutcome.DEFERRED: DeliveryStatus.GIVEN_UP,
}
