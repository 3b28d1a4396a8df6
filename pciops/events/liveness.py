"""Says since when nothing is heard from Keystone, and what to do (PCI DSS 10.7.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from pciops.events import selectors
from pciops.lib import times


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Notifications are not coming in.

    Attributes:
        since: until then they were; None where they never were.
        set_up: whether anybody has meant them to.
        reason: why, with addresses of machines; "" where that is not known.
    """

    since: datetime | None
    set_up: bool
    sentence: str
    reason: str
    remedy: str


def silence(now: datetime) -> Silence | None:
    """None where a consumer is connected."""
    found = selectors.news(now)
    if found.connected:
        return None
    if not (found.until or found.running or settings.NOTIFICATIONS_URLS):
        return Silence(
            since=None,
            set_up=False,
            sentence="Nobody listens to Keystone's notifications: what locks accounts, and who "
            "changes them, is not known here.",
            reason="",
            remedy="Set PCIOPS_NOTIFICATIONS_URL and run manage.py consume_events; "
            "docs/events.md has the lines for keystone.conf.",
        )
    since = f"since {times.both(found.until, now)}" if found.until else "yet"
    return Silence(
        since=found.until,
        set_up=True,
        sentence=f"No news from Keystone {since}: what is shown below is not the newest.",
        reason=found.error,
        remedy="The consumer runs, and tries to reach RabbitMQ again and again."
        if found.running
        else "No consumer is running: start manage.py consume_events.",
    )
