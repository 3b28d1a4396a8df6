"""Triggers with which the database itself refuses to change a stored report.

Deleting one is not refused: the oldest are pruned. Verification finds a missing report by its row
in the audit log.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import connections, router

from pciops.lib import triggers
from pciops.lib.triggers import Guard
from pciops.reports.models import RowChunk, SignOff, StoredReport

GUARDS: Final = tuple(
    Guard(
        name=f"{model._meta.db_table}_no_update",
        table=model._meta.db_table,
        verb="UPDATE",
        refused="1 = 1",
        sentence="a report is never changed",
    )
    for model in (StoredReport, RowChunk, SignOff)
)


def install(using: str = "default", **_: Any) -> None:
    """Create the triggers that are missing, if all tables exist."""
    if not router.allow_migrate_model(using, StoredReport):
        return
    if set(connections[using].introspection.table_names()) >= {guard.table for guard in GUARDS}:
        triggers.install(GUARDS, using)
