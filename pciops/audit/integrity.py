"""The acknowledgement of a failed integrity check, as an act in the audit log."""

from __future__ import annotations

from datetime import datetime

from pciops.audit import chain
from pciops.audit.models import Event
from pciops.audit.services import Initiator, record


class NothingOpenError(Exception):
    """There is no failed check to acknowledge, or there is a newer one than was shown."""


def acknowledge(check_id: int, *, initiator: Initiator, reason: str, now: datetime) -> Event:
    """Record the acknowledgement, then close this failed check and those before it.

    Raises:
        NothingOpenError
        AuditLogError: nothing is acknowledged.
    """
    failed = chain.open_failure()
    if failed is None or failed.pk != check_id:
        raise NothingOpenError
    event = record(
        Event.Action.ACKNOWLEDGE,
        Event.Outcome.SUCCESS,
        initiator=initiator,
        resource=f"integrity check {failed.pk}",
        reason=reason,
        remark=failed.problem,
        now=now,
    )
    chain.acknowledge(until=failed.pk, by=event.initiator, reason=reason, now=now)
    return event
