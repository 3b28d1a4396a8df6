"""The outbox as a task: every minute, what is due."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final

from django.db import DatabaseError, InterfaceError
from django.utils import timezone

from pciops.celery import app
from pciops.lib import outbox

LONGEST: Final = timedelta(seconds=50)  # that one run takes, so that runs do not pile up

log = logging.getLogger(__name__)


@app.task(name="lib.send_mails")
def send_mails() -> None:
    """Hand in what is due. Workers may do so at once: each claims what it sends."""
    try:
        now = timezone.now()
        handed = outbox.send_due(clock=timezone.now, until=now + LONGEST)
        if handed.sent:
            outbox.forget(now)
    except (DatabaseError, InterfaceError) as error:
        log.error("no mail to those who run the cloud: pciops' own database fails: %s", error)
        return
    if handed.sent or handed.refused or handed.later or handed.given_up:
        log.info(
            "mails to those who run the cloud: %d sent, %d refused, %d put off, %d given up",
            *(handed.sent, handed.refused, handed.later, handed.given_up),
        )
    if handed.problem:
        log.warning("mails to those who run the cloud are not sent: %s", handed.problem)
