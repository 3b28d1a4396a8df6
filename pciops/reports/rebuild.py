"""Has a worker build a report again: that can take a minute, which no page waits for."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from kombu.exceptions import OperationalError

from pciops.audit import services
from pciops.audit.models import Event
from pciops.audit.services import Initiator
from pciops.lib import times
from pciops.reports.models import StoredReport

TASK: Final = "reports.build_again"


class BrokerDownError(Exception):
    """The broker does not take the message; the text is its answer."""


def request_rebuild(stored: StoredReport, *, initiator: Initiator, now: datetime) -> None:
    """Have a worker make another revision of this week.

    The message has neither names nor addresses: the audit log has the initiator.

    Raises:
        BrokerDownError, AuditLogError: no worker was asked.
    """
    from pciops.celery import app  # noqa: PLC0415 (it checks the site, which imports this)

    services.record(
        Event.Action.BUILD,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=str(stored),
        remark="asked for another revision",
        now=now,
    )
    try:
        app.send_task(TASK, args=(stored.week, stored.domain_id, times.iso(now)), retry=False)
    except OperationalError as error:
        raise BrokerDownError(str(error)) from error
