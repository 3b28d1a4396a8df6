"""PCI DSS 10.7.2: periods in which a source of the report was not running."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pciops.lib import times
from pciops.lib.numbers import counted
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Figure, Gap, Section, Statement


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about what the report does not know."""
    schedule, consumer = sources.schedule_gaps, sources.consumer_gaps
    return Section(
        key="gaps",
        requirement="10.7.2",
        old="10.8 (10.7.1 in 4.0)",
        title="Gaps in this report",
        demand="A failure of what records events is detected and alerted promptly.",
        judgments=(
            judge(
                "10.7.2",
                unit="sources of this report",
                population=2,
                tested=2,
                not_tested=(
                    "Logging of Keystone itself, of hosts, and of other systems.",
                    "Whether each failure was answered in time, with cause and remedy (10.7.3).",
                ),
            ),
        ),
        statements=(
            Statement(
                f"No worker ran for {times.span(_lost(schedule))} of this week, in "
                f"{counted(len(schedule), 'period')}."
                if schedule
                else "Workers ran all week: a census was taken every few minutes."
            ),
            Statement(
                "No consumer of Keystone's notifications was connected for "
                f"{times.span(_lost(consumer))} of this week, in "
                f"{counted(len(consumer), 'period')}."
                if consumer
                else "A consumer of Keystone's notifications was connected all week."
            ),
        ),
        figures=(
            Figure(
                "schedule_gaps",
                "Minutes without a worker",
                _lost(schedule) // timedelta(minutes=1),
            ),
            Figure(
                "consumer_gaps",
                "Minutes without a consumer of Keystone's notifications",
                _lost(consumer) // timedelta(minutes=1),
            ),
        ),
    )


def _lost(gaps: Sequence[Gap]) -> timedelta:
    return sum((gap.ends - gap.begins for gap in gaps), timedelta())
