"""How the audit log mentions reports: the one place that writes and reads such remarks.

The audit log has no column for a hash, and its rows never change, so the remark holds it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from pciops.audit.hashes import hash_of as hash_of
from pciops.audit.hashes import hash_remark as hash_remark
from pciops.audit.models import Event
from pciops.lib import times
from pciops.lib.numbers import counted

PRUNED: Final = "reports"  # the resource of a row about pruning
_PRUNED_BEFORE: Final = re.compile(r"built before (\S+)$")
_LAST_PRUNED: Final = re.compile(r"the last ([0-9a-f]{64})$")  # up to 0.1.0


def prune_remark(number: int, before: datetime) -> str:
    """Return the remark of a row about pruning: all reports built before this time."""
    return f"{counted(number, 'report')} built before {times.iso(before)}"


def pruned_before(event: Event) -> datetime | None:
    """Return the time before which a row about pruning deleted the reports."""
    match = _PRUNED_BEFORE.search(event.remark)
    return datetime.fromisoformat(match[1]) if match else None


def last_pruned(event: Event) -> str:
    """Return the hash of the newest report that a row about pruning, up to 0.1.0, deleted."""
    match = _LAST_PRUNED.search(event.remark)
    return match[1] if match else ""
