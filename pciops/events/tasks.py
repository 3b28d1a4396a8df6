"""Tasks: find storms and changes outside pciops, prune old rows."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts.policy import policy as policies
from pciops.celery import app
from pciops.events import prune
from pciops.events.storms import storms
from pciops.events.tampering import detection
from pciops.keystone import database
from pciops.lib import jobs

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)

log = logging.getLogger(__name__)


@app.task(name="events.prune")
def prune_old() -> None:
    """Delete old rows."""
    with database.outages_logged("events.prune"):
        jobs.once("events.prune", DAY, _prune)


def _prune(now: datetime) -> None:
    deleted = {name: number for name, number in prune.prune(now).items() if number}
    if deleted:
        numbers = ", ".join(f"{number} of {name}" for name, number in deleted.items())
        log.info("old notifications deleted: %s", numbers)


@app.task(name="events.storms")
def find_storms() -> None:
    """Detect a lockout storm, or update the current one."""
    with database.outages_logged("events.storms"):
        jobs.once("events.storms", MINUTE, _watch, lease=5 * MINUTE)


def _watch(now: datetime) -> None:
    storm = storms.watch(policy=policies.current(), now=now)
    if storm is not None:
        log.warning("%s: %d accounts tried, %d unknown names", storm, storm.accounts, storm.names)


@app.task(name="events.hidden_unlocks")
def find_out_of_band_unlocks() -> None:
    """Find unlocks outside pciops."""
    with database.outages_logged("events.hidden_unlocks"):
        jobs.once("events.hidden_unlocks", MINUTE, _find_unlocks, lease=5 * MINUTE)


@app.task(name="events.hidden_activity")
def find_out_of_band_activity() -> None:
    """Find changes of the last activity outside pciops."""
    with database.outages_logged("events.hidden_activity"):
        jobs.once("events.hidden_activity", HOUR, _find_activity_changes, lease=HOUR / 2)


def _find_unlocks(now: datetime) -> None:
    if number := detection.find_unlocks(policy=policies.current(), now=now):
        log.warning("%d accounts were unlocked outside pciops", number)


def _find_activity_changes(now: datetime) -> None:
    if number := detection.find_activity_changes(policy=policies.current(), now=now):
        log.warning("the last activity of %d accounts was changed outside pciops", number)
