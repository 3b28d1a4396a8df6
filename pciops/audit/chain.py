"""The chain: each settled row carries a SHA-256 over its content and over the row before.

docs/audit.md says how to compute it again without pciops; what is written here must not change.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from pciops.audit.models import ChainHead, Event
from pciops.lib import canonical

# All columns but the hash itself.
CONTENT: Final = (
    *("id", "event_time", "settled_at", "observer", "action", "outcome"),
    *("initiator_type", "initiator_id", "initiator_name"),
    *("initiator_domain_id", "initiator_domain_name", "initiator_address", "initiator_agent"),
    *("via", "target_id", "target_name", "target_domain_id", "target_domain_name", "resource"),
    *("reason", "identity", "seen", "remark", "position", "previous_hash"),
)
BATCH: Final = 1000  # rows in memory at a time


def content(event: Event) -> dict[str, str | int]:
    """What is hashed. A column without a value is left out, so one that a later release adds
    changes the hash of no row that was there before.
    """
    values = ((name, getattr(event, name, None)) for name in CONTENT)
    return {name: _plain(value) for name, value in values if value is not None and value != ""}


def digest(event: Event) -> str:
    """SHA-256, in hexadecimal, over the content as canonical JSON (RFC 8785) in UTF-8."""
    return canonical.digest(canonical.canonical(content(event)))


def locked_head() -> ChainHead:
    """The end of the chain, held until the transaction ends: one process appends at a time."""
    head, _ = ChainHead.objects.select_for_update().get_or_create(pk=1)
    return head


def append(event: Event, head: ChainHead) -> None:
    """Give the event its place behind the head, and make it the head; both are still to save."""
    event.position, event.previous_hash = head.position + 1, head.hash
    event.hash = digest(event)
    head.position, head.hash = event.position, event.hash


def walk(after: int, until: int) -> Iterator[Event]:
    """The rows of the chain between two positions, the second included, a batch at a time."""
    while True:
        rows = Event.objects.filter(position__gt=after, position__lte=until)
        batch = list(rows.order_by("position")[:BATCH])
        if not batch:
            return
        yield from batch
        after = batch[-1].position or until


def _plain(value: Any) -> str | int:
    if isinstance(value, datetime):
        return canonical.instant(value)
    return value if isinstance(value, int) else str(value)
