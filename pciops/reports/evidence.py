"""What the report says of the reports before it: who has acknowledged them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from pciops.lib import times
from pciops.lib.evidence import (
    Column,
    Figure,
    Part,
    Question,
    Statement,
    Table,
    Verdict,
    evidence,
)
from pciops.lib.spool import Row
from pciops.reports.models import SignOff
from pciops.reports.sections import (
    accounts_evidence,
    actions_evidence,
    audit_evidence,
    events_evidence,
    notices_evidence,
)

__all__ = (
    "accounts_evidence",
    "actions_evidence",
    "audit_evidence",
    "events_evidence",
    "notices_evidence",
)

HALF_A_YEAR: Final = timedelta(days=183)


@evidence("review", order=10)
def review(question: Question) -> Iterator[Part]:
    """Whether somebody has acknowledged a report within six months, and who did which."""
    signed = SignOff.objects.filter(
        report__domain_id=question.scope or "",
        at__gt=question.now - HALF_A_YEAR,
        at__lte=question.now,
    ).select_related("report")
    found = list(signed.order_by("-at", "-pk").defer("report__content"))
    yield Statement(
        words=(
            f"The report of {found[0].report.week} was acknowledged by {found[0].by} on "
            f"{times.dated(found[0].at)}."
            if found
            else "Nobody has acknowledged a report within the last six months. Whoever is "
            "responsible reads this one and acknowledges it, with a remark where there is one to "
            "make; pciops keeps name and instant in its trail."
        ),
        verdict=Verdict.MET if found else Verdict.FINDING,
    )
    yield Figure(
        key="acknowledged", label="Reports acknowledged within six months", number=len(found)
    )
    yield Table(
        key="acknowledged",
        title="Who has acknowledged which report, within six months",
        columns=(
            Column(key="at", title="When", kind="instant"),
            Column(key="week", title="Week"),
            Column(key="revision", title="Revision", kind="number"),
            Column(key="by", title="By whom"),
            Column(key="remark", title="Remark"),
            Column(key="event_id", title="Row of the trail"),
        ),
        rows=lambda: [_row(one) for one in found],
        empty="No report was acknowledged.",
        identity=("event_id",),
    )


def _row(signed: SignOff) -> Row:
    return (
        times.iso(signed.at.replace(microsecond=0)),
        signed.report.week,
        signed.report.revision,
        signed.by,
        signed.remark,
        signed.event_id,
    )
