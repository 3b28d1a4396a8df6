"""The limit of samples: operators choose their own address in Keystone, which may be anyone's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from pciops.audit.models import Event

PER_HOUR: Final = 20  # samples of an operator, and samples to an address
HOUR: Final = timedelta(hours=1)


def precondition(address: str) -> str:
    """Return the precondition of a sample, by which its address is found in the audit log."""
    return f"email {address}"


def too_many(act: Event, *, now: datetime) -> bool:
    """Return whether this sample, whose row is in the audit log, is one too many.

    Samples that begin at the same time count each other.
    """
    rows = Event.objects.filter(action=Event.Action.SAMPLE, event_time__gt=now - HOUR)
    rows = rows.exclude(outcome=Event.Outcome.FAILURE)
    same = (Q(target_id=act.target_id), Q(precondition=act.precondition))
    return any(rows.filter(condition).count() > PER_HOUR for condition in same)
