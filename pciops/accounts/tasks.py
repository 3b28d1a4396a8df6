"""The census as a task."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from pciops.accounts import census as counts
from pciops.accounts import policy
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs

EVERY: Final = timedelta(minutes=5)  # as the timetable in pciops.celery has it
LEASE: Final = timedelta(minutes=4)

log = logging.getLogger(__name__)


@app.task(name="accounts.census")
def census() -> None:
    """Take the census of this slot, unless somebody has; a failure waits for the next slot."""
    try:
        _take()
    except database.KeystoneDatabaseDownError as error:
        log.warning("no census: Keystone's database does not answer: %s", error)
    except (DatabaseError, InterfaceError) as error:
        log.error("no census: pciops' own database does not answer: %s", database.reason(error))


def _take() -> None:
    now = timezone.now()
    slot = jobs.slot(now, EVERY)
    run = jobs.claim("census", slot, now=now, lease=LEASE)
    if run is None:
        log.info("the census of %s is taken already", f"{slot:%H:%M} UTC")
        return
    try:
        taken = counts.take(policy=policy.current(), now=now)
    except database.KeystoneDatabaseDownError:
        jobs.give_up(run)
        raise
    jobs.finish(run, timezone.now())
    jobs.forget("census", now)
    thinned = counts.thin(now)
    log.info("census taken in %d ms; %d old ones deleted", taken.milliseconds, thinned)
