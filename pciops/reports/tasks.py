"""The reports as tasks: run every five minutes once a report is due, and done once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from pciops.audit.prune import MayNotPruneError
from pciops.audit.services import AuditLogError
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs
from pciops.reports import build, schedule, weeks
from pciops.reports.archive import prune, store, verify
from pciops.reports.sources import CloudSources

DAY: Final = timedelta(days=1)
LEASE: Final = timedelta(minutes=30)  # longer than all reports of a week take

log = logging.getLogger(__name__)


@app.task(name="reports.issue")
def build_due() -> None:
    """Build, store and owe the reports that are due; one process does it at a time."""
    with database.outages_logged("reports.issue", AuditLogError):
        now = timezone.now()
        waiting = schedule.due(now)
        if not waiting:
            return
        run = jobs.claim("reports.issue", schedule.due_at(waiting[-1]), now=now, lease=LEASE)
        if run is None:
            return  # another process does it
        try:
            schedule.build_due(now)
        finally:
            jobs.give_up(run)
            jobs.forget("reports.issue", now)


@app.task(name="reports.build_again")
def build_again(week: str, domain_id: str, requested_at: str) -> None:
    """Build another revision of a week; the audit log has the initiator.

    A message that is delivered twice makes one revision: the second run finds one that is newer
    than the request.
    """
    requested = datetime.fromisoformat(requested_at)
    with database.outages_logged("reports.build_again"):
        now = timezone.now()
        newest = store.newest(week, domain_id)
        if newest is not None and newest.generated_at >= requested:
            return
        run = jobs.claim(f"reports.again {week} {domain_id}"[:64], requested, now=now, lease=LEASE)
        if run is None:
            return
        try:
            stored = schedule.build_and_store(
                weeks.parse(week, now=now),
                build.domain_of(domain_id),
                cloud=CloudSources(now=now),
                again=True,
            )
        except (AuditLogError, weeks.WeekError, build.DomainError) as error:
            jobs.give_up(run)
            log.error("cannot build %s again: %s", week, error)
        except Exception:
            jobs.give_up(run)
            raise
        else:
            jobs.finish(run, timezone.now())
            log.info("%s is stored", stored)


@app.task(name="reports.keep")
def prune_and_verify() -> None:
    """Prune the reports that are too old and verify the others; log an error if one fails."""
    with database.outages_logged("reports.keep", AuditLogError):
        jobs.once("reports.keep", DAY, _prune_and_verify)


def _prune_and_verify(now: datetime) -> None:
    try:
        prune.prune(now)
    except MayNotPruneError as error:
        log.error("reports.keep: %s", error)
    check = verify.verify()
    if check.problem:
        log.error("verification of the reports failed: %s", check.problem)
