"""Notices as tasks: what days bring is planned every hour, locks and the sending every minute."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs
from pciops.notices import digests, forecast, plan, rules, send
from pciops.notices.rules import Book

# As the timetable in pciops.celery has them.
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
FIVE_MINUTES: Final = 5 * MINUTE
LONGEST: Final = timedelta(seconds=50)  # that one run of sending takes, so that runs do not pile up

Work = Callable[[Policy, Book, datetime], None]

log = logging.getLogger(__name__)


@app.task(name="notices.plan")
def plan_by_date() -> None:
    """Plan what expires or becomes inactive soon, and cancel what no longer holds."""
    _once("notices.plan", HOUR, _plan_by_date, lease=HOUR / 2)


@app.task(name="notices.locks")
def plan_by_lock() -> None:
    """Plan the notices of locks and unlocks."""
    _once("notices.locks", MINUTE, _plan_by_lock, lease=5 * MINUTE)


@app.task(name="notices.send")
def send_due() -> None:
    """Send what is due. Workers may do so at once: each claims what it sends."""
    with database.outages_logged("notices.send"):
        _send()


@app.task(name="notices.digest")
def write_digests() -> None:
    """Write the digests of the day once its hour has come; one that fails is written later."""
    with database.outages_logged("notices.digest"):
        jobs.once("notices.digest", FIVE_MINUTES, _write_digests)


def _write_digests(now: datetime) -> None:
    day = digests.today(now)
    if day is None:
        return
    for row in digests.issue(policy=policies.current(), now=now, day=day):
        log.info("digest of %s: %s", row.domain_name or "the cloud", row.subject)


def _plan_by_date(policy: Policy, book: Book, now: datetime) -> None:
    cancelled = plan.review(policy=policy, book=book, now=now)
    planned = plan.by_date(policy=policy, book=book, now=now)
    forecast.take(policy=policy, book=book, now=now)
    log.info(
        "%d notices planned, %d of them without an address to send to; %d cancelled",
        planned.planned.total(),
        planned.unsendable,
        cancelled,
    )


def _plan_by_lock(policy: Policy, book: Book, now: datetime) -> None:
    planned = plan.by_lock(policy=policy, book=book, now=now).planned
    if planned:
        log.info("%d notices of locks and unlocks planned", planned.total())


def _send() -> None:
    sent = send.send_due(
        policy=policies.current(),
        book=rules.current(),
        clock=timezone.now,
        until=timezone.now() + LONGEST,
    )
    if sent.ended or sent.later:
        words = [f"{number} {status}" for status, number in sorted(sent.ended.items())]
        log.info("notices: %s", ", ".join([*words, f"{sent.later} put off"]))
    if sent.problem:
        log.log(_level(sent), "notices are not sent: %s", sent.problem)


def _level(sent: send.Sent) -> int:
    """Not being set up is no news every minute."""
    return logging.DEBUG if "is not set" in sent.problem else logging.WARNING


def _once(job: str, every: timedelta, work: Work, *, lease: timedelta) -> None:
    """Do the work of this slot, unless somebody has; a failure is for the next who is told."""
    with database.outages_logged(job):
        jobs.once(
            job,
            every,
            lambda now: work(policies.current(), rules.current(), now),
            lease=lease,
        )
