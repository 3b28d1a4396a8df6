"""A job that comes due is done once, however many processes are told to do it.

Each time that it comes due is a slot, and the winner of the slot's row does the job. A winner that
dies leaves its lease, and when that has run out somebody else may win.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import F
from django.utils import timezone

from pciops.lib.models import JobRun

KEPT: Final = timedelta(days=7)  # how long a run that is over is remembered


def once(
    job: str,
    every: timedelta,
    work: Callable[[datetime], object],
    *,
    lease: timedelta | None = None,
) -> bool:
    """Do the work of the slot that is due now, unless somebody has done it or is at it.

    Work that raises gives its slot up, so whoever is told next tries again.

    Args:
        work: gets the instant at which it began.
        lease: longer than the work can take; `every` without one.
    """
    now = timezone.now()
    run = claim(job, slot(now, every), now=now, lease=lease or every)
    if run is None:
        return False
    try:
        work(now)
    except Exception:
        give_up(run)
        raise
    finish(run, timezone.now())
    forget(job, now)
    return True


def slot(now: datetime, every: timedelta) -> datetime:
    """The last instant at which a job was due that is due so often, counted from midnight UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (now - midnight) // every * every


def claim(job: str, slot: datetime, *, now: datetime, lease: timedelta) -> JobRun | None:
    """Win the slot of this job; None where it is done, or another winner is at it.

    Args:
        lease: longer than the job can take, or somebody else will do it as well.
    """
    ours = {"owner": uuid.uuid4().hex, "leased_until": now + lease}
    run, created = JobRun.objects.get_or_create(job=job, slot=slot, defaults=ours)
    if created:
        return run
    lapsed = JobRun.objects.filter(pk=run.pk, done_at=None, leased_until__lte=now)
    if not lapsed.update(**ours):
        return None
    run.owner, run.leased_until = str(ours["owner"]), now + lease
    return run


def finish(run: JobRun, now: datetime) -> bool:
    """The job is done, for good; False where the lease had run out and another took over."""
    won = JobRun.objects.filter(pk=run.pk, owner=run.owner, done_at=None)
    return won.update(done_at=now) == 1


def give_up(run: JobRun) -> None:
    """The job is not done: whoever is told next may try at once."""
    JobRun.objects.filter(pk=run.pk, owner=run.owner, done_at=None).update(leased_until=F("slot"))


def forget(job: str, now: datetime) -> None:
    """Delete the runs of this job that nobody can be told to do any more."""
    JobRun.objects.filter(job=job, slot__lt=now - KEPT).delete()
