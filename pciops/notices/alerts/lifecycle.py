"""The life of an alert: one while its condition lasts, told when it begins and when it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from django.conf import settings

from pciops.lib import retries, times
from pciops.notices.alerts.message import (
    AlertKind,
    AlertStatus,
    AlertText,
    Section,
    body_of,
    mail_of,
)
from pciops.notices.mail import operator_mail
from pciops.notices.mail.message import RenderedMail
from pciops.notices.models import Alert, WebhookCall

DAY: Final = timedelta(days=1)  # how long a message about an alert is attempted
KEPT: Final = timedelta(days=400)  # how long an alert is kept after its end


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Something that is wrong now.

    Attributes:
        subject: tells it apart from other conditions of its kind, now and later.
        describe: called once, for the message that tells of its begin.
    """

    kind: AlertKind
    subject: str
    began_at: datetime
    describe: Callable[[], AlertText]

    @property
    def key(self) -> str:
        return f"{self.kind} {self.subject}"


def update(
    kinds: Iterable[AlertKind],
    conditions: Iterable[Condition],
    *,
    ending: Callable[[Alert], str],
    now: datetime,
) -> int:
    """Alert to new conditions, and tell of the end of those that are over.

    Args:
        conditions: everything of these kinds that is wrong now.
        ending: returns the sentence that tells how an alert's condition ended.

    Returns:
        the number of alerts that began or ended.
    """
    if not (settings.ALERT_RECIPIENTS or settings.ALERT_WEBHOOK_URL):
        return 0
    standing = {condition.key: condition for condition in conditions}
    known = {
        alert.current: alert for alert in Alert.objects.filter(kind__in=kinds, resolved_at=None)
    }
    number = sum(
        _resolve(alert, ending(alert), now) for key, alert in known.items() if key not in standing
    )
    return number + sum(
        begin(condition, now) for key, condition in standing.items() if key not in known
    )


def tell(about: str, mail: RenderedMail, body: dict[str, Any], now: datetime) -> None:
    """Queue the messages of the channels that are set, unless they are queued already.

    Call it within `retries.run`.

    Args:
        about: their dedup key.
    """
    for to in settings.ALERT_RECIPIENTS:
        operator_mail.put(mail, about=about, to=to, now=now, good_for=DAY)
    if settings.ALERT_WEBHOOK_URL:
        WebhookCall.objects.get_or_create(about=about, defaults=call_values(body, now))


def call_values(body: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Return the columns of a new call of a webhook with this body."""
    return {
        "body": json.dumps(body, ensure_ascii=False),
        "raised_at": now,
        "next_attempt_at": now,
        "give_up_at": now + DAY,
    }


def forget(now: datetime) -> None:
    """Delete old alerts, and old calls of the webhook."""
    Alert.objects.filter(resolved_at__lt=now - KEPT).delete()
    WebhookCall.objects.filter(settled_at__lt=now - KEPT).delete()


def begin(condition: Condition, now: datetime) -> bool:
    """Alert to a condition; return False if another process has."""
    text, alert_id = condition.describe(), uuid4()
    body = body_of(
        text,
        kind=condition.kind,
        alert_id=alert_id,
        subject=condition.subject,
        status=AlertStatus.FIRING,
        began_at=condition.began_at,
    )
    mail = mail_of(body, text.sections, status=AlertStatus.FIRING, began_at=condition.began_at)
    values = {
        "id": alert_id,
        "kind": condition.kind,
        "subject": condition.subject,
        "body": body,
        "began_at": condition.began_at,
        "raised_at": now,
    }

    def write() -> bool:
        alert, created = Alert.objects.get_or_create(current=condition.key, defaults=values)
        if created:
            tell(f"alert {alert.pk.hex}", mail, body, now)
        return created

    return retries.run(write)


@retries.repeated
def _resolve(alert: Alert, sentence: str, now: datetime) -> bool:
    """Tell of the end of an alert; return False if another process has."""
    open_ = Alert.objects.filter(pk=alert.pk, resolved_at=None)
    if not open_.update(resolved_at=now, current=None):
        return False
    body = {
        **alert.body,
        "status": AlertStatus.RESOLVED,
        "description": sentence,
        "ended_at": times.iso(now),
    }
    sections = [Section(lines=[sentence])]
    mail = mail_of(body, sections, status=AlertStatus.RESOLVED, began_at=alert.began_at)
    tell(f"alert {alert.pk.hex} resolved", mail, body, now)
    return True
