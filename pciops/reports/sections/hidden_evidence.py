"""What the report says of changes past pciops: they make other evidence false."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from django.db.models import QuerySet

from pciops.events.models import OutOfBandChange
from pciops.events.tampering import selectors as tampering
from pciops.lib import times
from pciops.lib.evidence import Cell, Column, Figure, Part, Question, Table, evidence

Kind = OutOfBandChange.Kind
READ: Final = 500  # rows in memory at a time
COLUMNS: Final = (
    Column(key="found_at", title="Found", kind="instant"),
    Column(key="user_id", title="Id"),
    Column(key="user_name", title="Account"),
    Column(key="domain_name", title="Domain"),
    Column(key="before", title="Before"),
    Column(key="after", title="After"),
    Column(key="how", title="How"),
)


@evidence("8.2.6", order=40)
def activity(question: Question) -> Iterator[Part]:
    """Last activity that was changed by hand or by a PATCH, not by a sign-in."""
    return _parts(
        question,
        Kind.ACTIVITY,
        label="Accounts whose last activity was changed without a sign-in",
        title="Last activity that no sign-in explains",
    )


@evidence("8.3.4", order=40)
def unlocks(question: Question) -> Iterator[Part]:
    """Locks that were ended without a row in the trail."""
    return _parts(
        question,
        Kind.UNLOCK,
        label="Locks that were ended past pciops",
        title="Unlocks that are not in the trail",
    )


def _parts(
    question: Question, kind: OutOfBandChange.Kind, *, label: str, title: str
) -> Iterator[Part]:
    rows = _found(question, kind)
    yield Figure(key=f"hidden_{kind}", label=label, number=rows.count(), finding=True)
    yield Table(
        key=f"hidden_{kind}",
        title=title,
        columns=COLUMNS,
        rows=lambda: _rows(rows, question),
        empty="None was found.",
        identity=("user_id",),
    )


def _found(question: Question, kind: OutOfBandChange.Kind) -> QuerySet[OutOfBandChange]:
    rows = OutOfBandChange.objects.filter(
        kind=kind, found_at__gte=question.begins, found_at__lt=question.ends
    )
    if question.scope is not None:
        rows = rows.filter(domain_id=question.scope)
    return rows.order_by("found_at", "pk")


def _rows(rows: QuerySet[OutOfBandChange], question: Question) -> Iterable[tuple[Cell, ...]]:
    changes = list(rows[:READ])
    while changes:
        for one in tampering.describe(changes, now=question.now):
            change = one.change
            yield (
                *(times.iso(change.found_at), change.user_id, change.name, change.domain_name),
                *(change.before, change.after, one.attribution),
            )
        last = changes[-1]
        changes = list(
            rows.filter(found_at=last.found_at, pk__gt=last.pk)[:READ]
            or rows.filter(found_at__gt=last.found_at)[:READ]
        )
