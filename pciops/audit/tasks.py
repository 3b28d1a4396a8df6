"""The tasks of the audit log: policy changes, counted refusals, verification,
anchors, syslog, pruning.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from pciops.accounts.policy import policy as policies
from pciops.audit import anchors, chain, policy_changes, prune, refusals, syslog
from pciops.audit.evidence import EvidenceKeyError
from pciops.audit.services import AuditLogError
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs

# As in the timetable of pciops.celery.
FIVE_MINUTES: Final = timedelta(minutes=5)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
BACKLOG: Final = 20_000  # rows for syslog that one run sends at most


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
    """Verify the whole chain, save the result, and sign it or log an error."""
    _once("audit.verify", DAY, lambda now: anchors.make(chain.run_check(now), now))


@app.task(name="audit.anchor")
def make_anchor() -> None:
    """Sign the head of the chain, after a check of the rows since the last anchor."""
    _once("audit.anchor", HOUR, anchors.make_current)


@app.task(name="audit.syslog")
def send_syslog() -> None:
    """Send the rows that wait for the syslog receiver."""
    with database.outages_logged("audit.syslog"):
        sent, wait = 0, True
        while wait and sent < BACKLOG:
            now = syslog.catch_up()
            sent, wait = sent + now, now > 0


@app.task(name="audit.prune")
def prune_rows() -> None:
    """Prune the rows that are not kept any longer."""
    _once("audit.prune", DAY, prune.prune)


def _once(job: str, every: timedelta, work: Callable[[datetime], object]) -> None:
    """Do the work of this slot, unless another worker has; a failed slot can be taken again."""
    failures = (AuditLogError, EvidenceKeyError, prune.MayNotPruneError, prune.BrokenChainError)
    with database.outages_logged(job, *failures):
        jobs.once(job, every, work)
