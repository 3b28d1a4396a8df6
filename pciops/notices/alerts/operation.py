"""What stands still: the audit log's integrity, the consumer, and the jobs of the timetable.

A worker looks at the consumer and at single jobs. If no job runs at all, no worker can tell: then
the consumer does, with each of its heartbeats. So each of the two watches the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from pciops.audit import chain
from pciops.events import liveness
from pciops.lib import times
from pciops.lib.addresses import defanged
from pciops.lib.models import JobRun
from pciops.notices.alerts.lifecycle import Condition
from pciops.notices.alerts.message import AlertKind, AlertText, Section, Severity

ALERTS: Final = "notices.alerts"  # the job that alerts; it runs more often than any other
SCHEDULE_PATIENCE: Final = timedelta(minutes=5)
CONSUMER_PATIENCE: Final = timedelta(minutes=2)  # a restart is no reason to wake a person
LONGEST: Final = 400  # characters of a reason

# Job → what it does, and how long after its last success it is overdue.
JOBS: Final = {
    "census": ("The census", timedelta(minutes=30)),
    "notices.locks": ("The planning of notices about locks", timedelta(minutes=30)),
    "notices.plan": ("The planning of notices", timedelta(hours=3)),
    "events.storms": ("The search for possible attacks", timedelta(minutes=30)),
    "events.hidden_unlocks": ("The search for unlocks outside pciops", timedelta(minutes=30)),
    "audit.anchor": ("The anchor of the audit log", timedelta(hours=3)),
    "audit.verify": ("The integrity check of the audit log", timedelta(hours=26)),
}
ENDINGS: Final = {
    AlertKind.INTEGRITY: "An administrator acknowledged the failed integrity check.",
    AlertKind.CONSUMER: "A consumer is connected again. What Keystone sent meanwhile may be lost.",
    AlertKind.JOB: "The job was done again.",
    AlertKind.SCHEDULE: "Jobs run again.",
}


def conditions(now: datetime) -> Iterator[Condition]:
    """Yield what a worker sees; not that of the schedule, which runs if a worker looks."""
    yield from _integrity()
    yield from _consumer(now)
    yield from _jobs(now)


def last_run() -> datetime | None:
    """Return when the job that runs most often was last done; None if it never was."""
    return _last_success(ALERTS)


def stopped_since(now: datetime) -> datetime | None:
    """Return the time since which no job runs; None if jobs run, or if none ever did."""
    last = last_run()
    return last if last is not None and now - last > SCHEDULE_PATIENCE else None


def schedule(now: datetime) -> Iterator[Condition]:
    """Yield the condition that no job runs, unless none ever did."""
    last = stopped_since(now)
    if last is None:
        return
    yield Condition(
        kind=AlertKind.SCHEDULE,
        subject="",
        began_at=last,
        describe=lambda: AlertText(
            summary="No job of the timetable runs",
            sections=[
                Section(
                    lines=[
                        f"The last one was done at {times.dated(last)}. No notice, digest, report,"
                        " or alert is sent, and locks are not looked for.",
                        "Start the worker and its beat (celery -A pciops worker --beat), or look at"
                        " the broker.",
                    ]
                )
            ],
            path="/status/",
        ),
    )


def _integrity() -> Iterator[Condition]:
    failed = chain.open_failure()
    if failed is None:
        return
    yield Condition(
        kind=AlertKind.INTEGRITY,
        subject="",
        began_at=failed.checked_at,
        describe=lambda: AlertText(
            summary="Audit log integrity check failed",
            sections=[
                Section(
                    lines=[
                        f"{defanged(failed.problem, LONGEST)}.",
                        "The database was changed outside pciops. Keep a copy of it first, compare"
                        " it with syslog, then acknowledge the check with what you found.",
                    ]
                )
            ],
            path="/audit/",
            facts={"integrity_check": failed.pk, "rows": failed.rows},
        ),
    )


def _consumer(now: datetime) -> Iterator[Condition]:
    silence = liveness.silence(now)
    if silence is None or silence.since is None or now - silence.since <= CONSUMER_PATIENCE:
        return
    since, reason = silence.since, silence.reason
    lines = [
        f"The last connection ended at {times.dated(since)}. Until there is one, pciops does not"
        " know why accounts are locked, who changes them, or whether an attack is on.",
        *([f"Reason: {defanged(reason, LONGEST)}"] if reason else []),
        silence.remedy,
    ]
    yield Condition(
        kind=AlertKind.CONSUMER,
        subject="",
        began_at=since,
        describe=lambda: AlertText(
            summary="No consumer of Keystone's notifications is connected",
            sections=[Section(lines=lines)],
            path="/status/",
            severity=Severity.WARNING,
        ),
    )


def _jobs(now: datetime) -> Iterator[Condition]:
    for job, (label, patience) in JOBS.items():
        last = _last_success(job)
        if last is not None and now - last > patience:
            yield _overdue(job, label, last)


def _overdue(job: str, label: str, last: datetime) -> Condition:
    return Condition(
        kind=AlertKind.JOB,
        subject=job,
        began_at=last,
        describe=lambda: AlertText(
            summary=f"{label} is overdue",
            sections=[
                Section(
                    lines=[
                        f"It was last done at {times.dated(last)}.",
                        f"The log of the worker says why: look for {job}.",
                    ]
                )
            ],
            path="/status/",
            severity=Severity.WARNING,
            facts={"job": job, "last_done_at": times.iso(last)},
        ),
    )


def _last_success(job: str) -> datetime | None:
    done = JobRun.objects.filter(job=job, done_at__isnull=False).order_by("-slot")
    return done.values_list("done_at", flat=True).first()
