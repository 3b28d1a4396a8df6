"""Takes rows that are old enough off the beginning of the chain, and leaves a signed stub."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Min

from pciops.audit import chain, stubs, verify
from pciops.audit.models import Event, Stub
from pciops.audit.services import PCIOPS, record
from pciops.lib import times

RESOURCE: Final = "trail"


class BrokenChainError(Exception):
    """What would be pruned does not fit; nothing is pruned before somebody has looked at it."""


@transaction.atomic
def prune(now: datetime) -> Stub | None:
    """Delete the rows that were settled longer ago than they are kept; None where there is none.

    The rows are verified before, so that nothing vanishes that shows a forgery. The pruning has
    its own row in the trail.

    Raises:
        BrokenChainError
        AuditLogError: nothing is pruned.
    """
    head = chain.locked_head()
    kept = Event.objects.filter(settled_at__gte=times.months_before(now, settings.TRAIL_MONTHS))
    first_kept = kept.exclude(position=None).aggregate(first=Min("position"))["first"]
    until = head.position if first_kept is None else first_kept - 1
    check = verify.verify_until(until)
    if check.problem:
        raise BrokenChainError(check.problem)
    if not check.rows:
        return None
    stub = Stub(
        first_position=check.position - check.rows + 1,
        last_position=check.position,
        last_hash=check.hash,
        count=check.rows,
        pruned_at=now,
    )
    stub.signature = stubs.sign(stub)
    stub.save()  # before the rows go: the database's own trigger asks for it
    Event.objects.filter(position__lte=until).prune()
    record(
        Event.Action.PRUNE,
        Event.Outcome.SUCCESS,
        initiator=PCIOPS,
        resource=RESOURCE,
        remark=f"rows {stub.first_position} to {stub.last_position}, the last {stub.last_hash}",
        now=now,
    )
    return stub
