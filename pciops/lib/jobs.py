"""Jobs that run once each time they are due, however many processes are told to run them.

Each time that a job is due is a slot with one row. The process that claims the row runs the job.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from django.utils import timezone

from pciops.lib import claims, retries
from pciops.lib.models import JobRun

KEPT: Final = timedelta(days=7)  # how long a finished run is kept


def once(
    job: str,
    every: timedelta,
    work: Callable[[datetime], object],
    *,
    lease: timedelta | None = None,
) -> bool:
    """Run the work of the slot that is due now, unless it is done or another process runs it.

    Work that raises releases its slot, so the next process that is told to runs it again.

    Args:
        work: called with the time at which it began.
        lease: longer than the work takes; default `every`.
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
    """Return the last time that a job was due, counted from midnight UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + (now - midnight) // every * every


def claim(job: str, slot: datetime, *, now: datetime, lease: timedelta) -> JobRun | None:
    """Claim a slot of this job; return None if it is done or another process has it."""
    run, _ = retries.run(lambda: JobRun.objects.get_or_create(job=job, slot=slot), idempotent=True)
    open_runs = JobRun.objects.filter(pk=run.pk, done_at=None)
    return next(iter(claims.claim(open_runs, now=now, lease=lease)), None)


def finish(run: JobRun, now: datetime) -> bool:
    """Record that the job is done; return False if another process took the slot over."""
    done = retries.run(
        lambda: claims.held(run).update(done_at=now, claimed_until=None), idempotent=True
    )
    return done == 1


def give_up(run: JobRun) -> None:
    """Release the slot, so that the next process that is told to runs the job."""
    retries.run(lambda: claims.release([run]), idempotent=True)


def forget(job: str, now: datetime) -> None:
    """Delete the old runs of this job."""
    JobRun.objects.filter(job=job, slot__lt=now - KEPT).delete()
