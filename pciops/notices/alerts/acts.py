"""Calls about every act on an account, for ticket systems: who did what to whom, and why.

The audit log is the source: a row has a place in its chain as soon as the act is over, so the
highest place that was told says where to go on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db.models import Max

from pciops.audit.models import Event
from pciops.lib import retries
from pciops.notices.alerts.lifecycle import DAY, call_values
from pciops.notices.alerts.unlocks import act_facts
from pciops.notices.digest_content import page_url
from pciops.notices.models import WebhookCall

AT_ONCE: Final = 500  # acts of one run
ACTIONS: Final = (
    Event.Action.UNLOCK,
    Event.Action.ENABLE,
    Event.Action.DISABLE,
    Event.Action.EXEMPT,
    Event.Action.LIFT,
    Event.Action.RECORD,
    Event.Action.END_SESSIONS,
    Event.Action.MACHINE,
    Event.Action.PERSON,
)


def queue_calls(now: datetime) -> None:
    """Queue a call about each act of the last day that has none yet."""
    if not settings.ACT_WEBHOOK_URL:
        return
    last = WebhookCall.objects.aggregate(position=Max("act_position"))["position"] or 0
    acts = Event.objects.filter(
        action__in=ACTIONS, event_time__gt=now - DAY, position__gt=last
    ).order_by("position")
    for event in acts[:AT_ONCE]:
        _queue_call(event, now)


@retries.repeated
def _queue_call(event: Event, now: datetime) -> None:
    WebhookCall.objects.get_or_create(
        act_position=event.position,
        defaults={"about": f"act {event.pk}", **call_values(body(event), now)},
    )


def body(event: Event) -> dict[str, Any]:
    """Return the body of a call; names and reason are as they were written."""
    pattern = settings.TICKET_PATTERN
    ticket = pattern.search(event.reason) if pattern else None
    return {
        "type": "act",
        "id": event.pk,
        "cloud": settings.CLOUD_NAME,
        "url": page_url(f"/accounts/{event.target_id}/") or None,
        "ticket": ticket.group() if ticket else None,
        **act_facts(event),
    }
