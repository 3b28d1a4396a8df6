"""Old notifications are pruned once a day."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError

from pciops.celery import app
from pciops.events import prune
from pciops.keystone import database
from pciops.lib import jobs

DAY: Final = timedelta(days=1)

log = logging.getLogger(__name__)


@app.task(name="events.prune")
def prune_old() -> None:
    """Delete what is older than it is kept."""
    try:
        jobs.once("events.prune", DAY, _prune)
    except (DatabaseError, InterfaceError) as error:
        log.error("events.prune: pciops' own database does not answer: %s", database.reason(error))


def _prune(now: datetime) -> None:
    deleted = {name: number for name, number in prune.prune(now).items() if number}
    if deleted:
        words = ", ".join(f"{number} of {name}" for name, number in deleted.items())
        log.info("old notifications deleted: %s", words)
