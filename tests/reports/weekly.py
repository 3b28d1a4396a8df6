"""A week that is over, and the sections of its report."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pciops.accounts.models import Census
from pciops.reports.sections import SECTIONS
from pciops.reports.sources import CloudSources, Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Row, Section, Verdict
from pciops.reports.weeks import Week
from tests.factories import NOW

WEEK: Final = Week(2026, 46)  # the last that has ended at NOW
IN_WEEK: Final = WEEK.begins + timedelta(days=2, hours=3)
BY_KEY: Final = dict(
    zip(
        ("sources", "policy", "population", "7.2", "8.2.4", "8.2.6", "8.3.4", "8.3.5", "8.3.6")
        + ("8.3.9", "8.4", "8.6", "acts", "gaps", "review"),
        SECTIONS,
        strict=True,
    )
)


def take_censuses(*times: datetime) -> None:
    """Store empty censuses, so that there is data from these times."""
    for time in times:
        Census.objects.create(counted_at=time, milliseconds=1)


def sources(*, scope: str | None = None, week: Week = WEEK, now: datetime = NOW) -> Sources:
    return Sources(week=week, scope=scope, cloud=CloudSources(now=now))


def section(
    key: str, tables: ReportTables | None = None, *, scope: str | None = None, now: datetime = NOW
) -> Section:
    """Return the section of the report of `WEEK`."""
    return BY_KEY[key](sources(scope=scope, now=now), tables or ReportTables())


def figures(key: str, *, scope: str | None = None) -> dict[str, int | None]:
    """Return the figures of a section by their keys."""
    return {figure.key: figure.number for figure in section(key, scope=scope).figures}


def rows(key: str, table: str, *, scope: str | None = None) -> list[Row]:
    """Return all rows of a table of a section."""
    tables = ReportTables()
    section(key, tables, scope=scope)
    return list(tables.rows(table))


def statements(key: str, *, scope: str | None = None) -> list[str]:
    """Return the statements of a section."""
    return [statement.words for statement in section(key, scope=scope).statements]


def verdicts(key: str, *, scope: str | None = None) -> dict[str, Verdict]:
    """Return the verdict of each requirement that a section judges."""
    made = section(key, scope=scope)
    return {judgment.requirement: judgment.verdict for judgment in made.judgments or ()}
