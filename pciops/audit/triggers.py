"""The database itself refuses to change a row of the chain, and to delete one without a stub."""

from __future__ import annotations

from typing import Any, Final

from django.db import connections, router

from pciops.audit.models import Event
from pciops.lib import triggers
from pciops.lib.triggers import Guard

SENTENCE: Final = "the trail is append-only"
GUARDS: Final = (
    Guard(
        name="audit_event_no_update",
        table="audit_event",
        verb="UPDATE",
        refused="OLD.position IS NOT NULL",
        sentence=SENTENCE,
    ),
    Guard(
        name="audit_event_no_delete",
        table="audit_event",
        verb="DELETE",
        refused="OLD.position IS NOT NULL AND NOT EXISTS "
        "(SELECT 1 FROM audit_stub WHERE last_position >= OLD.position)",
        sentence=SENTENCE,
    ),
)


def install(using: str = "default", **_: Any) -> None:
    """Make the triggers that are missing."""
    if not router.allow_migrate_model(using, Event):
        return
    if {"audit_event", "audit_stub"} <= set(connections[using].introspection.table_names()):
        triggers.install(GUARDS, using)  # else migrate was asked for less
