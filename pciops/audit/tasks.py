"""What the trail does by itself: policy, counted refusals, verification, pruning."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts.policy import policy as policies
from pciops.audit import policy, prune, refusals, verify
from pciops.audit.services import AuditLogError
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs

# As the timetable in pciops.celery has them.
FIVE_MINUTES: Final = timedelta(minutes=5)
DAY: Final = timedelta(days=1)

log = logging.getLogger(__name__)


@app.task(name="audit.policy")
def look_at_policy() -> None:
    """Write into the trail which options of Keystone's policy have changed."""
    _once("audit.policy", FIVE_MINUTES, lambda now: policy.compare(policies.sourced(), now))


@app.task(name="audit.refusals")
def write_refusals() -> None:
    """Write into the trail how many refusals were only counted."""
    _once("audit.refusals", FIVE_MINUTES, refusals.write_counted)


@app.task(name="audit.verify")
def verify_chain() -> None:
    """Verify the whole chain; the result is kept, and an error in it is logged."""
    _once("audit.verify", DAY, verify.run)


@app.task(name="audit.prune")
def prune_rows() -> None:
    """Prune the rows that are not kept any longer."""
    _once("audit.prune", DAY, prune.prune)


def _once(job: str, every: timedelta, work: Callable[[datetime], object]) -> None:
    """Do the work of this slot, unless somebody has; a failure is for the next who is told."""
    with database.outages_logged(job):
        try:
            jobs.once(job, every, work)
        except prune.BrokenChainError as error:
            log.error("%s: nothing is pruned, the trail does not fit: %s", job, error)
        except AuditLogError as error:
            log.error("%s: %s", job, error)
