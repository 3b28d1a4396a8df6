"""Starts and stops of the processes that write the audit log (PCI DSS 10.2.1.6)."""

from __future__ import annotations

import os

from django.db import close_old_connections
from django.utils import timezone

from pciops.audit import services
from pciops.audit.models import Event


def record_start(process: str) -> None:
    """Record that this process started; a row that cannot be written is logged."""
    _record(Event.Action.START, process)


def record_stop(process: str) -> None:
    """Record that this process stops. A process that is killed leaves no such row."""
    _record(Event.Action.STOP, process)


def _record(action: Event.Action, process: str) -> None:
    close_old_connections()
    services.record_or_log(
        action,
        Event.Outcome.SUCCESS,
        initiator=services.operating_system_user(),
        resource=process,
        remark=f"process {os.getpid()}",
        now=timezone.now(),
    )
    close_old_connections()
