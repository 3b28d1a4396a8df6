"""The Celery app: `celery -A pciops worker -B`. Checks the settings before the first task."""

from __future__ import annotations

import logging
import os
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar

import django
from celery import Celery
from celery.schedules import crontab
from celery.signals import (
    setup_logging,
    task_postrun,
    task_prerun,
    worker_ready,
    worker_shutdown,
)
from celery.worker import consumer
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES, pyamqp

from pciops.lib import logs
from pciops.lib.env import SettingError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pciops.settings")

log = logging.getLogger(__name__)

if not apps.ready:  # a worker or beat; manage.py has done this already
    try:
        django.setup()
        call_command("check", stdout=StringIO())  # no line for the log
    except (SettingError, SystemCheckError) as error:
        sys.exit(f"pciops: {error}")
for _folder in map(Path, settings.CELERY_BROKER_TRANSPORT_OPTIONS.values()):
    try:
        _folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        _problem = f"is a folder in which {_folder} cannot be made ({error.strerror})"
        raise SettingError("PCIOPS_VAR", _problem, "/var/lib/pciops") from None


class NodeTransport(pyamqp.SSLTransport):
    """AMQP over TLS that expects the name of each node; kombu's expects the first node's of all."""

    def establish_connection(self) -> Any:
        """Connect to the node whose turn it is."""
        self.client.ssl = {**(self.client.ssl or {}), "server_hostname": self.client.hostname}
        return super().establish_connection()


TRANSPORT_ALIASES["amqps"] = f"{__name__}:{NodeTransport.__name__}"


class WorkerConsumer(consumer.Consumer):
    """Celery's, without the 28 queues for delayed tasks that it makes if a queue is a quorum queue.

    pciops delays no task. To make them takes all nodes, so a worker started late if one was down.
    """

    class Blueprint(consumer.Consumer.Blueprint):
        """The steps of its start."""

        default_steps: ClassVar = [
            step
            for step in consumer.Consumer.Blueprint.default_steps
            if not step.endswith(":DelayedDelivery")
        ]


app = Celery("pciops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

MINUTE = crontab()
FIVE_MINUTES = crontab(minute="*/5")
TWENTY_SECONDS = timedelta(seconds=20)


def _entry(task: str, schedule: crontab | timedelta, *, expires: int) -> dict[str, Any]:
    """Return an entry of the timetable; a message expires after so many seconds."""
    return {"task": task, "schedule": schedule, "options": {"expires": expires}}


# The whole timetable, in UTC. Two beats do no harm, see pciops.lib.jobs. Tasks that do their work
# once an hour or once a day run every five minutes, so that an outage only delays it.
app.conf.beat_schedule = {
    # The census. A worker that was down does not make up for missed ones.
    "census": _entry("accounts.census", FIVE_MINUTES, expires=240),
    # Daily: the leftovers in Keystone's tables are counted.
    "housekeeping": _entry("accounts.housekeeping", FIVE_MINUTES, expires=240),
    # Acts that a crash has left pending.
    "settle_pending": _entry("actions.settle_pending", FIVE_MINUTES, expires=240),
    # Changed options of Keystone's policy, and counted refusals, for the audit log.
    "policy": _entry("audit.policy", FIVE_MINUTES, expires=240),
    "refusals": _entry("audit.refusals", FIVE_MINUTES, expires=240),
    # Hourly: expiring passwords and inactivity. What is due stays due until its day.
    "plan_notices": _entry("notices.plan", FIVE_MINUTES, expires=240),
    # Locks and unlocks, and the sending of all notices.
    "plan_lock_notices": _entry("notices.locks", MINUTE, expires=50),
    "send_notices": _entry("notices.send", MINUTE, expires=50),
    # The digests of the day, once their hour has come.
    "write_digests": _entry("notices.digest", FIVE_MINUTES, expires=240),
    # Emails to operators: digests, reports, alerts.
    "send_operator_mails": _entry("notices.operator_mails", MINUTE, expires=50),
    # Rows of the audit log that wait for the syslog receiver.
    "send_syslog": _entry("audit.syslog", MINUTE, expires=50),
    # Hourly: the head of the audit log's chain is signed.
    "make_anchor": _entry("audit.anchor", FIVE_MINUTES, expires=240),
    # The audit log: verified every day, pruned every Sunday.
    "verify_audit": _entry("audit.verify", crontab(hour="2", minute="10"), expires=3600),
    "prune_audit": _entry(
        "audit.prune", crontab(hour="3", minute="10", day_of_week="sunday"), expires=3600
    ),
    # The report of each week, on the day and hour of the settings.
    "issue_reports": _entry("reports.issue", FIVE_MINUTES, expires=240),
    # Old reports are pruned, and the others verified.
    "keep_reports": _entry("reports.keep", crontab(hour="3", minute="40"), expires=3600),
    # Lockout storms.
    "find_storms": _entry("events.storms", MINUTE, expires=50),
    # Alerts: within a minute of a lock, so three looks in a minute.
    "raise_alerts": _entry("notices.alerts", TWENTY_SECONDS, expires=15),
    # Locks that ended out of band; hourly: last activity that was changed out of band.
    "find_hidden_unlocks": _entry("events.hidden_unlocks", MINUTE, expires=50),
    "find_hidden_activity": _entry("events.hidden_activity", FIVE_MINUTES, expires=240),
    # Sessions that have ended are deleted.
    "clear_sessions": _entry("signin.clear_sessions", crontab(hour="3", minute="40"), expires=3600),
    # Old notifications are deleted.
    "prune_events": _entry("events.prune", crontab(hour="3", minute="40"), expires=3600),
}


@setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Keep Django's LOGGING: Celery sets up its own only if this signal has no receiver."""


@task_prerun.connect
def begin_run(task_id: str, **_: Any) -> None:
    """Let the log entries of a run have the id of its message."""
    logs.request_id.set(f"req-{task_id}")


@task_postrun.connect
def end_run(**_: Any) -> None:
    """Forget the id."""
    logs.request_id.set("")


@worker_ready.connect
def record_start(**_: Any) -> None:
    """Record the start of a worker in the audit log (PCI DSS 10.2.1.6), and order a census.

    The worker takes it at once, unless that of these five minutes is there: a new installation does
    not wait for beat.
    """
    from pciops.audit import processes  # noqa: PLC0415 (the apps are ready only now)

    processes.record_start("worker")
    try:
        app.send_task("accounts.census", expires=240)
    except OperationalError as error:  # the worker connects again by itself
        log.warning(
            "the broker took no order of a census, so the schedule gives the next: %s", error
        )


@worker_shutdown.connect
def record_stop(**_: Any) -> None:
    """Record the stop of a worker."""
    from pciops.audit import processes  # noqa: PLC0415 (the same)

    processes.record_stop("worker")
