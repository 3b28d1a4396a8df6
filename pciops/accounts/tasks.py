"""The tasks of accounts: the census and housekeeping."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts import housekeeping as leftovers
from pciops.accounts import rare
from pciops.accounts.census import census as counts
from pciops.accounts.policy import policy
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs

EVERY: Final = timedelta(minutes=5)  # as in the timetable of pciops.celery
LEASE: Final = timedelta(minutes=4)
DAY: Final = timedelta(days=1)
HOUSEKEEPING_LEASE: Final = timedelta(minutes=10)  # 14 statements of at most 15 s

log = logging.getLogger(__name__)


@app.task(name="accounts.census")
def census() -> None:
    """Take the census of this slot, unless another worker has; a failure waits for the next.

    Once an hour, also find the accounts in rare states.
    """
    with database.outages_logged("census"):
        if not jobs.once("census", EVERY, _take, lease=LEASE):
            log.info("this census slot is already done")
        jobs.once("rare_states", rare.EVERY, _scan, lease=LEASE)


def _take(now: datetime) -> None:
    census = counts.take(policy=policy.current(), now=now)
    thinned = counts.thin(now)
    log.info("census taken in %d ms; %d old ones deleted", census.milliseconds, thinned)


def _scan(now: datetime) -> None:
    rare.scan(policy.current(), now)


@app.task(name="accounts.housekeeping")
def housekeeping() -> None:
    """Count the leftovers in Keystone's tables, once a day; a failure waits for the next run."""

    def work(now: datetime) -> None:
        leftovers.keep(leftovers.count(now))

    with database.outages_logged("housekeeping"):
        jobs.once("housekeeping", DAY, work, lease=HOUSEKEEPING_LEASE)
