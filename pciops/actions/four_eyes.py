"""Unlocks beyond the limit: one operator asks, another confirms and so unlocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from pciops.actions.models import UnlockRequest
from pciops.audit.models import Event

LASTS: Final = timedelta(hours=1)  # time to confirm it
KEPT: Final = timedelta(days=1)
OWN: Final = "You asked for this unlock. Another operator has to confirm it."


def ask(event: Event) -> UnlockRequest:
    """Store the request of the operator of an unlock, or return the one that waits already."""
    now = event.event_time
    UnlockRequest.objects.filter(expires_at__lt=now - KEPT).delete()
    waiting = _waiting(now).filter(target_id=event.target_id, asked_by_id=event.initiator_id)
    return waiting.first() or UnlockRequest.objects.create(
        target_id=event.target_id,
        target_name=event.target_name,
        target_domain_id=event.target_domain_id,
        target_domain_name=event.target_domain_name,
        reason=event.reason,
        identity=event.identity,
        asked_by_id=event.initiator_id,
        asked_by=event.initiator,
        asked_at=now,
        expires_at=now + LASTS,
    )


def waiting(
    *, scope: str | None, now: datetime, target_id: str = "", limit: int = 50
) -> list[UnlockRequest]:
    """Return the requests that wait, the oldest first.

    Args:
        scope: the one domain that the operator sees; None: the whole cloud.
        target_id: only of this account.
    """
    rows = _in_scope(_waiting(now), scope)
    if target_id:
        rows = rows.filter(target_id=target_id)
    return list(rows.order_by("asked_at", "pk")[:limit])


def find(request_id: str, *, scope: str | None, now: datetime) -> UnlockRequest | None:
    """Return a request that waits; those about accounts of other domains do not exist."""
    return _in_scope(_waiting(now), scope).filter(pk=request_id).first()


def claim(asked: UnlockRequest, event: Event) -> str:
    """Confirm the request by the unlock that has begun; return why it cannot be, or ""."""
    if asked.asked_by_id == event.initiator_id:
        return OWN
    waiting = _waiting(event.event_time).filter(pk=asked.pk, target_id=event.target_id)
    confirmed = waiting.update(confirmed_by=event.initiator[:400], confirming_event_id=event.pk)
    return (
        "" if confirmed else "The request has ended, or another operator has already confirmed it."
    )


def release(asked: UnlockRequest, event: Event) -> None:
    """Let the request wait again: the unlock that confirmed it was not done."""
    claimed = UnlockRequest.objects.filter(pk=asked.pk, confirming_event_id=event.pk)
    claimed.update(confirmed_by="", confirming_event_id="")


def _waiting(now: datetime) -> QuerySet[UnlockRequest]:
    return UnlockRequest.objects.filter(confirming_event_id="", expires_at__gt=now)


def _in_scope(rows: QuerySet[UnlockRequest], scope: str | None) -> QuerySet[UnlockRequest]:
    return rows if scope is None else rows.filter(target_domain_id=scope)
