"""Changes made outside pciops and Keystone's rules: they make other evidence false."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db.models import QuerySet

from pciops.events.models import OutOfBandChange
from pciops.events.tampering import selectors
from pciops.lib import keyset, times
from pciops.reports.columns import NAMES
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Row, Table

BATCH: Final = 500  # rows in memory at a time
ORDER: Final[keyset.Order[OutOfBandChange]] = keyset.Order(
    (keyset.Column(name="found_at", kind=datetime), keyset.Column(name="id", kind=int))
)


def out_of_band_changes(
    sources: Sources, tables: ReportTables, kind: OutOfBandChange.Kind, *, label: str, title: str
) -> tuple[Figure, Table]:
    """Return the number and the list of the changes of this kind found in the week."""
    rows = sources.of_week(OutOfBandChange.objects.filter(kind=kind), "found_at")
    figure = Figure(
        f"hidden_{kind}",
        label,
        sources.seen(rows.count()),
        words=sources.without_worker,
        finding=True,
    )
    table = tables.add(
        f"hidden_{kind}",
        title,
        (
            Column("found_at", "Found", "instant"),
            *NAMES,
            Column("before", "Before"),
            Column("after", "After"),
            Column("how", "How"),
        ),
        _rows(rows, sources.now),
        empty=f"Not known. {sources.without_worker}" if sources.without_worker else "None.",
    )
    return figure, table


def _rows(rows: QuerySet[OutOfBandChange], now: datetime) -> Iterator[Row]:
    for batch in keyset.batches(rows, ORDER, size=BATCH):
        for shown in selectors.describe(batch, now=now):
            change = shown.change
            yield (
                *(times.iso(change.found_at), change.user_id, change.name, change.domain_name),
                *(change.before, change.after, shown.attribution),
            )
