"""Invalid attempts in the audit log (PCI DSS 10.2.1.4), limited so that no caller fills the disk.

One caller from one source gets at most 20 rows in ten minutes. A named operator gets at most 300 in
an hour, and so do all callers without a name together: a flood of theirs hides no operator's. Any
more are counted, and a task records the number: only the requested URLs are lost.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError
from django.db.models import F

from pciops.audit import services
from pciops.audit.models import Event, RefusalCounter
from pciops.audit.services import PCIOPS, AuditLogError, Initiator
from pciops.keystone import database
from pciops.lib import counters, retries, times
from pciops.lib.addresses import network

WINDOW: Final = timedelta(minutes=10)
MAX_EACH: Final = 20  # rows of one caller in a window
HOUR: Final = timedelta(hours=1)
MAX_ALL: Final = 300  # rows of an operator, or of all callers without a name, in an hour
KEPT: Final = timedelta(days=1)
_NAMELESS: Final = ""  # the key of all callers without a name

log = logging.getLogger(__name__)


def record_refusal(*, initiator: Initiator, resource: str, remark: str, now: datetime) -> None:
    """Record or count a refused request; a failure to do so is logged.

    Args:
        resource: method and path.
    """
    counters.add("refusals")
    try:
        if not _take_row(initiator, now):
            return
    except (DatabaseError, InterfaceError, AuditLogError) as error:
        log.error("cannot count a refusal: %s", database.reason(error))
        return
    services.record_or_log(
        Event.Action.DENY,
        Event.Outcome.FAILURE,
        initiator=initiator,
        resource=resource,
        remark=remark,
        now=now,
    )


def record_counted(now: datetime) -> int:
    """Record the counts of windows that are over; return the number of new rows.

    Raises:
        AuditLogError: the counts stay.
    """
    over = RefusalCounter.objects.filter(more__gt=0, since__lte=now - WINDOW).order_by("key")
    rows = sum(_record_count(row, now) for row in over)
    RefusalCounter.objects.filter(more=0, since__lt=now - KEPT).delete()
    return rows


def _record_count(row: RefusalCounter, now: datetime) -> bool:
    """Record the count of one caller; return False if another process does.

    Raises:
        AuditLogError: the count stays.
    """
    counter = RefusalCounter.objects.filter(pk=row.pk)
    if not counter.filter(more=row.more).update(more=0):
        return False
    since = times.dated(row.since)
    try:
        services.record(
            Event.Action.DENY,
            Event.Outcome.FAILURE,
            initiator=PCIOPS,
            resource="pciops",
            remark=f"{row.more} more of {row.caller or 'all callers without a name'} since "
            f"{since}, without rows of their own",
            now=now,
        )
    except AuditLogError:
        counter.update(more=F("more") + row.more)
        raise
    return True


def _take_row(initiator: Initiator, now: datetime) -> bool:
    """Take one of the rows of this caller; if there are none left, count it and return False."""
    source = network(initiator.address)
    key = f"{initiator.id or '-'} {source}"
    budget_key = f"all of {initiator.id[:64]}" if initiator.id else _NAMELESS
    budget = _window(budget_key, initiator.name if initiator.id else "", HOUR, now)
    if budget.rows >= MAX_ALL:
        RefusalCounter.objects.filter(pk=budget_key).update(more=F("more") + 1)
        return False
    _window(key, f"{initiator.name} from {source}", WINDOW, now)
    if not RefusalCounter.objects.filter(pk=key, rows__lt=MAX_EACH).update(rows=F("rows") + 1):
        RefusalCounter.objects.filter(pk=key).update(more=F("more") + 1)
        return False
    RefusalCounter.objects.filter(pk=budget_key).update(rows=F("rows") + 1)
    return True


def _window(key: str, caller: str, length: timedelta, now: datetime) -> RefusalCounter:
    """Return the current window of a key, a new one if the last is over."""
    fresh = {"since": now, "caller": caller[:400]}
    row, _created = retries.run(
        lambda: RefusalCounter.objects.get_or_create(key=key, defaults=fresh), idempotent=True
    )
    if row.since <= now - length:
        if row.more:
            _record_count(row, now)
        RefusalCounter.objects.filter(pk=key, since=row.since).update(rows=0, **fresh)
        row.refresh_from_db()
    return row
