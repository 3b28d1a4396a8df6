"""Keeps made-up reports, as the builder would."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from pciops.audit.services import PCIOPS
from pciops.lib.spool import Spool
from pciops.reports.archive import store
from pciops.reports.build import Built
from pciops.reports.models import StoredReport
from tests.reports.made_up import MONDAY, Kept, believable


def kept(
    week: str = "2026-W46",
    *,
    domain_id: str = "",
    size: int = 5,
    seed: int = 1,
    again: bool = False,
    made: Kept | None = None,
) -> StoredReport:
    """A report of this week in the store, by default a believable one."""
    found = made or believable(size, seed)
    begins = MONDAY + timedelta(weeks=int(week[-2:]) - 47)
    header = replace(
        found.report.header,
        week=week,
        begins=begins,
        ends=begins + timedelta(days=7),
        generated_at=begins + timedelta(days=7, hours=6),
        domain_id=domain_id,
        domain_name=domain_id.title(),
    )
    spools = {key: Spool.of(rows) for key, rows in found.lists.items()}
    sections = tuple(
        replace(
            section,
            tables=tuple(
                replace(table, sha256=spools[table.key].sha256, count=spools[table.key].count)
                for table in section.tables
            ),
        )
        for section in found.report.sections
    )
    built = Built(report=replace(found.report, header=header, sections=sections), spools=spools)
    return store.keep(built, initiator=PCIOPS, again=again)
