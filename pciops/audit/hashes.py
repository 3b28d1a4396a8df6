"""How rows of the audit log mention the hash of a report: their remark begins with it."""

from __future__ import annotations

import re
from typing import Final

from pciops.audit.models import Event

_HASH: Final = re.compile(r"SHA-256 ([0-9a-f]{64})\b")


def hash_remark(sha256: str, remark: str = "") -> str:
    """Return the remark of a row about a report, with its hash."""
    return f"SHA-256 {sha256}{f': {remark}' if remark else ''}"


def hash_of(event: Event) -> str:
    """Return the hash of the report that a row is about; "" if the row has none."""
    match = _HASH.match(event.remark)
    return match[1] if match else ""
