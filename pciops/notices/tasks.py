"""Notices, digests, alerts and their mails as tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone

from pciops.accounts.policy import policy as policies
from pciops.accounts.policy.policy import Policy
from pciops.celery import app
from pciops.keystone import database
from pciops.lib import jobs
from pciops.notices import digests, forecast, plan, rules, send
from pciops.notices.alerts import acts, lifecycle
from pciops.notices.alerts import run as alerts
from pciops.notices.mail import operator_mail
from pciops.notices.models import DeliveryStatus
from pciops.notices.rules import RuleBook

# As the timetable in pciops.celery has them.
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
TWENTY_SECONDS: Final = timedelta(seconds=20)
FIVE_MINUTES: Final = 5 * MINUTE
LONGEST: Final = timedelta(seconds=50)  # of one run of sending, so that runs do not pile up

log = logging.getLogger(__name__)


@app.task(name="notices.plan")
def plan_by_date() -> None:
    """Plan what expires or becomes inactive soon, and cancel obsolete notices."""
    _once("notices.plan", HOUR, _plan_by_date, lease=HOUR / 2)


@app.task(name="notices.locks")
def plan_by_lock() -> None:
    """Plan the notices of locks and unlocks."""
    _once("notices.locks", MINUTE, _plan_by_lock, lease=5 * MINUTE)


@app.task(name="notices.send")
def send_due() -> None:
    """Send the notices that are due. Several workers may do so at once."""
    with database.outages_logged("notices.send"):
        result = send.send_due(
            policy=policies.current(),
            book=rules.current(),
            clock=timezone.now,
            until=timezone.now() + LONGEST,
        )
        if result.settled or result.deferred:
            numbers = [f"{number} {status}" for status, number in sorted(result.settled.items())]
            log.info("notices: %s", ", ".join([*numbers, f"{result.deferred} deferred"]))
        if result.problem:
            level = logging.WARNING if settings.MAIL_SERVER else logging.DEBUG
            log.log(level, "notices are not sent: %s", result.problem)


@app.task(name="notices.digest")
def write_digests() -> None:
    """Write the digests of the day after their hour has come; one that fails is written later."""
    with database.outages_logged("notices.digest"):
        jobs.once("notices.digest", FIVE_MINUTES, _write_digests)


@app.task(name="notices.alerts")
def raise_alerts() -> None:
    """Alert to what is wrong now, tell of acts, and send both at once.

    One worker looks; several may send.
    """
    with database.outages_logged("notices.alerts"):
        jobs.once("notices.alerts", TWENTY_SECONDS, _raise_alerts, lease=MINUTE)
        result = alerts.call_due(clock=timezone.now)
        if result.settled or result.deferred:
            log.info("calls of the webhook: %s", result)


@app.task(name="notices.operator_mails")
def send_operator_mails() -> None:
    """Send the digests, reports and alerts that are due. Several workers may do so at once."""
    with database.outages_logged("notices.operator_mails"):
        now = timezone.now()
        result = operator_mail.send_due(clock=timezone.now, until=now + LONGEST)
        if result.settled[DeliveryStatus.SENT]:
            operator_mail.forget(now)
        if result.settled.total() or result.deferred:
            log.info("emails to operators: %s", result)
        if result.problem:
            log.warning("emails to operators are not sent: %s", result.problem)


def _raise_alerts(now: datetime) -> None:
    acts.queue_calls(now)
    if number := alerts.raise_alerts(now):
        log.warning("%d alerts began or ended", number)
        lifecycle.forget(now)
        send_operator_mails()


def _write_digests(now: datetime) -> None:
    day = digests.due_day(now)
    if day is None:
        return
    for row in digests.write_due(policy=policies.current(), now=now, day=day):
        log.info("digest of %s: %s", row.domain_name or "the cloud", row.subject)


def _plan_by_date(policy: Policy, book: RuleBook, now: datetime) -> None:
    canceled = plan.review(policy=policy, book=book, now=now)
    result = plan.by_date(policy=policy, book=book, now=now)
    forecast.take(policy=policy, book=book, now=now)
    log.info(
        "%d notices planned, %d of them without a valid email address; %d canceled",
        result.planned.total(),
        result.unsendable,
        canceled,
    )


def _plan_by_lock(policy: Policy, book: RuleBook, now: datetime) -> None:
    planned = plan.by_lock(policy=policy, book=book, now=now).planned
    if planned:
        log.info("%d notices of locks and unlocks planned", planned.total())


def _once(
    job: str,
    every: timedelta,
    work: Callable[[Policy, RuleBook, datetime], None],
    *,
    lease: timedelta,
) -> None:
    """Do the work of this slot once; after a failure the next call does it."""
    with database.outages_logged(job):
        jobs.once(
            job, every, lambda now: work(policies.current(), rules.current(), now), lease=lease
        )
