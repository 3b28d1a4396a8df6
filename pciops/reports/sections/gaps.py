"""PCI DSS 10.7.2: periods in which a source of the report was not running."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pciops.lib import times
from pciops.lib.numbers import counted
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Figure, Gap, ReportVerdict, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about what the report does not know."""
    schedule, consumer = sources.schedule_gaps, sources.consumer_gaps
    return Section(
        key="gaps",
        requirement="10.7.2",
        old="10.8",
        title="What this report does not know",
        demand="It is noticed when what records events stops.",
        statements=(
            Statement(
                (
                    f"The schedule stood still {counted(len(schedule), 'time')} in this week, for "
                    f"{times.span(_lost(schedule))} in all."
                    if schedule
                    else "The schedule ran all week: a census was taken every few minutes."
                ),
                ReportVerdict.UNKNOWN if schedule else ReportVerdict.MET,
            ),
            Statement(
                (
                    "Nobody listened to Keystone's notifications "
                    f"{counted(len(consumer), 'time')}, for {times.span(_lost(consumer))}."
                    if consumer
                    else "Keystone's notifications were listened to all week."
                ),
                ReportVerdict.UNKNOWN if consumer else ReportVerdict.MET,
            ),
        ),
        figures=(
            Figure(
                "schedule_gaps",
                "Minutes in which the schedule did not run",
                _lost(schedule) // timedelta(minutes=1),
                finding=True,
            ),
            Figure(
                "consumer_gaps",
                "Minutes in which nobody listened to Keystone's notifications",
                _lost(consumer) // timedelta(minutes=1),
                finding=True,
            ),
        ),
    )


def _lost(gaps: Sequence[Gap]) -> timedelta:
    return sum((gap.ends - gap.begins for gap in gaps), timedelta())
