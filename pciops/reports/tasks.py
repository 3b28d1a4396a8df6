"""The reports as tasks: tried every five minutes once they are due, and done once."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from pciops.audit.services import AuditLogError
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs
from pciops.reports import build, schedule, weeks
from pciops.reports.archive import chain, prune, store

DAY: Final = timedelta(days=1)
LEASE: Final = timedelta(minutes=30)  # longer than all reports of a week take

log = logging.getLogger(__name__)


@app.task(name="reports.issue")
def issue_due() -> None:
    """Build, keep and owe what is due. One process at a time: a second finds all of it done."""
    with database.outages_logged("reports.issue"):
        now = timezone.now()
        waiting = schedule.due(now)
        if not waiting:
            return
        run = jobs.claim("reports.issue", schedule.due_at(waiting[-1]), now=now, lease=LEASE)
        if run is None:
            return  # somebody is at it
        try:
            schedule.issue(now)
        except AuditLogError as error:
            log.error("reports.issue: %s", error)
        finally:
            jobs.give_up(run)
            jobs.forget("reports.issue", now)


@app.task(name="reports.build_again")
def build_again(week: str, domain_id: str, asked_at: str) -> None:
    """Build another revision of a week; who asked for it is in the trail.

    A message that comes twice makes one revision: whoever has it second finds one that is newer
    than the asking.
    """
    asked = datetime.fromisoformat(asked_at)
    with database.outages_logged("reports.build_again"):
        now = timezone.now()
        newest = store.newest(week, domain_id)
        if newest is not None and newest.generated_at >= asked:
            return
        run = jobs.claim(f"reports.again {week} {domain_id}"[:64], asked, now=now, lease=LEASE)
        if run is None:
            return
        try:
            found = weeks.parse(week, now=now)
            stored = schedule.keep(found, build.domain_of(domain_id), now=now, again=True)
        except (AuditLogError, weeks.WeekError, build.DomainError) as error:
            jobs.give_up(run)
            log.error("%s is not built again: %s", week, error)
        except Exception:
            jobs.give_up(run)
            raise
        else:
            jobs.finish(run, timezone.now())
            log.info("%s is kept", stored)


@app.task(name="reports.keep")
def prune_and_verify() -> None:
    """Prune what is too old, and verify the rest; what does not fit is an error in the log."""
    with database.outages_logged("reports.keep"):
        try:
            jobs.once("reports.keep", DAY, _prune_and_verify)
        except AuditLogError as error:
            log.error("reports.keep: %s", error)


def _prune_and_verify(now: datetime) -> None:
    prune.prune(now)
    check = chain.verify()
    if check.problem:
        log.error("the reports do not fit: %s", check.problem)
