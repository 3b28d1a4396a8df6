"""Figures and tables about emails to account owners, for the requirements they support."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import Final

from django.db.models import Count, Q, QuerySet

from pciops.lib import keyset
from pciops.notices.models import Notice
from pciops.reports.columns import NAMES, second
from pciops.reports.sources import Sources
from pciops.reports.spool import ReportTables
from pciops.reports.value import Column, Figure, Row, Table

Kind = Notice.Kind
Status = Notice.Status

BATCH: Final = 2000  # rows in memory at a time
FAILED: Final = (Status.REFUSED, Status.GIVEN_UP)
UNADDRESSED: Final = (Status.NO_ADDRESS, Status.BAD_ADDRESS)
# By account, and those of an account by time.
BY_ACCOUNT: Final[keyset.Order[Notice]] = keyset.Order(
    (
        keyset.Column(name="user_id", kind=str),
        keyset.Column(name="planned_at", kind=datetime),
        keyset.Column(name="id", kind=str),
    )
)


def of_domain(sources: Sources) -> QuerySet[Notice]:
    """Return the notices for accounts that the report is about."""
    rows = Notice.objects.all()
    return rows if sources.scope is None else rows.filter(domain_id=sources.scope)


def notice_figures(
    sources: Sources, tables: ReportTables, topic: str, *kinds: Notice.Kind
) -> tuple[list[Figure], Table]:
    """Return how the notices of these kinds ended in the week, and those not delivered.

    Args:
        topic: a noun for labels and keys, such as "passwords".
    """
    rows = _of_week(sources, kinds)
    numbers = Counter(dict(rows.order_by().values_list("status").annotate(Count("pk"))))
    failed = sum(numbers[status] for status in FAILED)
    unaddressed = sum(numbers[status] for status in UNADDRESSED)
    figures = [
        Figure(
            key=f"notices_{topic}_sent",
            label=f"Notices of {topic} sent",
            number=numbers[Status.SENT],
        ),
        Figure(
            key=f"notices_{topic}_failed",
            label=f"Notices of {topic} that no server took",
            number=failed,
            finding=True,
        ),
        Figure(
            key=f"notices_{topic}_unaddressed",
            label=f"Notices of {topic} without an address",
            number=unaddressed,
            finding=True,
        ),
    ]
    table = tables.add(
        f"notices_{topic}",
        f"Notices of {topic} that did not get through in this week",
        (
            *NAMES,
            Column(key="notice", title="Notice"),
            Column(key="status", title="Ended"),
            Column(key="at", title="When", kind="instant"),
            Column(key="answer", title="Why"),
        ),
        _undelivered(rows),
        empty="Every notice that was due got through.",
        identity=("user_id", "notice"),
    )
    return figures, table


def _of_week(sources: Sources, kinds: tuple[Notice.Kind, ...]) -> QuerySet[Notice]:
    """Return the notices settled in the week; those without an address by when planned."""
    begins, ends = sources.week.begins, sources.week.ends
    settled = Q(settled_at__gte=begins, settled_at__lt=ends)
    planned = Q(status__in=UNADDRESSED, planned_at__gte=begins, planned_at__lt=ends)
    return of_domain(sources).filter(settled | planned, kind__in=kinds)


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
