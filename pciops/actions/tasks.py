"""A task that settles acts that a crash has left pending."""

from __future__ import annotations

import logging

from django.utils import timezone

from pciops.accounts.policy import policy
from pciops.actions import recovery
from pciops.celery import app
from pciops.keystone import database
from pciops.lib.numbers import counted

log = logging.getLogger(__name__)


@app.task(name="actions.settle_pending")
def settle_pending() -> None:
    """Settle acts without an outcome. Two runs at once settle each act only once."""
    with database.outages_logged("actions.settle_pending"):
        number = recovery.settle_quietly(policy=policy.current(), now=timezone.now())
        if number:
            log.warning("%s settled", counted(number, "pending act"))
