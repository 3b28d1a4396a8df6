"""Invalid attempts in the trail (PCI DSS 10.2.1.4), so few of each caller that none fills our disk.

Of one caller from one source the trail takes 20 rows in ten minutes, of all together 300 in an
hour. What is beyond that is counted, and a task writes the number into the trail: nothing is lost
but the addresses that were tried.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError
from django.db.models import F

from pciops.audit import services
from pciops.audit.models import Event, Refusals
from pciops.audit.services import PCIOPS, AuditLogError, Initiator
from pciops.keystone import database
from pciops.lib import times
from pciops.lib.networks import bucket

WINDOW: Final = timedelta(minutes=10)
EACH: Final = 20  # rows of one caller in a window
HOUR: Final = timedelta(hours=1)
ALL: Final = 300  # rows of all callers in an hour
KEPT: Final = timedelta(days=1)
_ALL_KEY: Final = ""

log = logging.getLogger(__name__)


def note(*, initiator: Initiator, resource: str, remark: str, now: datetime) -> None:
    """Somebody tried what they may not do. The answer goes out whatever becomes of this.

    Args:
        resource: method and path.
    """
    try:
        if not _has_place(initiator, now):
            return
    except (DatabaseError, InterfaceError, AuditLogError) as error:
        log.error("a refusal cannot be counted: %s", database.reason(error))
        return
    services.note(
        Event.Action.DENY,
        Event.Outcome.FAILURE,
        initiator=initiator,
        resource=resource,
        remark=remark,
        now=now,
    )


def write_counted(now: datetime) -> int:
    """Write into the trail what was only counted in windows that are over; how many rows.

    Raises:
        AuditLogError: what is not written stays counted.
    """
    over = Refusals.objects.filter(more__gt=0, since__lte=now - WINDOW).order_by("key")
    rows = sum(_write(row, now) for row in over)
    Refusals.objects.filter(more=0, since__lt=now - KEPT).delete()
    return rows


def _write(row: Refusals, now: datetime) -> bool:
    """Write what this caller's row has counted; False where somebody else does it.

    Raises:
        AuditLogError: it stays counted.
    """
    this = Refusals.objects.filter(pk=row.pk)
    if not this.filter(more=row.more).update(more=0):
        return False
    since = times.dated(row.since)
    try:
        services.record(
            Event.Action.DENY,
            Event.Outcome.FAILURE,
            initiator=PCIOPS,
            resource="pciops",
            remark=f"{row.more} more of {row.caller or 'all callers together'} since {since}, "
            "without rows of their own",
            now=now,
        )
    except AuditLogError:
        this.update(more=F("more") + row.more)
        raise
    return True


def _has_place(initiator: Initiator, now: datetime) -> bool:
    """Whether the trail takes a row of this caller; one that it does not take is counted."""
    source = bucket(initiator.address)
    key = f"{initiator.id or '-'} {source}"
    everybody = _window(_ALL_KEY, "", HOUR, now)
    if everybody.rows >= ALL:
        Refusals.objects.filter(pk=_ALL_KEY).update(more=F("more") + 1)
        return False
    _window(key, f"{initiator.name} from {source}", WINDOW, now)
    if not Refusals.objects.filter(pk=key, rows__lt=EACH).update(rows=F("rows") + 1):
        Refusals.objects.filter(pk=key).update(more=F("more") + 1)
        return False
    Refusals.objects.filter(pk=_ALL_KEY).update(rows=F("rows") + 1)
    return True


def _window(key: str, caller: str, length: timedelta, now: datetime) -> Refusals:
    """The window of this key that is open; a new one, where that is over."""
    fresh = {"since": now, "caller": caller[:400]}
    row, _created = Refusals.objects.get_or_create(key=key, defaults=fresh)
    if row.since <= now - length:
        if row.more:
            _write(row, now)
        Refusals.objects.filter(pk=key, since=row.since).update(rows=0, **fresh)
        row.refresh_from_db()
    return row
