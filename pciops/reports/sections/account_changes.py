"""PCI DSS 8.2.4: changes of accounts, whichever tool made them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Final

from django.db.models import Count, QuerySet

from pciops.events import sentences
from pciops.events.models import Activity
from pciops.events.search import ACTIVITY_ORDER
from pciops.lib import keyset
from pciops.reports.columns import NAMES, second
from pciops.reports.requirements import judge
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Row, Section

BATCH: Final = 2000  # rows in memory at a time


def section(sources: Sources, tables: ReportTables) -> Section:
    """Return the section about changes of accounts."""
    rows = sources.of_week(Activity.objects.all(), "at")
    numbers = Counter[str](dict(rows.order_by().values_list("action").annotate(number=Count("id"))))
    absence = sources.without_consumer
    return Section(
        key="8.2.4",
        requirement="8.2.4",
        old="8.1.2",
        title="Changes of accounts",
        demand="Accounts are created, changed, and deleted only with an approval.",
        judgments=(
            judge(
                "8.2.4",
                unit="changes",
                population=None if absence else sum(numbers.values()),
                tested=0,
                not_tested=("Whether each change was authorized, and as it was made.", absence),
            ),
        ),
        figures=tuple(
            Figure(
                f"changes_{action}",
                f"{action.label}: times in this week",
                sources.heard(numbers[action]),
                words=absence,
            )
            for action in Activity.Action
        ),
        tables=(
            tables.add(
                "changes",
                "Changes of accounts in this week, by any tool",
                (
                    Column("at", "When", "instant"),
                    *NAMES,
                    Column("action", "What"),
                    Column("by", "By whom"),
                    Column("outcome", "Ended"),
                    Column("address", "Reported address"),
                    Column("sentence", "In words"),
                    Column("event_id", "Event"),
                ),
                _rows(rows),
                empty=(
                    f"Not known. {absence}"
                    if absence
                    else "No account was changed in this week, as far as Keystone notified."
                ),
                identity=("event_id",),
            ),
        ),
    )


def _rows(rows: QuerySet[Activity]) -> Iterator[Row]:
    """Yield the changes, the newest first."""
    for row in chain.from_iterable(keyset.batches(rows, ACTIVITY_ORDER, size=BATCH)):
        yield (
            second(row.at),
            row.user_id,
            row.name,
            row.domain_name,
            row.get_action_display(),
            f"{row.doer_name or row.doer_id} ({row.doer_domain_name})" if row.doer_id else "",
            row.get_outcome_display(),
            row.address,
            sentences.as_text(sentences.of_activity(row)),
            row.event_id,
        )
