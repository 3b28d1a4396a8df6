"""The audit log as a Django app, and the triggers with which the database protects it."""

from __future__ import annotations

from typing import Any, Final

from django.apps import AppConfig
from django.db import connections, router
from django.db.models.signals import post_migrate

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


class AuditConfig(AppConfig):
    name = "pciops.audit"

    def ready(self) -> None:
        post_migrate.connect(install_triggers, sender=self)


def install_triggers(using: str = "default", **_: Any) -> None:
    """Make the triggers that are missing, once both tables are there."""
    if not router.allow_migrate(using, "audit"):
        return
    if {"audit_event", "audit_stub"} <= set(connections[using].introspection.table_names()):
        triggers.install(GUARDS, using)
