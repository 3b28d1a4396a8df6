"""The Celery app: `celery -A pciops worker -B`. Checks the settings before the first task."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import django
from celery import Celery
from celery.schedules import crontab
from celery.signals import setup_logging
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from pciops.lib.env import SettingError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pciops.settings")

if not apps.ready:  # a worker or beat; manage.py has done it
    try:
        django.setup()
        call_command("check")
    except (SettingError, SystemCheckError) as error:
        sys.exit(f"pciops: {error}")
for _folder in map(Path, settings.CELERY_BROKER_TRANSPORT_OPTIONS.values()):
    _folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _folder.mkdir(mode=0o700, exist_ok=True)

app = Celery("pciops")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# The whole timetable, in UTC. Two beats do no harm: pciops.lib.jobs.
app.conf.beat_schedule = {
    # Every five minutes. A worker that was away does not make up for what it missed.
    "census": {
        "task": "accounts.census",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Every five minutes: acts that a crash has left pending.
    "settle_pending": {
        "task": "actions.settle_pending",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Every five minutes: options of Keystone's policy that have changed go into the trail.
    "policy": {
        "task": "audit.policy",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Every five minutes: how many refusals were only counted goes into the trail.
    "refusals": {
        "task": "audit.refusals",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Once an hour, tried every five minutes: what expires or becomes inactive soon. What is due
    # stays so until the day itself, so a later run makes up for those that an outage prevented.
    "plan_notices": {
        "task": "notices.plan",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Every minute: locks and unlocks, and the mails themselves.
    "plan_lock_notices": {
        "task": "notices.locks",
        "schedule": crontab(),
        "options": {"expires": 50},
    },
    "send_notices": {
        "task": "notices.send",
        "schedule": crontab(),
        "options": {"expires": 50},
    },
    # Every five minutes: the digests of the day, once its hour has come. So an outage delays them
    # and nothing else.
    "write_digests": {
        "task": "notices.digest",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Every minute: mails to operators (digests, reports, alerts).
    "send_operator_mails": {
        "task": "notices.operator_mails",
        "schedule": crontab(),
        "options": {"expires": 50},
    },
    # Every day at 02:10: the trail's chain is verified.
    "verify_audit": {
        "task": "audit.verify",
        "schedule": crontab(hour="2", minute="10"),
        "options": {"expires": 3600},
    },
    # Every Sunday at 03:10: rows of the trail that are too old are pruned.
    "prune_audit": {
        "task": "audit.prune",
        "schedule": crontab(hour="3", minute="10", day_of_week="sunday"),
        "options": {"expires": 3600},
    },
    # Every five minutes: reports that are due. Each week's is built once, on the day and hour of
    # the settings or as soon after it as everything answers.
    "issue_reports": {
        "task": "reports.issue",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Every day at 03:40: reports that are too old are pruned, and the chain of the others verified.
    "keep_reports": {
        "task": "reports.keep",
        "schedule": crontab(hour="3", minute="40"),
        "options": {"expires": 3600},
    },
    # Every minute: lockout storms, and the alerts about them.
    "find_storms": {
        "task": "events.storms",
        "schedule": crontab(),
        "options": {"expires": 50},
    },
    "raise_alerts": {
        "task": "notices.alerts",
        "schedule": crontab(),
        "options": {"expires": 50},
    },
    # Every minute: locks that were ended past pciops. Once an hour, tried every five minutes: last
    # activity that was changed so.
    "find_hidden_unlocks": {
        "task": "events.hidden_unlocks",
        "schedule": crontab(),
        "options": {"expires": 50},
    },
    "find_hidden_activity": {
        "task": "events.hidden_activity",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 240},
    },
    # Every day at 03:40: notifications that are too old are deleted.
    "prune_events": {
        "task": "events.prune",
        "schedule": crontab(hour="3", minute="40"),
        "options": {"expires": 3600},
    },
}


@setup_logging.connect
def keep_logging(**_: Any) -> None:
    """Our LOGGING stands: Celery sets up its own only where nobody listens to this signal."""
