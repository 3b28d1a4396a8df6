"""What a crash has left pending, settled by a task."""

from __future__ import annotations

import logging

from django.utils import timezone

from pciops.accounts.policy import policy
from pciops.actions import recovery
from pciops.celery import app
from pciops.keystone import database

log = logging.getLogger(__name__)


@app.task(name="actions.settle_pending")
def settle_pending() -> None:
    """Settle acts without an end. Two at once do no harm: each act is settled once."""
    with database.outages_logged("actions.settle_pending"):
        number = recovery.settle_quietly(policy=policy.current(), now=timezone.now())
        if number:
            log.warning("%d pending act%s settled", number, "" if number == 1 else "s")
