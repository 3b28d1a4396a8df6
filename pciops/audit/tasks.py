"""The tasks of the audit log: policy changes, counted refusals, verification, pruning."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts.policy import policy as policies
from pciops.audit import chain, policy_changes, prune, refusals
from pciops.audit.services import AuditLogError
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs

# As in the timetable of pciops.celery.
FIVE_MINUTES: Final = timedelta(minutes=5)
DAY: Final = timedelta(days=1)

log = logging.getLogger(__name__)


@app.task(name="audit.policy")
def record_policy_changes() -> None:
    """Record changed options of Keystone's policy."""

    def work(now: datetime) -> None:
        policy_changes.record_changes(policies.current_with_sources(), now)

    _once("audit.policy", FIVE_MINUTES, work)


@app.task(name="audit.refusals")
def record_counted_refusals() -> None:
    """Record the number of refusals that have no rows of their own."""
    _once("audit.refusals", FIVE_MINUTES, refusals.record_counted)


@app.task(name="audit.verify")
def verify_chain() -> None:
    """Verify the whole chain, save the result and log an error."""
    _once("audit.verify", DAY, chain.run_check)


@app.task(name="audit.prune")
def prune_rows() -> None:
    """Prune the rows that are not kept any longer."""
    _once("audit.prune", DAY, prune.prune)


def _once(job: str, every: timedelta, work: Callable[[datetime], object]) -> None:
    """Do the work of this slot, unless another worker has; a failed slot can be taken again."""
    with database.outages_logged(job):
        try:
            jobs.once(job, every, work)
        except prune.BrokenChainError as error:
            log.error("%s: nothing is pruned, the trail does not fit: %s", job, error)
        except AuditLogError as error:
            log.error("%s: %s", job, error)
