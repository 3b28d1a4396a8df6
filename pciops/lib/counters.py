"""Counters for metrics that all processes on all machines add to, in one table.

A scrape reads them from any process of the site: see pciops.web.metrics.
"""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import Final

from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from pciops.lib import retries
from pciops.lib.models import SharedCounter
from pciops.lib.upsert import ADD, REPLACE, upsert

# The counters, and the labels of each. No label may name an account, a person, or an address.
LABELS: Final[dict[str, tuple[str, ...]]] = {
    "audit_entries": ("action", "outcome"),
    "job_runs": ("name", "outcome"),
    "message_seconds": ("kind",),  # of all deliveries
    "messages": ("kind", "outcome"),
    "refusals": (),
}

log = logging.getLogger(__name__)


def add(name: str, *labels: str, by: float = 1) -> None:
    """Add to a counter when the current transaction commits; a failure to do so is logged.

    Args:
        labels: the values of the labels, single words.
    """
    if len(labels) != len(LABELS[name]):
        raise ValueError(f"the labels of {name} are {LABELS[name]}, not {labels}")
    transaction.on_commit(partial(_add, " ".join((name, *labels)), by, timezone.now()))


def read() -> list[tuple[str, tuple[str, ...], float, datetime]]:
    """Return name, values of labels, value, and the time of the last addition of all counters.

    Those of another version, with other names or labels, are left out.
    """
    rows = SharedCounter.objects.order_by("key").values_list("key", "value", "added_at")
    split = ((key.split(" "), value, at) for key, value, at in rows)
    return [
        (name, tuple(labels), value, at)
        for (name, *labels), value, at in split
        if name in LABELS and len(labels) == len(LABELS[name])
    ]


def _add(key: str, by: float, now: datetime) -> None:
    row = SharedCounter(key=key, value=by, added_at=now)
    on_conflict = {"value": ADD, "added_at": REPLACE}
    try:
        retries.run(partial(upsert, SharedCounter, [row], unique="key", on_conflict=on_conflict))
    except (DatabaseError, InterfaceError) as error:
        log.warning("cannot count %s: %s", key, error.args[-1] if error.args else error)
