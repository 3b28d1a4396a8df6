"""The watch over the schedule, which a consumer keeps: see `operation`."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils import timezone

from pciops.keystone import database
from pciops.lib import jobs
from pciops.notices.alerts import lifecycle, operation, run
from pciops.notices.alerts.message import AlertKind
from pciops.notices.mail import operator_mail
from pciops.notices.models import Alert

MINUTE: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(seconds=20)  # of sending, during which no notification is read

log = logging.getLogger(__name__)


def on_heartbeat(**_: Any) -> None:
    """Once a minute, alert to a schedule that stopped; one of several consumers does."""
    with database.outages_logged("notices.watch"):
        jobs.once("notices.watch", MINUTE, _watch)


def _watch(now: datetime) -> None:
    if lifecycle.update(
        [AlertKind.SCHEDULE],
        operation.schedule(now),
        ending=lambda alert: operation.ENDINGS[AlertKind(alert.kind)],
        now=now,
    ):
        log.warning("an alert about the schedule began or ended")
    if Alert.objects.filter(kind=AlertKind.SCHEDULE, resolved_at=None).exists():
        # No worker sends it.
        run.call_due(clock=timezone.now)
        result = operator_mail.send_due(clock=timezone.now, until=now + LONGEST)
        if result.problem:
            log.warning("emails to operators are not sent: %s", result.problem)
