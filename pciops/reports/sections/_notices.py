"""Figures and tables about emails to account owners, for the requirements they support."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Final

from django.db.models import Count, QuerySet

from pciops.lib import keyset
from pciops.notices.models import Notice, NoticeKind, NoticeStatus
from pciops.reports.columns import NAMES, second
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Row, Table

BATCH: Final = 2000  # rows in memory at a time
FAILED: Final = (NoticeStatus.REFUSED, NoticeStatus.GIVEN_UP)
UNADDRESSED: Final = (NoticeStatus.NO_ADDRESS, NoticeStatus.BAD_ADDRESS)
# By account, and those of an account by time.
BY_ACCOUNT: Final[keyset.Order[Notice]] = keyset.Order(
    (
        keyset.Column(name="user_id", kind=str),
        keyset.Column(name="planned_at", kind=datetime),
        keyset.Column(name="id", kind=str),
    )
)


def notice_figures(
    sources: Sources, tables: ReportTables, topic: str, *kinds: NoticeKind
) -> tuple[list[Figure], Table]:
    """Return how the notices of these kinds ended in the week, and those not delivered.

    Args:
        topic: a noun for labels and keys, such as "passwords".
    """
    rows = _of_week(sources, kinds)
    numbers = Counter(dict(rows.order_by().values_list("status").annotate(Count("pk"))))
    counts = {
        "sent": ("sent", numbers[NoticeStatus.SENT]),
        "failed": ("that no server accepted", sum(numbers[status] for status in FAILED)),
        "unaddressed": ("without an address", sum(numbers[status] for status in UNADDRESSED)),
    }
    figures = [
        Figure(
            f"notices_{topic}_{key}",
            f"Notices of {topic} {label}",
            sources.seen(number),
            words=sources.without_worker,
        )
        for key, (label, number) in counts.items()
    ]
    empty = "No notice was due." if not sum(numbers.values()) else "Every due notice was sent."
    table = tables.add(
        f"notices_{topic}",
        f"Notices of {topic} that were not delivered in this week",
        (
            *NAMES,
            Column("notice", "Notice"),
            Column("status", "Ended"),
            Column("at", "When", "instant"),
            Column("answer", "Why"),
        ),
        _undelivered(rows),
        empty=f"Not known. {sources.without_worker}" if sources.without_worker else empty,
        identity=("user_id", "notice"),
    )
    return figures, table


def _of_week(sources: Sources, kinds: tuple[NoticeKind, ...]) -> QuerySet[Notice]:
    """Return the notices settled in the week; those without an address by when planned."""
    rows = Notice.objects.filter(kind__in=kinds)
    settled = sources.of_week(rows, "settled_at")
    return settled | sources.of_week(rows.filter(status__in=UNADDRESSED), "planned_at")


def _undelivered(rows: QuerySet[Notice]) -> Iterator[Row]:
    rows = rows.filter(status__in=(*FAILED, *UNADDRESSED))
    for notice in chain.from_iterable(keyset.batches(rows, BY_ACCOUNT, size=BATCH)):
        yield (
            notice.user_id,
            notice.name,
            notice.domain_name,
            notice.get_kind_display(),
            notice.get_status_display(),
            second(notice.settled_at or notice.planned_at),
            notice.answer,
        )
