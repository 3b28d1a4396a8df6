"""The database itself refuses to change what a report says, and to delete it without a stub."""

from __future__ import annotations

from typing import Any, Final

from django.db import connections, router

from pciops.lib import triggers
from pciops.lib.triggers import Guard
from pciops.reports.models import StoredReport

SENTENCE: Final = "a report is never changed"
_PRUNED: Final = (
    "(SELECT 1 FROM reports_reportstub stub WHERE stub.domain_id = OLD.domain_id"
    " AND stub.last_position >= OLD.position)"
)
_PART_OF_PRUNED: Final = (
    "(SELECT 1 FROM reports_reportstub stub JOIN reports_storedreport report"
    " ON report.domain_id = stub.domain_id AND stub.last_position >= report.position"
    " WHERE report.id = OLD.report_id)"
)


def _guards(table: str, pruned: str) -> tuple[Guard, Guard]:
    return (
        Guard(
            name=f"{table}_no_update",
            table=table,
            verb="UPDATE",
            refused="1 = 1",
            sentence=SENTENCE,
        ),
        Guard(
            name=f"{table}_no_delete",
            table=table,
            verb="DELETE",
            refused=f"NOT EXISTS {pruned}",
            sentence=SENTENCE,
        ),
    )


GUARDS: Final = (
    *_guards("reports_storedreport", _PRUNED),
    *_guards("reports_rows", _PART_OF_PRUNED),
    *_guards("reports_signoff", _PART_OF_PRUNED),
)
TABLES: Final = {"reports_reportstub", *(guard.table for guard in GUARDS)}


def install(using: str = "default", **_: Any) -> None:
    """Make the triggers that are missing."""
    if not router.allow_migrate_model(using, StoredReport):
        return
    if set(connections[using].introspection.table_names()) >= TABLES:
        triggers.install(GUARDS, using)  # else migrate was asked for less
