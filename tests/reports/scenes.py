"""A small cloud whose week is over, and the report of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from pciops.accounts.models import Census
from pciops.lib import evidence
from pciops.lib.evidence import Part, Question
from pciops.reports.build import CLOUD, Built, build
from pciops.reports.value import Figure, Report, Section, Table
from pciops.reports.weeks import Week
from tests.factories import NOW

WEEK: Final = Week(2026, 46)  # the last that has ended at NOW
IN_IT: Final = WEEK.begins + timedelta(days=2, hours=3)


def counted(*instants: datetime) -> None:
    """Empty censuses, so that there is data of that time."""
    for instant in instants:
        Census.objects.create(counted_at=instant, milliseconds=1)


def question(**facts: Any) -> Question:
    """About the whole cloud in `WEEK`."""
    return Question(**{"begins": WEEK.begins, "ends": WEEK.ends, "now": NOW, **facts})


def parts(section: str, **facts: Any) -> list[Part]:
    """What the packages have for a section."""
    return list(evidence.parts(section, question(**facts)))


def figures(section: str, **facts: Any) -> dict[str, int | None]:
    """The figures of a section by key."""
    found = parts(section, **facts)
    return {part.key: part.number for part in found if isinstance(part, evidence.Figure)}


def rows(section: str, key: str, **facts: Any) -> list[tuple[evidence.Cell, ...]]:
    """All rows of a table."""
    found = parts(section, **facts)
    [table] = [part for part in found if isinstance(part, evidence.Table) and part.key == key]
    return list(table.read())


def said(section: str, **facts: Any) -> list[tuple[str, str | None]]:
    """The statements of a section, each with its verdict."""
    found = parts(section, **facts)
    return [(part.words, part.verdict) for part in found if isinstance(part, evidence.Statement)]


def built(week: Week = WEEK, *, now: datetime = NOW) -> Built:
    """The report of a week."""
    return build(week, CLOUD, now=now)


def figure(report: Report, key: str) -> Figure:
    """The figure of this key."""
    return next(one for one in report.figures() if one.key == key)


def table(report: Report, key: str) -> Table:
    """The table of this key."""
    return next(one for one in report.tables() if one.key == key)


def section(report: Report, key: str) -> Section:
    """The section of this key."""
    return next(one for one in report.sections if one.key == key)
