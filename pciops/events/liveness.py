"""Reports whether notifications arrive, and since when they do not (PCI DSS 10.7.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Max, Q
from django.dispatch import Signal

from pciops.events.models import ConsumerSession
from pciops.lib import times

TIMEOUT: Final = timedelta(seconds=45)  # a consumer without a heartbeat for so long is gone
# Sent with each heartbeat of a consumer, connected or not: what else it does is up to receivers.
heartbeat: Final = Signal()


@dataclass(frozen=True, kw_only=True)
class Liveness:
    """The state of the consumers.

    Attributes:
        running: a consumer had a heartbeat recently.
        connected: a running one is connected to RabbitMQ.
        until: the last time at which one was connected; None for never.
        last_message_at: the time of the last notification.
        error: why none is connected, as a running one reports it.
        lag: age in seconds of the oldest notification of the last batch when it was recorded, of
            the slowest connected consumer; None if it is not known.
    """

    running: bool
    connected: bool
    until: datetime | None
    last_message_at: datetime | None
    error: str
    lag: float | None


@dataclass(frozen=True, kw_only=True)
class Silence:
    """A time without notifications.

    Attributes:
        since: the last time at which they arrived; None for never.
        set_up: notifications are configured, or were received before.
        reason: why, with addresses of machines; "" if unknown.
    """

    since: datetime | None
    set_up: bool
    sentence: str
    reason: str
    remedy: str


def liveness(now: datetime) -> Liveness:
    """Return the state of the consumers."""
    return _liveness(_alive(now))


def _alive(now: datetime) -> list[ConsumerSession]:
    """Return the sessions of running consumers, the newest heartbeat first."""
    recent = ConsumerSession.objects.filter(until__gt=now - TIMEOUT).order_by("-until")
    return [row for row in recent if not (row.connected and row.error)]  # else it has ended


def _liveness(alive: Sequence[ConsumerSession]) -> Liveness:
    last = ConsumerSession.objects.aggregate(
        until=Max("until", filter=Q(connected=True)), message_at=Max("last_message_at")
    )
    lags = [row.lag_seconds for row in alive if row.connected and row.lag_seconds is not None]
    connected = any(row.connected for row in alive)
    return Liveness(
        running=bool(alive),
        connected=connected,
        until=last["until"],
        last_message_at=last["message_at"],
        error="" if connected else next((row.error for row in alive if row.error), ""),
        lag=max(lags, default=None),
    )


def silence(now: datetime) -> Silence | None:
    """Return the current silence; None if a consumer is connected."""
    alive = _alive(now)
    if any(row.connected for row in alive):  # as almost always: the rest need not be read
        return None
    state = _liveness(alive)
    if not (state.until or state.running or settings.NOTIFICATIONS_URLS):
        return Silence(
            since=None,
            set_up=False,
            sentence="pciops does not receive Keystone's notifications, so it can't show what "
            "locks accounts and who changes them.",
            reason="",
            remedy="Set PCIOPS_NOTIFICATIONS_URL and run pciops consume_events. docs/events.md "
            "lists the options for keystone.conf.",
        )
    since = f"since {times.both(state.until, now)}" if state.until else "yet"
    return Silence(
        since=state.until,
        set_up=True,
        sentence=f"No events from Keystone {since}. The data below may be out of date.",
        reason=state.error,
        remedy="The consumer is running and reconnects to RabbitMQ."
        if state.running
        else "No consumer is running. Start pciops consume_events.",
    )


def gaps(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the periods without a connected consumer that are longer than `TIMEOUT`."""
    begin = since
    rows = ConsumerSession.objects.filter(connected=True, until__gt=since, since__lt=until)
    for row in rows.order_by("since"):
        if row.since - begin > TIMEOUT:
            yield begin, row.since
        begin = max(begin, row.until)
    if until - begin > TIMEOUT:
        yield begin, until
